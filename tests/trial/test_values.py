"""Numbers that an objective returns or reports, and copies of configurations."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from unittest.mock import MagicMock

import numpy as np
import pytest

from tuneplug import Categorical, Float, Study, Trial, TrialResult, TrialState
from tuneplug.trial import TrialReporter, as_real
from tuneplug.trial.values import as_whole, copy_value


class Tensor:
    """A scalar like those of deep learning libraries."""

    def __init__(self, value, shape=(), dtype="float32"):
        self.value, self.shape, self.ndim, self.dtype = value, shape, len(shape), dtype

    def __float__(self):
        return float(self.value)


class Quantity:
    """A number whose conversion raises an exception."""

    def __float__(self):
        raise RuntimeError("metres are no number")


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no repr")


class Cancelled(BaseException):
    """An exception that does not derive from Exception."""


NUMBERS = [
    0.5,
    np.float32(0.5),
    np.float16(0.5),
    np.longdouble(0.5),
    np.array(0.5),
    np.array(0.5, dtype=">f8"),
    np.array(0.5, dtype=object),
    np.ma.array(0.5),
    Fraction(1, 2),
    Decimal("0.5"),
    Tensor(0.5),
]
OTHERS = [
    "0.5",
    b"0.5",
    None,
    True,
    np.True_,
    np.array(True),
    np.array("0.5"),
    np.array([0.5]),
    np.array([[0.5]]),
    [0.5],
    0.5j,
    np.complex128(0.5),
    np.timedelta64(5, "s"),
    np.datetime64("2020-01-01"),
    np.ma.masked,
    np.ma.array(0.5, mask=True),
    np.str_("0.5"),
    Tensor(0.5, shape=(1,)),
    Tensor(True, dtype="torch.bool"),
    MagicMock(),
    Unprintable(),
]
TOO_LARGE = [10**400, 10**5000, Fraction(10) ** 400, Quantity()]


@pytest.mark.parametrize("number", NUMBERS)
def test_what_converts_to_a_float_and_has_no_dimensions_is_a_number(number):
    assert as_real(number) == 0.5
    assert type(as_real(number)) is float


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_other_values_are_no_number_wherever_one_is_needed(value):
    study = Study({"x": Float(0, 1)}, seed=0)
    trial = study.ask()
    with pytest.raises(TypeError, match="must be a real number"):
        study.tell(trial, value)
    with pytest.raises(TypeError, match="must be a real number"):
        trial.report(value, 0)
    with pytest.raises(TypeError, match="must be a real number"):
        study.add_observation({"x": 0.5}, value)
    with pytest.raises(TypeError, match="timeout must be a real number"):
        study.optimize(lambda trial: 0.0, 1, timeout=value if value is not None else "1")
    if value is not None:
        with pytest.raises(TypeError, match="must be a real number"):
            study.tell(trial, 0.0, variance=value)
        with pytest.raises(TypeError, match="must be a real number"):
            TrialResult(TrialState.COMPLETE, value)
    assert trial.state is TrialState.RUNNING
    assert trial.reports == []


@pytest.mark.parametrize("value", [*OTHERS, *TOO_LARGE], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_objective_that_returns_no_number_fails_that_trial_only(value, n_jobs):
    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: 0.0 if trial.number else value, 3, n_jobs=n_jobs)
    assert [t.state.value for t in study.trials] == ["failed", "complete", "complete"]
    assert "must be a" in study.trials[0].error


@pytest.mark.parametrize("value", TOO_LARGE, ids=lambda value: type(value).__name__)
def test_number_that_no_float_can_represent_fails_its_trial_with_the_cause(value):
    study = Study({"x": Float(0, 1)}, seed=0)
    trial = study.ask()
    study.tell(trial, value)
    assert trial.state is TrialState.FAILED
    assert trial.error.startswith("ValueError: the objective must be a number that a float can")
    assert "OverflowError" in trial.error or "RuntimeError: metres are no number" in trial.error
    with pytest.raises(ValueError, match="a float can represent"):
        study.ask().report(value, 0)
    with pytest.raises(ValueError, match="a float can represent"):
        study.add_observation({"x": 0.5}, value)


def test_stopped_trial_that_returns_no_float_keeps_its_last_report():
    study = Study({"x": Float(0, 1)}, seed=0)
    trial = study.ask()
    trial.report(0.25, 0)
    trial.reporter.stop_reason = "made to stop"
    study.tell(trial, 10**400)
    assert (trial.state, trial.value) == (TrialState.STOPPED, 0.25)


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_exception_outside_of_exception_fails_its_trial_only():
    def objective(trial):
        if trial.number == 0:
            raise Cancelled
        return 0.0

    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(objective, 2)
    assert [t.state.value for t in study.trials] == ["failed", "complete"]
    assert "Cancelled" in study.trials[0].error


@pytest.mark.parametrize("step", [3, 3.0, np.int32(3), np.float32(3.0), np.array(3), Tensor(3)])
def test_whole_steps_are_reported_as_int(step):
    reporter = TrialReporter()
    reporter.report(Tensor(0.5), step, fold=np.int64(1))
    assert reporter.reports == [(3, 0.5, 1)]
    assert [type(element) for element in reporter.reports[0]] == [int, float, int]


@pytest.mark.parametrize("step", [0.5, math.nan, math.inf, Fraction(1, 2), 10**30, 1e30])
def test_step_that_is_not_whole_raises(step):
    reporter = TrialReporter()
    with pytest.raises(ValueError, match=r"a step must (be a whole number|fit into 64 bits)"):
        reporter.report(0.9, step)
    with pytest.raises(ValueError, match=r"a fold must (be a whole number|fit into 64 bits)"):
        reporter.report(0.9, 0, fold=step)
    assert reporter.reports == []


@pytest.mark.parametrize("step", ["1", None, True, [1]])
def test_step_that_is_not_a_number_raises(step):
    with pytest.raises(TypeError, match="a step must be a whole number"):
        TrialReporter().report(0.9, step)


def test_as_whole_keeps_the_digits_of_large_integers():
    assert as_whole(np.int64(2**62 + 1), "a step") == 2**62 + 1


class Estimator:
    """An object with the parameters of a scikit-learn estimator, which equals only itself."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def get_params(self, deep=True):
        return {"alpha": self.alpha}


def function():
    """A category that equals only itself."""


def test_each_access_to_the_configuration_returns_a_new_copy():
    layers, options, model = [8, [4]], {"bias": [True]}, Estimator()
    weights, plain = np.ones(2), (1, "a")
    params = {"a": layers, "b": options, "c": model, "d": weights, "e": plain, "f": function}
    trial = Trial(0, params, np.zeros(6))
    changed = trial.params
    changed["a"][1].append(2)
    changed["b"]["bias"].append(False)
    changed["c"].alpha = 5.0
    changed["d"][:] = 0.0
    changed.pop("f")
    assert (layers, options, model.alpha) == ([8, [4]], {"bias": [True]}, 1.0)
    assert weights.tolist() == [1.0, 1.0]
    assert trial.params["e"] is plain
    assert trial.params["f"] is function
    assert trial.params["a"] == layers


def test_objects_that_cannot_be_copied_or_recognized_are_returned_as_they_are():
    class Connection:
        def __deepcopy__(self, memo):
            raise TypeError("cannot copy")

    for value in (Connection(), object(), function, Estimator, math, np.float64(0.5), {1, 2}):
        copied = copy_value(value)
        assert copied is value or copied == value
    assert copy_value(thing := Connection()) is thing


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_objective_that_changes_its_configuration_changes_neither_record_nor_space(
    n_jobs, tmp_path
):
    def objective(trial):
        params = trial.params
        rate = params.pop("rate")
        params["layers"].append(rate)
        trial.params["layers"].clear()
        return rate

    space = {"rate": Float(0.1, 1.0), "layers": Categorical([[1], [1, 2]])}
    storage = f"sqlite:///{tmp_path}/study.db"
    study = Study(space, strategy="random", seed=0, storage=storage, name="a")
    study.optimize(objective, 6, n_jobs=n_jobs)
    assert list(study.best_params) == ["rate", "layers"]
    study.best_params.clear()
    assert all(t.params["layers"] in ([1], [1, 2]) for t in study.trials)
    again = Study({"rate": Float(0.1, 1.0), "layers": [[1], [1, 2]]}, storage=storage, name="a")
    assert [t.params for t in again.trials] == [t.params for t in study.trials]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_objective_that_assigns_to_its_trial_does_not_change_the_record(n_jobs):
    def objective(trial):
        trial.report(1.0, 0)
        trial.params, trial.number, trial.value = {}, 77, -1e9
        trial.state, trial.origin = TrialState.COMPLETE, "objective"
        return 0.5

    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    study.optimize(objective, 4, n_jobs=n_jobs)
    assert [t.number for t in study.trials] == [0, 1, 2, 3]
    assert all(list(t.params) == ["x"] and t.value == 0.5 for t in study.trials)
    assert all(t.origin == "random" and t.reports == [(0, 1.0, None)] for t in study.trials)


def test_configuration_that_changes_after_it_was_enqueued_is_tried_as_enqueued():
    study = Study({"layers": [[1], [1, 2]]}, seed=0)
    mine = {"layers": [1, 2]}
    study.enqueue(mine)
    mine["layers"].append(3)
    assert study.ask().params == {"layers": [1, 2]}
