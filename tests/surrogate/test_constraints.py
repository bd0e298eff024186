"""The constraint model: probabilities, their gradient, and values on any scale."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from tuneplug import Float
from tuneplug.space import SearchSpace
from tuneplug.surrogate.constraints import ConstraintObservations, fit_constraints
from tuneplug.surrogate.fitting import TrainingData
from tuneplug.surrogate.kernels import ColumnLayout

SPACE = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
U = np.random.default_rng(0).random((24, 2))
AT = np.random.default_rng(1).random((200, 2))


def fitted(*columns, warping=True, inference="map"):
    layout, n = ColumnLayout.from_space(SPACE), len(U)
    losses = TrainingData(
        layout, U, U.sum(axis=1), np.zeros(n), warping=warping, inference=inference
    )
    return fit_constraints(losses, ConstraintObservations(U, np.column_stack(columns)))


def circle(points, scale=1.0):
    return scale * (np.sum((points - 0.5) ** 2, axis=1) - 0.1)


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1.0, 1e12, 1e200])
def test_probability_tells_feasible_from_infeasible_points_on_any_scale(scale):
    probability = np.exp(fitted(circle(U, scale)).log_probability(AT))
    far = np.abs(circle(AT)) > 0.02
    assert np.mean((probability > 0.5)[far] == (circle(AT) <= 0.0)[far]) > 0.95


def test_one_value_that_is_far_off_does_not_hide_the_border():
    values = circle(U)
    values[0] = 1e9
    probability = np.exp(fitted(values).log_probability(AT))
    clear = (np.abs(circle(AT)) > 0.03) & (np.abs(AT - U[0]).max(axis=1) > 0.2)
    assert np.mean((probability > 0.5)[clear] == (circle(AT) <= 0.0)[clear]) > 0.85


def test_probabilities_of_several_constraints_are_multiplied():
    one, two = circle(U), U[:, 0] - 0.6
    both = fitted(one, two).log_probability(AT)
    apart = fitted(one).log_probability(AT) + fitted(two).log_probability(AT)
    np.testing.assert_allclose(both, apart)


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_gradient_is_that_of_finite_differences(inference):
    model = fitted(circle(U), U[:, 0] - 0.6, inference=inference)
    value, gradient = model.log_probability_with_gradient(AT[:10])
    np.testing.assert_allclose(value, model.log_probability(AT[:10]))
    for point, slope in zip(AT[:10], gradient, strict=True):
        near = approx_fprime(point, lambda u: model.log_probability(u[None, :])[0], 1e-7)
        np.testing.assert_allclose(slope, near, rtol=0.02, atol=1e-3)


def test_constraint_with_one_value_is_left_out():
    same = np.full(len(U), -1.0)
    assert fitted(same) is None
    np.testing.assert_array_equal(
        fitted(circle(U), same).log_probability(AT), fitted(circle(U)).log_probability(AT)
    )


def test_pending_points_lower_the_hope_of_a_region_that_is_thought_to_be_infeasible():
    model = fitted(circle(U) + 1.0)
    point = AT[[int(model.log_probability(AT).argmax())]]
    assert model.given_pending(point).log_probability(point) < model.log_probability(point)
