"""The benchmark of callbacks times each round of a training that none of them ends."""

from __future__ import annotations

import callbacks
import pytest


@pytest.mark.parametrize("library", callbacks.TRAIN)
def test_every_round_is_timed_and_compared(library):
    callback = callbacks.ours(library, rounds=4, finished=3)
    spent = callbacks.TRAIN[library](callback, 4)
    assert len(spent) == len(callback.trial.reports) == 4
    assert min(spent) > 0
    assert callback.trial.stop_reason is None
    assert callback.trial.metric == callbacks.METRICS[library]
