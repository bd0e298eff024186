"""Studies of users who make floating-point errors of NumPy raise."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import AllTrialsFailedError, Categorical, Float, Int, Study

SPACE = {"a": Float(1e-300, 1.0, "log"), "b": Int(1, 10), "c": Categorical(["x", "y"])}


@pytest.mark.parametrize(
    "value",
    [lambda a: a, lambda a: 1e-200 * a, lambda a: 1e200 * a, lambda a: 1.0],
    ids=["ordinary", "tiny", "huge", "constant"],
)
def test_suggestions_and_models_raise_no_floating_point_errors(value):
    def run():
        study = Study(SPACE, seed=0)
        study.optimize(lambda trial: value(trial.params["a"]), 15)
        study.learned_warps()
        study.learned_model().importances()
        return [trial.params for trial in study.trials]

    expected = run()
    with np.errstate(all="raise"):
        assert run() == expected


def test_objective_keeps_the_handling_of_floating_point_errors_of_the_user():
    study = Study({"a": Float(0.0, 1.0)}, strategy="random", seed=0)

    def objective(trial):
        return float(np.exp(np.float64(-1e6)) + trial.params["a"])

    with (
        np.errstate(all="raise"),
        pytest.warns(RuntimeWarning, match="FloatingPointError"),
        pytest.raises(AllTrialsFailedError),
    ):
        study.optimize(objective, 3)
