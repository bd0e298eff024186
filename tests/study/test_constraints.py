"""Constraints of trials: the best trial is feasible, and the values are checked and kept."""

from __future__ import annotations

import math

import pytest

from tuneplug import Float, NoCompletedTrialError, Study, TrialResult, TrialState
from tuneplug.storage import SqliteStorage

SPACE = {"x": Float(0.0, 1.0)}


def told(*results, direction="minimize"):
    """Return a study of (value, constraints)."""
    study = Study(SPACE, strategy="random", direction=direction, seed=0)
    for value, constraints in results:
        study.tell(study.ask(), value, constraints=constraints)
    return study


def test_best_trial_is_the_best_feasible_one():
    study = told((1.0, [0.5]), (3.0, [-1.0]), (2.0, [0.0]), (0.0, [0.01]))
    assert study.best_trial.number == 2
    assert [t.is_feasible for t in study.trials] == [False, True, True, False]
    assert told((1.0, [-1.0]), (3.0, [0.1]), direction="maximize").best_value == 1.0


def test_without_a_feasible_trial_the_error_names_the_least_violation():
    study = told((1.0, [-1.0, 0.5]), (2.0, [0.25, -3.0]), (0.0, [7.0, 0.1]))
    with pytest.raises(NoCompletedTrialError, match=r"trial 1, whose constraint 0 is 0\.25"):
        _ = study.best_trial


def test_optimize_ends_without_an_error_if_no_trial_is_feasible():
    def objective(trial):
        trial.set_constraints([1.0])
        return trial.params["x"]

    study = Study(SPACE, strategy="random", seed=0)
    study.optimize(objective, 3)
    assert [t.constraints for t in study.trials] == [(1.0,)] * 3


@pytest.mark.parametrize("jobs", [{}, {"n_jobs": 2}])
def test_constraints_of_an_objective_come_home(jobs):
    def objective(trial):
        trial.set_constraints([0.5 - trial.params["x"]])
        return trial.params["x"]

    study = Study(SPACE, strategy="random", seed=0)
    study.optimize(objective, 8, **jobs)
    assert all(t.constraints == (0.5 - t.params["x"],) for t in study.trials)
    assert study.best_value == min(t.value for t in study.trials if t.value >= 0.5)


@pytest.mark.parametrize("constraints", ["12", 1.0, {"a": 1.0}, [None], [True], ["a"]])
def test_constraints_that_are_no_numbers_are_refused(constraints):
    study = Study(SPACE, strategy="random", seed=0)
    trial = study.ask()
    with pytest.raises(
        TypeError, match=r"constraint.*must be .*give a list with a number for each"
    ):
        study.tell(trial, 0.0, constraints=constraints)
    study.tell(trial, 0.0, constraints=[0])
    assert study.best_trial.constraints == (0.0,)


@pytest.mark.parametrize("constraints", [[], [math.nan], [0.0, math.inf]])
def test_constraints_that_are_missing_or_not_finite_are_refused(constraints):
    study = Study(SPACE, strategy="random", seed=0)
    trial = study.ask()
    with pytest.raises(ValueError, match="one or more finite numbers"):
        study.tell(trial, 0.0, constraints=constraints)
    with pytest.raises(ValueError, match="one or more finite numbers"):
        trial.set_constraints(constraints)
    assert trial.state is TrialState.RUNNING


@pytest.mark.parametrize("constraints", [None, [0.0], [0.0] * 3])
def test_another_number_of_constraints_than_before_is_refused(constraints):
    study = told((0.0, [0.0, 0.0]))
    trial = study.ask()
    with pytest.raises(ValueError, match="trial 0 has 2, and this one"):
        study.tell(trial, 0.0, constraints=constraints)
    study.tell(trial, 0.0, constraints=[1.0, 1.0])


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_trial_of_an_objective_with_another_number_of_constraints_fails():
    def objective(trial):
        if trial.number != 1:
            trial.set_constraints([0.0])
        return 0.0

    study = Study(SPACE, strategy="random", seed=0)
    study.optimize(objective, 3)
    assert [t.state.value for t in study.trials] == ["complete", "failed", "complete"]
    assert "trial 0 has 1, and this one 0" in study.trials[1].error


def test_stopped_and_failed_trials_need_no_constraints():
    study = told((0.0, [0.0]))
    study.finish(study.ask().number, TrialResult(TrialState.STOPPED, 1.0, stop_reason="enough"))
    study.fail(study.ask(), "no")
    study.tell(study.ask(), math.nan)
    assert [t.state.value for t in study.trials] == ["complete", "stopped", "failed", "failed"]


def test_constraints_are_stored_and_shown(tmp_path):
    def run(n):
        study = Study(SPACE, storage=SqliteStorage(tmp_path / "a.db"), name="a", seed=0)
        for _ in range(n):
            trial = study.ask()
            study.tell(trial, trial.params["x"], constraints=[0.5 - trial.params["x"], -1])
        return study

    first, again = run(8), run(0)
    assert [t.constraints for t in again.trials] == [t.constraints for t in first.trials]
    assert again.best_trial.number == first.best_trial.number


def test_frame_has_the_constraints():
    pytest.importorskip("pandas")
    study = told((0.0, [0.5, -1.0]), (1.0, [0.0, -1.0]))
    study.fail(study.ask(), "no")
    frame = study.to_frame()
    assert frame["constraint_0"].tolist()[:2] == [0.5, 0.0]
    assert frame["constraint_1"].isna().tolist() == [False, False, True]
    assert frame["feasible"].tolist() == [False, True, None]
    assert "feasible" not in told((0.0, None)).to_frame()


def test_lines_of_progress_name_infeasible_trials(capsys):
    def objective(trial):
        trial.set_constraints([0.5 - trial.number])
        return trial.params["x"]

    Study(SPACE, strategy="random", seed=0).optimize(objective, 2, verbose=1)
    first, second = [line for line in capsys.readouterr().out.splitlines() if "] trial " in line]
    assert "; infeasible" in first
    assert "best none yet" in first
    assert "; infeasible" not in second
