"""The novelty model tells the plateaus of a loss from the rest of the cube."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, SearchSpace
from tuneplug.surrogate.kernels import ColumnLayout
from tuneplug.surrogate.novelty import MIN_NOVELTY, NoveltyModel, tied

SPACE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
LAYOUT = ColumnLayout.from_space(SPACE)

pytestmark = pytest.mark.usefixtures("one_thread")


def plateau(U):
    """A loss that is constant where x > 0.5."""
    return np.where(U[:, 0] > 0.5, 1.0, U[:, 0] + 0.01 * U[:, 1])


@pytest.fixture(scope="module")
def model():
    U = np.random.default_rng(0).random((40, 2))
    return NoveltyModel(LAYOUT, U, plateau(U), np.array([0.5, 5.0]))


def test_losses_with_an_equal_at_another_point_are_tied():
    U = np.random.default_rng(0).random((5, 2))
    tied_losses = tied(U, np.array([3.0, 1.0, 3.0, 2.0, 3.0]))
    np.testing.assert_array_equal(tied_losses, [True, False, True, False, True])
    assert tied(np.empty((0, 2)), np.array([])).shape == (0,)


def test_a_loss_observed_again_at_its_point_is_not_tied():
    U = np.array([[0.1, 0.2], [0.1, 0.2], [0.1, 0.3], [0.4, 0.5]])
    np.testing.assert_array_equal(tied(U, np.array([1.0, 1.0, 2.0, 2.0])), [0, 0, 1, 1])


def test_a_new_loss_is_improbable_on_a_plateau(model):
    U = np.random.default_rng(1).random((200, 2))
    probability = np.exp(model.log_probability(U))
    assert probability[U[:, 0] > 0.6].max() < 0.2
    assert probability[U[:, 0] < 0.4].min() > 0.8


def test_probability_of_a_new_loss_has_a_lower_bound(model):
    at = np.array([[0.9, 0.5]])
    assert MIN_NOVELTY <= np.exp(model.log_probability(at))[0] < 2.0 * MIN_NOVELTY


def test_gradient_is_the_derivative(model):
    U = np.random.default_rng(2).random((10, 2))
    value, gradient = model.log_probability_with_gradient(U)
    np.testing.assert_allclose(value, model.log_probability(U), rtol=1e-12)
    for j in range(2):
        step = 1e-6 * np.eye(2)[j]
        slope = (model.log_probability(U + step) - model.log_probability(U - step)) / 2e-6
        np.testing.assert_allclose(gradient[:, j], slope, rtol=1e-4, atol=1e-6)
