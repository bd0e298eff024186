"""What a trial took: told, measured on the worker, validated, stored and shown."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from tuneplug import Float, StorageError, Study, TrialResult, TrialState
from tuneplug.execution import SerialExecutor
from tuneplug.storage import MemoryStorage, SqliteStorage
from tuneplug.trial import History

SPACE = {"x": Float(0.0, 1.0)}
BAD_COSTS = [-1.0, math.nan, math.inf]


def bowl(trial):
    return (trial.params["x"] - 0.3) ** 2


def spin(trial):
    """Take at least 10 ms."""
    end = time.time() + 0.01
    while time.time() < end:
        pass
    return bowl(trial)


def test_the_told_cost_is_the_cost_of_the_trial():
    study = Study(SPACE, seed=0)
    trial = study.ask()
    assert trial.cost is None
    study.tell(trial, 1.0, cost=np.float32(2.5))
    assert study.trials[0].cost == 2.5
    assert type(study.trials[0].cost) is float


def test_the_objective_can_set_the_cost_of_its_trial():
    def objective(trial):
        trial.set_cost(4.0 + trial.number)
        assert trial.cost is None
        if trial.number == 1:
            raise ArithmeticError("made to fail")
        return bowl(trial)

    study = Study(SPACE, strategy="random", seed=0)
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(objective, 3, n_jobs=2)
    assert [t.cost for t in study.trials] == [4.0, 5.0, 6.0]
    trial = study.ask()
    trial.set_cost(9.0)
    assert study.trials[3].cost is None
    study.tell(trial, 1.0)
    assert study.trials[3].cost == 9.0


def test_a_wrong_cost_that_the_objective_sets_fails_its_trial():
    def objective(trial):
        if trial.number == 1:
            trial.set_cost(-1.0)
        return bowl(trial)

    study = Study(SPACE, strategy="random", seed=0)
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(objective, 2)
    assert "cost must be finite and not negative, but got -1.0" in study.trials[1].error


def test_without_a_told_cost_the_cost_is_the_time_from_start_to_end():
    study = Study(SPACE, seed=0)
    study.tell(study.ask(), 1.0)
    trial = study.trials[0]
    assert trial.cost == trial.finished - trial.started


@pytest.mark.parametrize("cost", BAD_COSTS)
def test_a_cost_that_is_negative_or_not_finite_is_refused_and_the_trial_keeps_running(cost):
    study = Study(SPACE, seed=0)
    trial = study.ask()
    with pytest.raises(ValueError, match="cost must be finite and not negative"):
        study.tell(trial, 1.0, cost=cost)
    with pytest.raises(ValueError, match="cost must be finite and not negative"):
        study.fail(trial, "broken", cost=cost)
    with pytest.raises(ValueError, match="cost must be finite and not negative"):
        TrialResult(TrialState.FAILED, cost=cost)
    with pytest.raises(ValueError, match="cost must be finite and not negative"):
        study.add_observation({"x": 0.5}, 1.0, cost=cost)
    assert study.trials[0].state is TrialState.RUNNING


@pytest.mark.parametrize("cost", ["3", True, 1j])
def test_a_cost_that_is_no_real_number_is_refused(cost):
    study = Study(SPACE, seed=0)
    with pytest.raises(TypeError, match="cost must be a real number"):
        study.tell(study.ask(), 1.0, cost=cost)


def test_failed_and_stopped_trials_have_the_told_cost():
    study = Study(SPACE, seed=0)
    study.fail(study.ask(), "broken", cost=3.0)
    study.tell(study.ask(), math.nan, cost=4.0)
    trial = study.ask()
    trial.report(1.0, 0)
    trial.reporter.stop_reason = "enough"
    study.tell(trial, None, cost=0.0)
    assert [t.state.value for t in study.trials] == ["failed", "failed", "stopped"]
    assert [t.cost for t in study.trials] == [3.0, 4.0, 0.0]


def test_a_trial_whose_clock_was_set_back_has_no_cost():
    study = Study(SPACE, seed=0)
    study.finish(study.ask().number, TrialResult(TrialState.FAILED, started=5.0, finished=4.0))
    assert study.trials[0].cost is None


@pytest.mark.parametrize("executor", [None, "serial", "threads", "processes"])
def test_optimize_measures_the_cost_on_the_worker(executor):
    options = {"n_jobs": 2} if executor == "threads" else {}
    study = Study(SPACE, strategy="random", seed=0)
    if executor == "processes":
        with ProcessPoolExecutor(1) as pool:
            study.optimize(spin, 3, executor=pool)
    else:
        study.optimize(
            spin, 3, executor=SerialExecutor() if executor == "serial" else None, **options
        )
    assert [t.cost for t in study.trials] == [t.duration for t in study.trials]
    assert min(t.cost for t in study.trials) >= 0.01


def test_a_failing_objective_costs_what_it_took():
    def broken(trial):
        spin(trial)
        if trial.number == 1:
            raise ArithmeticError("made to fail")
        return 1.0

    study = Study(SPACE, strategy="random", seed=0)
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(broken, 2)
    assert study.trials[1].state is TrialState.FAILED
    assert study.trials[1].cost >= 0.01


@pytest.mark.usefixtures("ticking")
def test_a_trial_that_the_timeout_stops_costs_what_it_took():
    def endless(trial):
        while not trial.should_stop() or trial.number == 0:
            trial.report(1.0, len(trial.reports))
            if trial.number == 0:
                return 1.0
        return None

    study = Study(SPACE, strategy="random", seed=0)
    study.optimize(endless, 2, timeout=0.05)
    last = study.trials[-1]
    assert last.stop_reason == "timeout"
    assert last.cost == last.duration


def test_a_view_of_the_history_hides_the_costs_of_later_trials():
    study = Study(SPACE, strategy="random", seed=0)
    for _ in range(3):
        study.tell(study.ask(), 1.0, cost=2.0)
    view = study.history.until(1)
    assert isinstance(view, History)
    assert [trial.cost for trial in view] == [2.0, None, None]
    assert [trial.cost for trial in study.trials] == [2.0] * 3


def test_the_data_frame_has_the_cost():
    pytest.importorskip("pandas")
    study = Study(SPACE, strategy="random", seed=0)
    study.tell(study.ask(), 1.0, cost=2.5)
    study.ask()
    frame = study.to_frame()
    assert frame["cost"][0] == 2.5
    assert math.isnan(frame["cost"][1])


# ------------------------------------------------------------------ storages


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_storages_keep_the_cost(kind, tmp_path):
    storage = MemoryStorage() if kind == "memory" else SqliteStorage(tmp_path / "study.db")
    study = Study(SPACE, strategy="random", storage=storage, name="a", seed=0)
    for cost in (0.1 + 0.2, 0.0, None):
        study.tell(study.ask(), 1.0, cost=cost)
    study.ask()
    again = Study(SPACE, strategy="random", storage=storage, name="a")
    assert [t.cost for t in again.trials] == [t.cost for t in study.trials]
    assert again.trials[0].cost == 0.1 + 0.2
    assert again.trials[3].cost is None


def change_record(path, change):
    with closing(sqlite3.connect(path)) as db, db:
        (text,) = db.execute("select record from tuneplug_trials where number = 0").fetchone()
        record = json.loads(text)
        del record["crc32"]
        change(record)
        db.execute("update tuneplug_trials set record = ? where number = 0", (json.dumps(record),))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "study.db"
    study = Study(SPACE, strategy="random", storage=SqliteStorage(path), name="a", seed=0)
    study.tell(study.ask(), 1.0, cost=2.0)
    return path


def test_a_file_whose_records_have_no_cost_is_read_and_continued(path):
    change_record(path, lambda record: record.pop("cost"))
    study = Study(SPACE, strategy="random", storage=SqliteStorage(path), name="a")
    assert study.trials[0].cost is None
    study.tell(study.ask(), 1.0, cost=3.0)
    again = Study(SPACE, strategy="random", storage=SqliteStorage(path), name="a")
    assert [t.cost for t in again.trials] == [None, 3.0]


def test_an_interrupted_trial_of_a_file_without_costs_fails_without_a_cost(path):
    def make_running(record):
        record.pop("cost")
        record.update(state="running", value=None, finished=None)

    change_record(path, make_running)
    storage = SqliteStorage(path)
    study = Study(SPACE, strategy="random", storage=storage, name="a", stale_trials="fail")
    study.ask()
    assert study.trials[0].state is TrialState.FAILED
    assert study.trials[0].cost is None


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf, "2", True, [1.0]])
def test_a_stored_cost_that_cannot_be_right_is_refused(path, cost):
    change_record(path, lambda record: record.update(cost=cost))
    with pytest.raises(StorageError, match="'cost' must be a finite number of at least 0, or None"):
        Study(SPACE, strategy="random", storage=SqliteStorage(path), name="a")


def test_a_stored_running_trial_with_a_cost_is_refused(path):
    change_record(path, lambda record: record.update(state="running", value=None))
    with pytest.raises(StorageError, match="'cost' of a running trial must be None, but got 2"):
        Study(SPACE, strategy="random", storage=SqliteStorage(path), name="a")
