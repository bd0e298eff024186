"""``Comparison``: means, bands, jobs to match, the paired test and the table, by hand."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from tuneplug import Comparison

FAST = [[3.0, 1.0, 0.0, 0.0], [4.0, 1.0, 0.5, 0.5]]
SLOW = [[4.0, 3.0, 2.0, 1.0], [4.0, 2.0, 2.0, 1.0]]


def random_curves(n, n_jobs, shift, seed):
    rng = np.random.default_rng(seed)
    return np.minimum.accumulate(rng.exponential(size=(n, n_jobs)) + shift, axis=1)


def test_the_mean_is_over_replications():
    comparison = Comparison({"fast": FAST, "slow": SLOW})
    np.testing.assert_allclose(comparison.mean["fast"], [3.5, 1.0, 0.25, 0.25])


def test_jobs_to_match_counts_the_jobs_until_the_final_mean_of_the_other():
    comparison = Comparison({"fast": FAST, "slow": SLOW})
    found = comparison.jobs_to_match("fast", "slow")
    assert (found.level, found.jobs, found.n_jobs, found.ratio) == (1.0, 2.0, 4, 0.5)
    assert found.interval == (0.5, 0.5)  # both rows reach it with their second job


def test_a_level_that_is_never_reached_takes_infinitely_many_jobs():
    found = Comparison({"fast": FAST, "slow": SLOW}).jobs_to_match("slow", "fast")
    assert found.jobs == found.ratio == math.inf
    assert found.interval == (math.inf, math.inf)
    assert "inf" in str(found)


def test_jobs_to_match_of_maximized_values_are_those_of_minimized_losses():
    losses = Comparison({"fast": FAST, "slow": SLOW})
    scores = Comparison({"fast": -np.array(FAST), "slow": -np.array(SLOW)}, "maximize")
    for pair in product(["fast", "slow"], repeat=2):
        one, other = losses.jobs_to_match(*pair), scores.jobs_to_match(*pair)
        assert (one.jobs, one.interval, one.level) == (other.jobs, other.interval, -other.level)
        assert losses.test(*pair).p_value == scores.test(*pair).p_value
        assert losses.test(*pair).wins == scores.test(*pair).wins


def test_rounding_of_means_costs_no_jobs():
    rng = np.random.default_rng(0)
    flat = np.repeat(rng.normal(size=(37, 1)), 50, axis=1)
    found = Comparison({"a": flat, "b": flat.copy()}).jobs_to_match("a", "b")
    assert (found.jobs, found.interval) == (1.0, (1 / 50, 1 / 50))


def test_the_interval_of_the_ratio_covers_the_ratio_of_the_population():
    # the mean of a after k jobs is 1 / k plus noise, that of b ends at 1/4
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        steps = 1.0 / np.arange(1, 17)
        a = steps + 0.05 * rng.normal(size=(30, 1))
        b = np.full((30, 16), 0.27) + 0.05 * rng.normal(size=(30, 1))
        low, high = Comparison({"a": a, "b": b}).jobs_to_match("a", "b").interval
        covered += low <= 4 / 16 <= high
    assert covered >= 54


def test_the_band_is_around_the_mean_and_narrower_with_more_replications():
    curves = random_curves(80, 10, 0.0, seed=0)
    few, many = Comparison({"a": curves[:20]}), Comparison({"a": curves})
    widths = []
    for comparison in (few, many):
        low, high = comparison.band()["a"]
        assert np.all((low <= comparison.mean["a"]) & (comparison.mean["a"] <= high))
        widths.append(np.mean(high - low))
    assert widths[1] < 0.75 * widths[0]
    low, high = many.band(0.5)["a"]
    assert np.mean(high - low) < 0.5 * widths[1]


@pytest.mark.parametrize("n", [6, 40])
def test_the_p_value_is_that_of_scipys_permutation_test(n):
    a, b = random_curves(n, 3, 0.0, seed=1), random_curves(n, 3, 0.2, seed=2)
    reference = permutation_test(
        (a[:, -1] - b[:, -1],),
        lambda d, axis: d.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    found = Comparison({"a": a, "b": b}).test("a", "b")
    assert found.p_value == pytest.approx(reference.pvalue, abs=1e-12 if n == 6 else 0.015)
    assert found.difference == pytest.approx(np.mean(a[:, -1] - b[:, -1]))


def test_equal_strategies_have_a_p_value_of_one():
    found = Comparison({"a": FAST, "b": FAST}).test("a", "b")
    assert (found.p_value, found.ties, found.difference) == (1.0, 2, 0.0)


def test_p_values_of_like_strategies_are_uniform():
    p_values = [
        Comparison({"a": random_curves(20, 2, 0.0, s), "b": random_curves(20, 2, 0.0, s + 1000)})
        .test("a", "b")
        .p_value
        for s in range(100)
    ]
    assert np.mean(np.array(p_values) <= 0.1) <= 0.2
    assert 0.4 <= np.mean(p_values) <= 0.6


def test_the_table_compares_all_strategies_with_the_last_one_or_the_one_asked_for():
    comparison = Comparison({"fast": FAST, "slow": SLOW}, n_failed={"slow": 3})
    fast, slow = comparison.table()
    assert (fast["baseline"], fast["mean"], fast["median"], fast["jobs"]) == ("slow", 0.25, 0.25, 2)
    assert (fast["wins"], fast["p_value"], slow["n_failed"], fast["n_failed"]) == (2, 0.5, 3, 0)
    assert comparison.table("fast")[1]["jobs"] == math.inf
    lines = str(comparison).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["strategy", "fast", "slow"]
    assert repr(comparison) == (
        "Comparison(strategies=['fast', 'slow'], replications=2, n_trials=4, direction='minimize')"
    )


def test_the_same_seed_gives_the_same_table():
    curves = {"a": random_curves(30, 10, 0.0, 0), "b": random_curves(30, 10, 0.1, 1)}
    assert Comparison(curves, seed=3).table() == Comparison(curves, seed=3).table()
    assert Comparison(curves, seed=3).table() != Comparison(curves, seed=4).table()


def test_replications_without_a_value_yet_make_the_mean_unknown():
    comparison = Comparison({"a": [[math.nan, 1.0], [2.0, 1.0]], "b": [[2.0, 1.0], [2.0, 1.0]]})
    assert math.isnan(comparison.mean["a"][0])
    assert comparison.jobs_to_match("a", "b").jobs == 2


def test_the_data_frame_has_a_row_per_job():
    pytest.importorskip("pandas")
    frame = Comparison({"fast": FAST, "slow": SLOW}).to_frame()
    assert list(frame.columns) == ["strategy", "replication", "job", "best"]
    row = frame.query("strategy == 'slow' and replication == 1 and job == 2")
    assert row["best"].tolist() == [2.0]
    assert len(frame) == 16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.test("fsat", "slow"), "did you mean 'fast'"),
        (lambda c: c.jobs_to_match("fast", "x"), "must be one of"),
        (lambda c: c.table("x"), "must be one of"),
        (lambda c: c.band(95), "between 0 and 1"),
        (lambda _: Comparison({}), "one shape"),
        (lambda _: Comparison({"a": [[1.0]]}), "at least 2 replications"),
        (lambda _: Comparison({"a": FAST, "b": [[1.0], [1.0]]}), "one shape"),
        (lambda _: Comparison({"a": FAST}, "max"), "direction must be"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(Comparison({"fast": FAST, "slow": SLOW}))


def test_curves_cannot_be_changed():
    comparison = Comparison({"fast": FAST})
    with pytest.raises(ValueError, match="read-only"):
        comparison.curves["fast"][0, 0] = 1.0
