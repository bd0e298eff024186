"""The feasibility model separates failures from successes, for any number of trials."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Categorical, Float, SearchSpace
from tuneplug.surrogate.classifier import MAX_TRIALS
from tuneplug.surrogate.feasibility import FeasibilityModel
from tuneplug.surrogate.kernels import ColumnLayout

SPACE = SearchSpace({"x": Float(0, 1), "c": Categorical(["p", "q", "r"])})
LAYOUT = ColumnLayout.from_space(SPACE)


pytestmark = pytest.mark.usefixtures("one_thread")


def points(n, seed=0):
    return SPACE.snap(np.random.default_rng(seed).random((n, 2)))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_failures_have_the_larger_target(share):
    U = points(40)
    failed = np.arange(40) < 40 * share
    feasibility = FeasibilityModel(LAYOUT, U, failed)
    assert len(np.unique(feasibility.gp.y)) == 2
    np.testing.assert_array_equal(feasibility.gp.y > feasibility.threshold, failed)
    np.testing.assert_array_equal(feasibility.gp.U, U)


def test_a_region_of_failures_is_recognized():
    U, at = points(60), points(200, seed=1)
    feasibility = FeasibilityModel(LAYOUT, U, U[:, 0] > 0.6)
    predicted = feasibility.gp.predict(at)[0] > feasibility.threshold
    clear = np.abs(at[:, 0] - 0.6) > 0.1
    np.testing.assert_array_equal(predicted[clear], at[clear, 0] > 0.6)


def test_a_category_of_failures_is_recognized():
    U, at = points(60), points(200, seed=1)
    category = [np.floor(3 * R[:, 1]).astype(int) for R in (U, at)]
    feasibility = FeasibilityModel(LAYOUT, U, category[0] == 1)
    predicted = feasibility.gp.predict(at)[0] > feasibility.threshold
    np.testing.assert_array_equal(predicted, category[1] == 1)


def test_a_single_failure_among_close_successes_is_ignored():
    U = np.column_stack([np.linspace(0.3, 0.5, 9), np.full(9, 0.5)])
    failed = np.arange(9) == 4
    feasibility = FeasibilityModel(LAYOUT, SPACE.snap(U), failed)
    assert feasibility.gp.predict(U[[4]])[0] < feasibility.threshold


def test_two_outcomes_at_one_point_are_accepted():
    U = np.full((6, 2), 0.5)
    feasibility = FeasibilityModel(LAYOUT, U, np.arange(6) % 2 == 0)
    assert feasibility.gp.predict(U[:1])[0] == pytest.approx(feasibility.threshold, abs=1e-9)


@pytest.mark.parametrize("rare", [True, False])
def test_only_the_latest_trials_of_each_outcome_are_used(rare):
    n = 3 * MAX_TRIALS
    U = points(n)
    failed = (np.arange(n) < 5) == rare  # long ago
    feasibility = FeasibilityModel(LAYOUT, U, failed)
    assert len(feasibility.gp.U) == 5 + MAX_TRIALS // 2
    np.testing.assert_array_equal(feasibility.gp.U[:5], U[:5])
    np.testing.assert_array_equal(feasibility.gp.U[5:], U[-MAX_TRIALS // 2 :])
