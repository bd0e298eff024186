"""What the first folds of a candidate say: fold effects, partial means, and who cannot win."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2

from tuneplug_sklearn.folds import CONFIDENCE, MIN_DOF, FoldModel

EFFECTS = np.array([-0.6, -0.1, 0.0, 0.2, 0.5])
NOISE = 0.05


def simulate(rng, means, effects=EFFECTS, noise=NOISE):
    """Return scores of candidates with these means, shape (len(means), n_folds)."""
    means = np.asarray(means)[:, None]
    return means + effects + noise * rng.standard_normal((len(means), len(effects)))


def partial(scores, *folds):
    """Return the scores with all but these folds unseen."""
    seen = np.full(len(scores), np.nan)
    seen[list(folds)] = scores[list(folds)]
    return seen


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# --------------------------------------------------------------------- what is learned


def test_fold_effects_and_residuals_are_recovered(rng):
    c = 400
    model = FoldModel(simulate(rng, rng.normal(0.8, 0.2, c)))
    # An effect is a mean over c candidates; six of its standard errors are never exceeded.
    assert model.effects == pytest.approx(EFFECTS, abs=6 * NOISE / np.sqrt(c))
    assert model.dof == (c - 1) * 4
    low, high = chi2.ppf([1e-6, 1 - 1e-6], model.dof) / model.dof
    assert low < model.variance / NOISE**2 < high


def test_the_variance_is_unbiased_with_few_candidates(rng):
    variances = [FoldModel(simulate(rng, [0.5, 0.9])).variance for _ in range(2000)]
    # Each has 4 degrees of freedom, thus a relative standard deviation of sqrt(2 / 4).
    assert np.mean(variances) == pytest.approx(NOISE**2, rel=5 * np.sqrt(0.5 / 2000))


@pytest.mark.parametrize("c", [0, 1, 2, 7])
def test_effects_sum_to_zero(rng, c):
    model = FoldModel(simulate(rng, rng.normal(size=c)))
    assert model.effects.sum() == pytest.approx(0.0, abs=1e-12)


def test_without_noise_the_model_is_exact(rng):
    model = FoldModel(simulate(rng, [0.7, 0.8, 0.9], noise=0.0))
    assert model.effects == pytest.approx(EFFECTS, abs=1e-12)
    assert model.variance == pytest.approx(0.0, abs=1e-24)
    assert model.predict_mean(partial(0.4 + EFFECTS, 0)) == pytest.approx((0.4, 0.0), abs=1e-12)


def test_levels_of_candidates_and_of_folds_change_nothing_else(rng):
    scores = simulate(rng, [0.7, 0.8, 0.9])
    model, raised = FoldModel(scores), FoldModel(scores + 5.0)
    assert raised.effects == pytest.approx(model.effects, abs=1e-12)
    assert raised.variance == pytest.approx(model.variance)
    harder = FoldModel(scores + np.arange(5.0))
    assert harder.effects == pytest.approx(model.effects + np.arange(5.0) - 2.0, abs=1e-12)
    assert harder.variance == pytest.approx(model.variance)


# --------------------------------------------------------------------- partial means


def test_with_all_folds_the_prediction_is_the_mean_without_variance(rng):
    scores = simulate(rng, [0.7, 0.8, 0.9, 0.6])
    for known in range(4):
        mean, variance = FoldModel(scores[:known]).predict_mean(scores[3])
        assert mean == pytest.approx(scores[3].mean(), rel=1e-14)
        assert variance == 0.0


@pytest.mark.parametrize("folds", [(0,), (0, 1), (1, 4), (0, 1, 2, 3)])
def test_a_partial_mean_is_unbiased_with_the_stated_variance(rng, folds):
    n = 3000
    model = FoldModel(simulate(rng, rng.normal(0.8, 0.2, 4000)))
    candidates = simulate(rng, rng.normal(0.5, 0.1, n))
    predicted = [model.predict_mean(partial(scores, *folds)) for scores in candidates]
    errors = np.array([mean for mean, _ in predicted]) - candidates.mean(axis=1)
    (variance,) = {variance for _, variance in predicted}
    assert variance == pytest.approx(NOISE**2 * (1 / len(folds) - 1 / 5), rel=0.1)
    # Effects are known to a 1/4000 of the variance of one score: a fraction of these bounds.
    assert abs(errors.mean()) < 5 * np.sqrt(variance / n)
    assert errors.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / n))


def test_a_hard_first_fold_does_not_lower_the_prediction(rng):
    model = FoldModel(simulate(rng, [0.7, 0.8, 0.9]))
    mean, _ = model.predict_mean(partial(0.85 + EFFECTS, 0))
    assert mean == pytest.approx(0.85, abs=6 * NOISE / np.sqrt(3))
    assert 0.85 + EFFECTS[0] < 0.3


def test_without_complete_candidates_the_variance_is_that_of_its_folds():
    model = FoldModel(np.empty((0, 4)))
    assert model.predict_mean(np.array([0.5, 0.7, np.nan, np.nan])) == pytest.approx(
        (0.6, 0.02 * 0.25)
    )
    assert model.predict_mean(np.array([np.nan, 0.7, np.nan, np.nan]))[0] == pytest.approx(0.7)
    assert not model.cannot_win(np.array([-9.0, -9.0, -9.0, np.nan]))


def test_one_complete_candidate_gives_fold_effects_but_no_variance():
    model = FoldModel((0.8 + EFFECTS)[None, :])
    assert model.effects == pytest.approx(EFFECTS)
    assert (model.variance, model.dof) == (None, 0)
    assert model.predict_mean(partial(0.4 + EFFECTS, 0, 4)) == pytest.approx((0.4, 0.0), abs=1e-12)
    assert not model.cannot_win(partial(EFFECTS - 9.0, 0, 1))


# --------------------------------------------------------------------- who cannot win


def test_a_clearly_worse_candidate_is_stopped_after_one_fold(rng):
    model = FoldModel(simulate(rng, [0.7, 0.8, 0.9, 0.85, 0.75]))
    for scores in simulate(rng, np.full(200, 0.3)):
        assert model.cannot_win(partial(scores, 0))


def test_a_candidate_worse_by_some_residuals_is_stopped_after_a_few(rng):
    counts, stopped = (1, 2, 4), []
    for _ in range(500):
        *scores, candidate = simulate(rng, [0.7, 0.75, 0.8, 0.85, 0.9, 0.9 - 3 * NOISE])
        model = FoldModel(np.array(scores))
        stopped.append([model.cannot_win(partial(candidate, *range(count))) for count in counts])
    one, two, four = np.mean(stopped, axis=0)
    # A bound of t = 1.75 lies at 2.2, 1.4 and 0.6 residuals: passed by 0.7, 0.9 and all of them.
    assert 0.5 < one < 0.8 < two <= four
    assert four > 0.99


@pytest.mark.parametrize("c", [2, 3, 20])
def test_the_best_itself_is_never_ruled_out(rng, c):
    for _ in range(50):
        model = FoldModel(simulate(rng, rng.normal(0.8, 0.1, c)))
        for count in range(1, 6):
            assert not model.cannot_win(partial(model.best, *range(count)))


def test_a_candidate_ahead_on_the_folds_seen_is_never_ruled_out(rng):
    model = FoldModel(simulate(rng, [0.7, 0.8, 0.9]))
    assert not model.cannot_win(partial(model.best + 1e-9, 2))


def test_a_complete_candidate_is_not_judged(rng):
    assert not FoldModel(simulate(rng, [0.7, 0.8, 0.9])).cannot_win(EFFECTS - 9.0)


@pytest.mark.parametrize(
    ("c", "n_folds", "judges"), [(2, 3, False), (2, 4, False), (2, 5, True), (3, 3, True)]
)
def test_the_racing_test_needs_a_minimum_of_degrees_of_freedom(rng, c, n_folds, judges):
    effects = np.zeros(n_folds)
    model = FoldModel(simulate(rng, np.full(c, 0.8), effects))
    assert (model.dof >= MIN_DOF) == judges
    assert model.cannot_win(partial(effects - 9.0, 0)) == judges


@pytest.mark.parametrize(("c", "n_folds", "spread"), [(2, 5, 0.1), (6, 5, 0.3), (6, 10, 0.3)])
def test_a_winner_is_rarely_stopped(rng, c, n_folds, spread):
    n, effects = 2000, np.linspace(-3.0, 3.0, n_folds)
    stopped = np.zeros(n_folds - 1, int)
    winners = 0
    for _ in range(n):
        scores = simulate(rng, rng.normal(0.0, spread, c + 1), effects, noise=1.0)
        model, candidate = FoldModel(scores[:c]), scores[c]
        if candidate.mean() > model.best.mean():
            winners += 1
            stopped += [
                model.cannot_win(partial(candidate, *range(count))) for count in range(1, n_folds)
            ]
    assert winners > 100
    # Each look at a winner is wrong at most in 1 - CONFIDENCE of all cases, as many of which as
    # chance allows once in a million.
    assert stopped.max() <= binom.ppf(1 - 1e-6, winners, 1 - CONFIDENCE)


def test_the_order_of_folds_does_not_matter(rng):
    scores = simulate(rng, [0.7, 0.8, 0.9, 0.85])
    candidates = simulate(rng, rng.normal(0.8, 0.1, 50))
    order = rng.permutation(5)
    model, mixed = FoldModel(scores), FoldModel(scores[:, order])
    judged = []
    for candidate in candidates:
        seen = partial(candidate, 0, 3)
        assert mixed.predict_mean(seen[order]) == pytest.approx(model.predict_mean(seen))
        judged.append(model.cannot_win(seen))
        assert mixed.cannot_win(seen[order]) == judged[-1]
    assert len(set(judged)) == 2


def test_the_order_of_candidates_does_not_matter(rng):
    scores = simulate(rng, [0.7, 0.8, 0.9, 0.85])
    model, turned = FoldModel(scores), FoldModel(scores[::-1])
    seen = partial(simulate(rng, [0.6])[0], 1, 2)
    assert turned.predict_mean(seen) == pytest.approx(model.predict_mean(seen))
    assert np.array_equal(turned.best, model.best)


def test_the_best_rival_is_the_one_to_beat(rng):
    scores = simulate(rng, [0.5, 0.6, 0.7, 0.9])
    candidate = partial(scores[2], 0, 1)
    assert FoldModel(scores).cannot_win(candidate)
    assert not FoldModel(scores, scores[:2]).cannot_win(candidate)
    assert not FoldModel(scores, scores[:0]).cannot_win(candidate)
