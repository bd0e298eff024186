"""The schedule of successive halving, and the share of random search's time."""

from __future__ import annotations

import pytest
from _recorded_fits import Fit, RecordedFits
from _runs import Cell

resources = pytest.importorskip("resources")  # needs XGBoost and LightGBM

from _clock_runs import ClockRecord  # noqa: E402
from _resource_tasks import tasks  # noqa: E402


def test_successive_halving_tries_a_third_with_three_times_the_rows():
    (task,) = tasks(None, ["xgboost"])
    search = resources.halving(task, seed=0)
    request, asked = next(search), []
    for number in range(41):
        asked.append(request.resource)
        request = search.send(Fit(float(number), 1.0))
    assert asked == [1] * 27 + [3] * 9 + [9] * 3 + [27] + [1]


def test_only_full_fits_reach_the_target_and_a_miss_counts_twice_the_budget():
    args = resources.arguments(["--budget", "0.5"])
    goal = resources.Target(seconds=10.0, loss=0.2)
    cell = Cell("task", "halving", 0, 60)
    record = ClockRecord(cell, [0.1, 0.3, 0.2], [0.0] * 3, [1.0, 1.0, 2.0], [9, 27, 27], 5.0)
    found = resources.result(record, 27, goal, args)
    assert (found.share, found.reached, found.excess) == (0.4, True, 0.0)
    missed = resources.result(record, 27, resources.Target(10.0, 0.15), args)
    assert (missed.share, missed.reached) == (1.0, False)


def test_a_ninth_of_the_rows_is_compared_with_the_full_fits_of_the_same_configurations(tmp_path):
    (task,) = tasks(None, ["xgboost"])
    path = tmp_path / "fits.sqlite"
    assert resources.of_a_ninth(task, path) == ""
    losses = {3: [0.2, 0.1, 0.3, 0.4], 27: [0.1, 0.2, 0.3, 0.4]}
    with RecordedFits(path) as fits:
        for level, found in losses.items():
            for number, loss in enumerate(found):
                fits.fit(task.name, {"x": number}, level, lambda *_, loss=loss: loss)
        fits.fit(task.name, {"x": 9}, 3, lambda *_: 0.0)
    text = resources.of_a_ninth(task, path)
    assert "Over the 4 configurations with both, the rank correlation of the losses is 0.80" in text
    assert "over the better half, 0.50." in text
