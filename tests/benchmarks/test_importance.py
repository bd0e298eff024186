"""The benchmark of importances knows the truth, and gives all evaluators the same trials."""

from __future__ import annotations

import importance
import numpy as np
import optuna
import pytest


def test_the_true_shares_of_a_linear_function_are_known():
    shares = importance.true_shares(lambda x: x @ [3.0, 4.0, 0.0], 3)
    assert shares == pytest.approx([0.36, 0.64, 0.0], abs=0.02)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_all_evaluators_rank_the_same_trials():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = importance.finished_study(importance.linear, 8, "random", 0, 25)
    mirrored = importance.in_optuna(study)
    assert [trial.value for trial in mirrored.trials] == [trial.value for trial in study.trials]
    found = importance.evaluate(study, importance.true_shares(importance.linear, 8))
    assert list(found) == ["tuneplug", "fANOVA", "MDI", "PED-ANOVA"]
    assert all(-1.0 <= rank <= 1.0 and np.isfinite(seconds) for rank, seconds in found.values())
    assert found["tuneplug"][0] > 0.9
