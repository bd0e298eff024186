"""Learning curves, and stop thresholds that end a fit with a reason."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tuneplug.trial.learning_curves import LearningCurve, Report, StopThresholds


def curve(*values, start=0, complete=True, sign=1.0):
    reports = [Report(start + step, value) for step, value in enumerate(values)]
    return LearningCurve.from_reports(reports, sign, complete=complete)


def test_complete_curve_extends_beyond_its_last_step():
    steps = np.array([0, 1, 2, 9])
    assert curve(3.0, 2.0).reaches(steps).all()
    assert curve(3.0, 2.0, complete=False).reaches(steps).tolist() == [True, True, False, False]
    assert curve(3.0, 2.0).value_at(steps).tolist() == [3.0, 2.0, 2.0, 2.0]


def test_running_mean_averages_all_losses_so_far():
    found = curve(4.0, 2.0, 0.0, start=1).running_mean(np.array([0, 1, 2, 3, 7]))
    np.testing.assert_array_equal(found, [np.nan, 4.0, 3.0, 2.0, 2.0])


def test_losses_are_minimized_and_nan_is_infinitely_bad():
    assert curve(0.5, np.nan, sign=-1.0).losses.tolist() == [-0.5, np.inf]


@pytest.fixture
def limits():
    return StopThresholds(
        "median", "m", np.array([2, 5]), np.array([1.0, 0.5]), np.array([4, 4]), 1.0
    )


def test_limit_applies_to_the_first_report_at_or_after_its_step(limits):
    assert limits.reason(0, 1, 9.0) is None  # before the first limit
    assert limits.reason(1, 2, 1.0) is None  # equal is not worse
    assert "at step 2" in limits.reason(1, 2, 1.1)
    assert limits.reason(2, 4, 9.0) is None  # the limit was applied before
    assert limits.reason(1, 4, 1.1) is not None  # a late report: the latest limit applies
    assert "0.5, m of 4 fits" in limits.reason(0, 7, 0.6)


def test_nan_is_worse_than_every_finite_limit(limits):
    assert "nan at step 2" in limits.reason(1, 2, float("nan"))
    assert limits.lift(np.array([np.inf, 0.5]), "x").reason(1, 2, float("nan")) is None


def test_reason_shows_a_maximized_value_in_its_own_units():
    test = StopThresholds("asha", "m", np.array([0]), np.array([-0.9]), np.array([3]), -1.0)
    assert test.reason(-1, 0, 0.95) is None
    assert test.reason(-1, 0, 0.5) == "asha: 0.5 at step 0 is worse than 0.9, m of 3 fits"


def test_stop_thresholds_can_be_pickled(limits):
    again = pickle.loads(pickle.dumps(limits))
    assert again.reason(1, 2, 1.1) == limits.reason(1, 2, 1.1)
