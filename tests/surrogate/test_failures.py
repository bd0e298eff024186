"""Where trials fail: near failures and not near successes, whatever the size of the problem."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tuneplug import Categorical, Float, SearchSpace
from tuneplug.surrogate.failures import N_LATEST, failure_process
from tuneplug.surrogate.gp import Layout

SPACE = SearchSpace({"x": Float(0, 1), "c": Categorical(["p", "q", "r"])})
LAYOUT = Layout.of(SPACE)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Matrices this small only make the threads of a BLAS wait for each other."""
    with threadpool_limits(1):
        yield


def rows(n, seed=0):
    return SPACE.snap(np.random.default_rng(seed).random((n, 2)))


def middle(process):
    return 0.5 * (process.y.min() + process.y.max())


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_failures_have_the_larger_of_two_targets(share):
    U = rows(40)
    failed = np.arange(40) < 40 * share
    process = failure_process(LAYOUT, U, failed)
    assert len(np.unique(process.y)) == 2
    np.testing.assert_array_equal(process.y > middle(process), failed)
    np.testing.assert_array_equal(process.U, U)


def test_a_region_is_told_from_the_rest():
    U, at = rows(60), rows(200, seed=1)
    process = failure_process(LAYOUT, U, U[:, 0] > 0.6)
    predicted = process.predict(at)[0] > middle(process)
    clear = np.abs(at[:, 0] - 0.6) > 0.1
    np.testing.assert_array_equal(predicted[clear], at[clear, 0] > 0.6)


def test_a_choice_is_told_from_the_others():
    U, at = rows(60), rows(200, seed=1)
    choice = [np.floor(3 * R[:, 1]).astype(int) for R in (U, at)]
    process = failure_process(LAYOUT, U, choice[0] == 1)
    predicted = process.predict(at)[0] > middle(process)
    np.testing.assert_array_equal(predicted, choice[1] == 1)


def test_a_single_failure_fades_among_successes_close_by():
    U = np.column_stack([np.linspace(0.3, 0.5, 9), np.full(9, 0.5)])
    failed = np.arange(9) == 4
    process = failure_process(LAYOUT, SPACE.snap(U), failed)
    assert process.predict(U[[4]])[0] < middle(process)


def test_two_outcomes_at_one_place_are_no_trouble():
    U = np.full((6, 2), 0.5)
    process = failure_process(LAYOUT, U, np.arange(6) % 2 == 0)
    assert process.predict(U[:1])[0] == pytest.approx(middle(process), abs=1e-9)


@pytest.mark.parametrize("rare", [True, False])
def test_of_many_trials_the_latest_of_both_outcomes_are_kept(rare):
    n = 3 * N_LATEST
    U = rows(n)
    failed = (np.arange(n) < 5) == rare  # long ago
    process = failure_process(LAYOUT, U, failed)
    assert len(process.U) == 5 + N_LATEST // 2
    np.testing.assert_array_equal(process.U[:5], U[:5])
    np.testing.assert_array_equal(process.U[5:], U[-N_LATEST // 2 :])
