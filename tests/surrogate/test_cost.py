"""The price of a trial: prediction, gradient, saturation, lower bounds, and when it is 0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from tuneplug import Categorical, Float, SearchSpace
from tuneplug.surrogate.acquisition import Acquisition
from tuneplug.surrogate.cost import CostObservations, fit_cost_model
from tuneplug.surrogate.fitting import TrainingData, fit_surrogate
from tuneplug.surrogate.kernels import ColumnLayout

SPACE = SearchSpace({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "kind": Categorical(["u", "v"])})
LAYOUT = ColumnLayout.from_space(SPACE)


def points(n, seed=0):
    return SPACE.snap(np.random.default_rng(seed).random((n, 3)))


def log_cost_of(U):
    return 4.0 * U[:, 0] + 0.7 * (U[:, 2] > 0.5)


def observations(n=30, is_bound=None):
    U = points(n)
    bound = np.zeros(n, dtype=bool) if is_bound is None else is_bound
    return CostObservations(U, np.exp(log_cost_of(U)), bound)


def fitted(weight=1.0, **more):
    model = fit_cost_model(LAYOUT, observations(**more), weight=weight)
    assert model is not None
    return model


def test_costs_are_predicted_within_a_few_percent():
    new = points(50, seed=1)
    error = np.log(fitted().predicted_cost(new)) - log_cost_of(new)
    assert np.quantile(np.abs(error), 0.9) < 0.1


def test_predictions_are_clipped_to_the_observed_range():
    U = points(30)
    U[:, 0] = 0.3 + 0.3 * U[:, 0]
    costs = np.exp(log_cost_of(U))
    model = fit_cost_model(LAYOUT, CostObservations(U, costs, np.zeros(30, bool)), weight=1.0)
    corners = SPACE.snap(np.array([[0.0, 0.5, 0.1], [1.0, 0.5, 0.9]]))
    np.testing.assert_allclose(model.predicted_cost(corners), [costs.min(), costs.max()])


def test_the_price_saturates_where_trials_are_nearly_free():
    U = points(40)
    costs = np.where(U[:, 0] < 0.5, 1e-9, 1.0) * np.exp(U[:, 1])
    model = fit_cost_model(LAYOUT, CostObservations(U, costs, np.zeros(40, bool)), weight=1.0)
    price = model.log_price(U)
    free = U[:, 0] < 0.5
    assert price[~free].min() - price[free].min() < -np.log(1e-3) + 1.0


def test_the_gradient_of_the_price_is_the_derivative():
    model, U = fitted(weight=0.7), points(8, seed=2)
    price, gradient = model.log_price_with_gradient(U)
    np.testing.assert_allclose(price, model.log_price(U), rtol=1e-9)
    for u, expected in zip(U, gradient, strict=True):

        def at(x, u=u):
            return float(model.log_price(np.array([[*x, u[2]]]))[0])

        np.testing.assert_allclose(approx_fprime(u[:2], at, 1e-6), expected, atol=1e-4)


def test_the_acquisition_is_the_improvement_less_the_price_with_its_gradient():
    U = points(20)
    losses = (U[:, 0] - 0.4) ** 2 + U[:, 1]
    gps = fit_surrogate(TrainingData(LAYOUT, U, losses, np.zeros(20)))
    plain, priced = Acquisition(gps), Acquisition(gps, None, fitted())
    new = points(5, seed=3)
    np.testing.assert_array_equal(priced(new), plain(new) - fitted().log_price(new))
    np.testing.assert_array_equal(priced.log_improvement(new), plain(new))
    value, gradient = priced.with_gradient(new)
    plain_value, plain_gradient = plain.with_gradient(new)
    price, d_price = fitted().log_price_with_gradient(new)
    np.testing.assert_array_equal(value, plain_value - price)
    np.testing.assert_array_equal(gradient, plain_gradient - d_price)


def test_the_weight_multiplies_the_price():
    new = points(5, seed=3)
    np.testing.assert_allclose(fitted(0.25).log_price(new), 0.25 * fitted(1.0).log_price(new))


def test_lower_bounds_raise_the_prediction_only_where_it_is_below():
    n = 30
    U = points(n)
    at, far = np.array([[0.1, 0.5, 0.25]]), np.array([[0.9, 0.5, 0.25]])
    costs = np.exp(log_cost_of(U))
    free = CostObservations(U, costs, np.zeros(n, bool))

    def with_bound(cost):
        bounded = CostObservations(
            np.vstack([U, at]), np.append(costs, cost), np.arange(n + 1) == n
        )
        return fit_cost_model(LAYOUT, bounded, weight=1.0)

    plain = fit_cost_model(LAYOUT, free, weight=1.0).predicted_cost(np.vstack([at, far]))
    low = with_bound(float(plain[0]) / 10.0).predicted_cost(np.vstack([at, far]))
    high = with_bound(float(plain[0]) * 5.0).predicted_cost(np.vstack([at, far]))
    np.testing.assert_allclose(low, plain, rtol=0.02)
    assert high[0] > 1.5 * plain[0]
    assert high[1] == pytest.approx(plain[1], rel=0.2)


@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        (np.full(20, 3.0), "equal"),
        (np.zeros(20), "zero"),
        (np.exp(np.linspace(0.0, 0.3, 20)), "nearly equal"),
        (np.random.default_rng(0).lognormal(size=20), "without a pattern"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_costs_that_are_alike_or_unpredictable_do_not_count(costs, reason):
    observed = CostObservations(points(20), costs, np.zeros(20, bool))
    assert fit_cost_model(LAYOUT, observed, weight=1.0) is None


def test_too_few_known_costs_do_not_count():
    assert fit_cost_model(LAYOUT, observations(3), weight=1.0) is None
    assert fit_cost_model(LAYOUT, observations(9, np.arange(9) >= 3), weight=1.0) is None


def test_a_weight_of_zero_does_not_count():
    assert fit_cost_model(LAYOUT, observations(), weight=0.0) is None
