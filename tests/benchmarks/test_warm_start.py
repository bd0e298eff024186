"""The benchmark of the warm start pairs related tasks, and counts jobs until a level."""

from __future__ import annotations

import numpy as np
import warm_start
from _runs import Cell, Record


def test_the_moved_function_has_its_optimum_near_the_old_one():
    task, related = warm_start.pair("branin", 3)
    rng = np.random.default_rng(0)
    points = related.space.sample(200, rng)
    before = np.array([related.loss(point) for point in points])
    after = np.array([task.loss(point) for point in points])
    assert after.min() >= warm_start.CONSTANT
    assert not np.allclose(after, warm_start.SCALE * before + warm_start.CONSTANT)
    assert np.corrcoef(before, after)[0, 1] > 0.7


def test_the_parents_of_the_variants_differ_in_their_losses_only(monkeypatch):
    monkeypatch.setattr(warm_start, "PARENT_JOBS", 6)
    warm_start.parent.cache_clear()
    cells = {name: Cell("branin", name, 0, 3) for name in warm_start.VARIANTS}
    assert warm_start.warm_start(cells["alone"]) == {}
    plain = warm_start.warm_start(cells["transfer"])["warm_start_from"][0]
    mixed = warm_start.warm_start(cells["transfer, shuffled"])["warm_start_from"][0]
    assert sorted(plain["value"]) == sorted(mixed["value"])
    assert list(plain["value"]) != list(mixed["value"])
    assert warm_start.warm_start(cells["identical"])["warm_start_type"] == "identical"
    assert len(warm_start.run_cell(cells["identical"]).losses) == 3
    warm_start.parent.cache_clear()


def test_jobs_are_counted_until_the_level_of_the_search_alone():
    losses = {
        "alone": [3.0, 2.0, 1.0],
        "identical": [1.0, 5.0, 5.0],
        "transfer": [4.0, 0.5, 5.0],
        "transfer, shuffled": [4.0, 4.0, 4.0],
    }
    records = {
        (cell := Cell("branin", name, 0, 3)): Record(cell, values, [])
        for name, values in losses.items()
    }
    counts = warm_start.job_counts(records, list(records))
    assert {name: int(found[0, 0]) for name, found in counts.items()} == {
        "alone": 3,
        "identical": 1,
        "transfer": 2,
        "transfer, shuffled": 3,
    }
