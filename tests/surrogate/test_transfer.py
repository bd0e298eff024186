"""A prior mean from other searches: gradients, trust, and the residual process."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, SearchSpace
from tuneplug.surrogate.fitting import TrainingData, fit_surrogate
from tuneplug.surrogate.kernels import ColumnLayout
from tuneplug.surrogate.transfer import fit_parent, rank_correlation, with_parents

SPACE = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


def data(f, n=25, seed=0):
    U = np.random.default_rng(seed).random((n, 2))
    return TrainingData(ColumnLayout.from_space(SPACE), U, f(U), np.zeros(n))


def bowl(U):
    return ((U - [0.3, 0.6]) ** 2).sum(axis=1)


def shuffled(known, seed):
    losses = np.random.default_rng(seed).permutation(known.losses)
    return TrainingData(known.layout, known.U, losses, known.noise_variances)


def test_the_rank_correlation_is_kendalls():
    from scipy.stats import kendalltau

    a, b = np.random.default_rng(0).random((2, 30))
    assert rank_correlation(a, b) == pytest.approx(kendalltau(a, b).statistic)
    assert rank_correlation(a, np.zeros(30)) == 0.0


def test_a_parent_that_ranks_its_own_trials_is_believable_and_a_shuffled_one_is_not():
    assert fit_parent(data(bowl)).believable
    assert not fit_parent(data(bowl, n=4)).believable
    found = [fit_parent(shuffled(data(bowl, n=20), seed)).believable for seed in range(20)]
    assert sum(found) <= 3


def test_predictions_with_a_prior_mean_have_the_gradient_of_their_values():
    parents = [fit_parent(data(bowl)), fit_parent(data(lambda U: bowl(U[:, ::-1])), absent=(1,))]
    gp = with_parents(fit_surrogate(data(lambda U: bowl(U + 0.05), n=8, seed=1))[0], parents)
    assert gp.prior is not None
    U, step = np.random.default_rng(2).uniform(0.1, 0.9, (3, 2)), 1e-6
    mean, _, pullback = gp.predict_with_pullback(U)
    np.testing.assert_allclose(mean, gp.predict(U)[0])
    np.testing.assert_allclose(mean, gp.predict_mean(U))
    gradient = pullback(np.ones(3), np.zeros(3))
    np.testing.assert_allclose(gp.predict_mean_with_gradient(U)[1], gradient, atol=1e-9)
    for column in range(2):
        moved = np.zeros(2)
        moved[column] = step
        change = (gp.predict_mean(U + moved) - gp.predict_mean(U - moved)) / (2 * step)
        np.testing.assert_allclose(gradient[:, column], change, atol=1e-5)


def test_fantasies_keep_the_prior_mean():
    gp = with_parents(fit_surrogate(data(bowl, n=6, seed=1))[0], [fit_parent(data(bowl))])
    U = np.array([[0.2, 0.9], [0.7, 0.1]])
    fantasies = gp.fantasize(U, np.zeros((2, 3)))
    mean = gp.predict(U)[0]
    np.testing.assert_allclose(
        fantasies.predict(U)[0], np.repeat(mean[:, None], 3, axis=1), atol=1e-6
    )


def test_a_related_parent_improves_predictions_where_nothing_was_tried():
    few = data(lambda U: 10.0 * bowl(U) + 3.0, n=5, seed=1)
    plain = fit_surrogate(few)[0]
    informed = with_parents(plain, [fit_parent(data(bowl))])
    U = np.random.default_rng(9).random((200, 2))
    skill = [rank_correlation(gp.predict_mean(U), bowl(U)) for gp in (plain, informed)]
    assert skill[1] > 0.85
    assert skill[1] > skill[0]
    assert informed.hyper.amplitude < plain.hyper.amplitude


def test_a_parent_that_ranks_the_trials_the_other_way_around_is_not_trusted():
    gp = fit_surrogate(data(lambda U: -bowl(U), n=20, seed=1))[0]
    assert with_parents(gp, [fit_parent(data(bowl))]) is gp
