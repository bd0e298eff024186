"""Trials below full fidelity: kept and shown, but no evidence about the objective."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from tuneplug import Float, NoCompletedTrialError, StorageError, Study, TrialState
from tuneplug.execution import Progress
from tuneplug.plugins import Plugins
from tuneplug.stopping import Convergence, MedianRule, Patience, Savings, Target
from tuneplug.storage import MemoryStorage, SqliteStorage
from tuneplug.strategies import BayesianSearch, Context, RandomSearch, Strategy, Suggestion

SPACE = {"x": Float(0.0, 1.0)}


class Alternating(Strategy):
    """Suggest a random configuration, at fidelity 1/3 in trials of even number."""

    name = "alternating"

    def suggest(self, context, n):
        number = len(context.history)
        x = float(context.rng(number // 2).random())
        fidelity = 1.0 if number % 2 else 1 / 3
        return [Suggestion({"x": x}, fidelity=fidelity, expected_improvement=1e-9)]


def run(study, n, steps=0):
    """Tell a value that is lower by 10 below full fidelity."""
    for _ in range(n):
        trial = study.ask()
        value = trial.params["x"] - 10.0 * (trial.fidelity < 1.0)
        for step in range(steps):
            trial.report(value + 1.0 / (step + 1), step)
        study.tell(trial, value)
    return study


def test_suggestion_sets_the_fidelity_of_its_trial():
    study = run(Study(SPACE, strategy=Alternating(), seed=0), 4)
    assert [trial.fidelity for trial in study.trials] == [1 / 3, 1.0, 1 / 3, 1.0]
    assert [trial.is_full for trial in study.trials] == [False, True] * 2


@pytest.mark.parametrize("fidelity", [0.0, -0.1, 1.1, float("nan")])
def test_fidelity_outside_of_its_range_is_an_error(fidelity):
    with pytest.raises(ValueError, match="fidelity must be above 0 and at most 1"):
        Suggestion({"x": 0.5}, fidelity=fidelity)


def test_only_full_trials_are_best():
    study = run(Study(SPACE, strategy=Alternating(), seed=0), 12)
    values = [trial.value for trial in study.trials if trial.is_full]
    assert study.best_value == min(values) >= 0.0
    assert study.best_trial.is_full
    study = run(Study(SPACE, strategy=Alternating(), seed=0), 1)
    with pytest.raises(NoCompletedTrialError, match="1 complete at a lower fidelity"):
        _ = study.best_trial


def test_low_trials_are_no_evidence_for_the_end_of_a_search():
    study = run(Study(SPACE, strategy=Alternating(), seed=0), 6)
    history = study.history
    assert Target(-1.0).reason(history) is None
    best = study.best_trial.number
    n_later = sum(trial.number > best for trial in history.full())
    assert Patience(n_later + 1).reason(history) is None
    assert n_later == 0 or Patience(n_later).reason(history) is not None
    assert Convergence().reason(history) is not None
    assert Convergence().reason(run(Study(SPACE, strategy=Alternating()), 5).history) is None


def test_stopping_rules_compare_trials_of_the_same_fidelity():
    rule = MedianRule(n_warmup_steps=0, n_min_trials=1, n_startup_trials=0, n_protected=0)
    study = Study(SPACE, strategy=Alternating(), stopping=rule, seed=0)
    run(study, 4, steps=3)
    low, full = study.ask(), study.ask()
    for trial, values in ((low, [-5.0]), (full, [0.0, 5.0])):
        for value in values:
            assert not trial.should_stop()
            trial.report(value, len(trial.reports))
        assert trial.should_stop()
    curves = study.history.curves()
    assert list(curves[None, None]) == [1, 3]
    assert list(study.history.curves(1 / 3)[None, None]) == [0, 2]
    study.tell(low, -5.0)
    assert Savings.of(study.history).steps_saved == 2
    assert study.trials[4].variance <= np.var([t.value for t in study.trials[0:4:2]])


def test_bayesian_search_learns_from_full_trials_only():
    whole = run(Study(SPACE, strategy=Alternating(), seed=0), 16)
    strategy = BayesianSearch()
    context = Context(whole.space, whole.history, None, 0)
    data = strategy._training_data(context)
    assert len(data) == 8
    assert data.losses.min() >= 0.0
    (found,) = strategy.suggest(context, 1)
    assert found.fidelity == 1.0


def test_configuration_may_come_again_at_another_fidelity():
    study = run(Study(SPACE, strategy=Alternating(), seed=0), 2)
    context = Context(study.space, study.history, None, 0)
    low, full = (study.space.key(trial.params) for trial in study.trials)
    assert low == full
    assert context.tried_keys() == context.tried_keys(1 / 3) == {low}
    assert context.tried_keys(1 / 9) == set()
    tried = Study({"k": [1, 2]}, strategy=RandomSearch(), seed=0)
    tried.history.append(Study({"k": [1]}).ask())
    tried.history[0].fidelity = 0.5
    tried.enqueue({"k": 1})
    assert tried.ask().origin == "user"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_storage_keeps_the_fidelity(kind, tmp_path):
    storage = MemoryStorage() if kind == "memory" else SqliteStorage(tmp_path / "study.db")
    study = run(Study(SPACE, strategy=Alternating(), seed=0, storage=storage, name="a"), 3)
    again = Study(SPACE, strategy=Alternating(), storage=storage, name="a")
    assert [trial.fidelity for trial in again.trials] == [1 / 3, 1.0, 1 / 3]
    assert again.best_value == study.best_value


@pytest.mark.parametrize("fidelity", [None, 0, -1.0, 1.5, "all", True])
def test_stored_fidelity_is_checked_and_1_if_missing(fidelity, tmp_path):
    path = tmp_path / "study.db"
    run(Study(SPACE, seed=0, storage=SqliteStorage(path), name="a"), 1)
    with closing(sqlite3.connect(path)) as db, db:
        (text,) = db.execute("select record from tuneplug_trials").fetchone()
        record = json.loads(text)
        del record["crc32"], record["fidelity"]
        db.execute("update tuneplug_trials set record = ?", (json.dumps(record),))
        assert Study(SPACE, storage=MemoryStorage(), name="a").trials == []
    (trial,) = Study(SPACE, storage=SqliteStorage(path), name="a").trials
    assert trial.fidelity == 1.0
    with closing(sqlite3.connect(path)) as db, db:
        row = (json.dumps({**record, "fidelity": fidelity}),)
        db.execute("update tuneplug_trials set record = ?", row)
    with pytest.raises(StorageError, match="'fidelity' must be a number above 0"):
        Study(SPACE, storage=SqliteStorage(path), name="a")


def test_frame_has_a_column_of_fidelities():
    pytest.importorskip("pandas")
    frame = run(Study(SPACE, strategy=Alternating(), seed=0), 4).to_frame()
    assert list(frame["fidelity"]) == [1 / 3, 1.0, 1 / 3, 1.0]


def test_progress_shows_the_fidelity_and_the_best_full_value(capsys):
    shown: list[Progress] = []
    study = Study(SPACE, strategy=Alternating(), seed=0, plugins=Plugins())
    study.optimize(lambda t: 5.0 * t.fidelity, 3, callbacks=[shown.append], verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert "; fidelity 0.333" in lines[0]
    assert "fidelity" not in lines[1]
    assert [progress.best_score for progress in shown] == [None, 5.0, 5.0]
    assert [progress.fidelity for progress in shown] == [1 / 3, 1.0, 1 / 3]


def test_lagged_history_keeps_the_fidelity():
    study = run(Study(SPACE, strategy=Alternating(), seed=0), 3)
    last = study.history.until(2)[2]
    assert (last.fidelity, last.state) == (1 / 3, TrialState.RUNNING)
