"""Sampled functions have the mean and the variance of the posterior."""

from __future__ import annotations

import numpy as np

from tuneplug import Float, SearchSpace
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters
from tuneplug.surrogate.pathwise import sample_functions

SPACE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1), "kind": ["a", "b"]})


def process():
    hyper = Hyperparameters(
        np.array([0.3, 0.6, 1.0]), 1.4, 0.01, 0.2, np.array([1.5, 1.0]), np.array([0.8, 1.0])
    )
    U = SPACE.snap(np.random.default_rng(0).random((12, 3)))
    y = np.sin(6 * U[:, 0]) + U[:, 1]
    return GaussianProcess(CubeKernel(ColumnLayout.from_space(SPACE), hyper), U, y, 0.02)


def test_sampled_functions_have_the_moments_of_the_posterior():
    gp = process()
    U = SPACE.snap(np.random.default_rng(1).random((40, 3)))
    mean, variance = gp.predict(U)
    draws = np.hstack(
        [sample_functions(gp, 100, np.random.default_rng(seed))(U) for seed in range(30)]
    )
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=0.08)
    np.testing.assert_allclose(draws.var(axis=1), variance, atol=0.08)


def test_the_same_seed_gives_the_same_functions():
    gp, U = process(), SPACE.snap(np.random.default_rng(1).random((5, 3)))
    first, again = (sample_functions(gp, 3, np.random.default_rng(4))(U) for _ in range(2))
    assert first.shape == (5, 3)
    np.testing.assert_array_equal(first, again)
