"""The benchmark of storages runs the same study in each of them."""

from __future__ import annotations

import storages


def test_each_storage_keeps_the_trials_and_is_timed(tmp_path):
    found = storages.makers(str(tmp_path))
    for make in found.values():
        trial, reports = storages.milliseconds(make("0"), 2, 3)
        assert trial > 0
        assert reports > 0
    assert {each.suffix for each in tmp_path.iterdir()} == {".db", ".log"}
