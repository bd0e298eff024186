"""Study: ask and tell, optimize, and results."""

from __future__ import annotations

import ast
import copy
import math
import pickle
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tuneplug import (
    AllTrialsFailedError,
    Categorical,
    Float,
    Int,
    NoCompletedTrialError,
    SearchSpace,
    SpaceError,
    SpaceExhausted,
    Study,
    Trial,
    TrialError,
    TrialResult,
    TrialState,
    UnknownNameError,
)
from tuneplug.stopping import Report
from tuneplug.strategies import RandomSearch, Strategy, Suggestion

ROOT = Path(__file__).parents[2]
SPACE = {"x": Float(-2.0, 2.0), "n": Int(1, 100)}


def bowl(trial):
    """Return a loss with its minimum of 0 at x = 1, n = 10."""
    return (trial.params["x"] - 1.0) ** 2 + math.log(trial.params["n"] / 10.0) ** 2


def test_ask_returns_a_running_trial_with_python_values_of_the_space():
    trial = Study(SPACE, seed=0).ask()
    assert (trial.number, trial.state) == (0, TrialState.RUNNING)
    assert type(trial.params["x"]) is float
    assert type(trial.params["n"]) is int
    assert -2 <= trial.params["x"] <= 2
    assert 1 <= trial.params["n"] <= 100


def test_tell_completes_a_trial_once():
    study = Study(SPACE, seed=0)
    trial = study.ask()
    study.tell(trial, 0.5, variance=0.1)
    assert (trial.state, trial.value, trial.variance) == (TrialState.COMPLETE, 0.5, 0.1)
    assert trial.duration >= 0
    with pytest.raises(TrialError, match="already ended: it is complete"):
        study.tell(trial, 0.4)


def test_n_trials_is_the_planned_number_and_optimize_increases_it():
    study = Study(SPACE, seed=0)
    assert study.n_trials is None
    study.optimize(bowl, 3)
    assert study.n_trials == 3
    study.optimize(bowl, 2)
    assert study.n_trials == 5
    assert Study(SPACE, n_trials=7).n_trials == 7


def test_fail_records_the_error_and_excludes_the_trial_from_best():
    study = Study(SPACE, seed=0)
    bad, good = study.ask(), study.ask()
    study.fail(bad, ValueError("out of memory"))
    study.tell(good, 3.0)
    assert bad.state is TrialState.FAILED
    assert "out of memory" in bad.error
    assert study.best_trial is good


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_tell_fails_a_trial_with_a_value_that_is_not_finite(value):
    study = Study(SPACE, seed=0)
    trial = study.ask()
    study.tell(trial, value)
    assert trial.state is TrialState.FAILED
    assert "finite" in trial.error


@pytest.mark.parametrize("value", ["0.5", None, 1j, [0.5], True])
def test_tell_raises_for_a_value_that_is_not_a_number_and_leaves_the_trial_running(value):
    study = Study(SPACE, seed=0)
    trial = study.ask()
    with pytest.raises(TypeError, match="must be a real number"):
        study.tell(trial, value)
    assert trial.state is TrialState.RUNNING


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), np.int64(1), 1])
def test_tell_accepts_numpy_numbers(value):
    study = Study(SPACE, seed=0)
    trial = study.ask()
    study.tell(trial, value)
    assert type(trial.value) is float


def test_tell_refuses_a_trial_of_another_study():
    study, other = Study(SPACE, seed=0), Study({"z": [1, 2]}, seed=0)
    study.ask()
    with pytest.raises(TrialError, match="must be of this study, but trial 0 is not"):
        study.tell(other.ask(), 1.0)


def test_tell_refuses_a_trial_of_another_study_of_the_same_space():
    study, other = Study(SPACE, seed=0), Study(SPACE, seed=1)
    study.ask()
    with pytest.raises(TrialError, match="must be of this study, but trial 0 is not"):
        study.tell(other.ask(), 1.0)


def test_tell_accepts_a_pickled_copy_of_a_trial():
    study = Study(SPACE, seed=0)
    trial = study.ask()
    away = pickle.loads(pickle.dumps(trial))
    away.report(0.7, step=1)
    study.tell(away, 0.5)
    assert study.trials[0].value == 0.5
    assert study.trials[0].reports == [(1, 0.7, None)]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"direction": "up"}, ValueError, "direction"),
        ({"seed": -1}, ValueError, "seed"),
        ({"n_trials": -3}, ValueError, "n_trials"),
        ({"seed": 1.5}, ValueError, "seed"),
        (
            {"strategy": "bayes"},
            UnknownNameError,
            "'bayesian', 'grid', 'hyperband', 'optuna', 'random'",
        ),
        ({"strategy": RandomSearch}, TypeError, "a name or a Strategy"),
    ],
)
def test_constructor_names_an_invalid_argument(arguments, error, match):
    with pytest.raises(error, match=match):
        Study(SPACE, **arguments)


def test_constructor_refuses_an_invalid_space():
    with pytest.raises(SpaceError, match=r"2 errors(.|\n)*x: (.|\n)*n: "):
        Study({"x": Float(2, 1), "n": Int(0, 5, "log")})


def test_maximize_prefers_larger_values():
    study = Study(SPACE, direction="maximize", seed=0)
    for value in (1.0, 3.0, 2.0):
        study.tell(study.ask(), value)
    assert study.best_value == 3.0
    assert study.best_trial.number == 1


def test_maximizing_equals_minimizing_the_negative():
    up, down = Study(SPACE, direction="maximize", seed=3), Study(SPACE, seed=3)
    up.optimize(lambda trial: -bowl(trial), 12)
    down.optimize(bowl, 12)
    assert [t.params for t in up.trials] == [t.params for t in down.trials]


def test_best_params_of_an_empty_study_raises():
    with pytest.raises(NoCompletedTrialError, match="no trials"):
        _ = Study(SPACE).best_params


def test_same_seed_gives_the_same_trials():
    first, second, other = (Study(SPACE, seed=seed) for seed in (5, 5, 6))
    for study in (first, second, other):
        study.optimize(bowl, 12)
    assert [t.params for t in first.trials] == [t.params for t in second.trials]
    assert [t.params for t in first.trials] != [t.params for t in other.trials]


def test_study_without_a_seed_stores_the_seed_that_it_drew():
    study = Study(SPACE)
    again = Study(SPACE, seed=study.seed)
    assert study.ask().params == again.ask().params


def test_replaying_the_history_gives_the_same_suggestion():
    study = Study(SPACE, seed=1)
    study.optimize(bowl, 10)
    replay = Study(SPACE, seed=1, n_trials=10)
    for trial in study.trials:
        replay.tell(replay.ask(), trial.value)
    assert replay.ask().params == study.ask().params


@pytest.mark.parametrize("returned", [[], None, [{"x": 0.5}], {"x": 0.5}], ids=repr)
def test_ask_names_a_strategy_that_returns_no_suggestion(returned):
    class Odd(Strategy):
        name = "odd"

        def suggest(self, context, n):
            return returned

    study = Study({"x": Float(0.0, 1.0)}, strategy=Odd())
    with pytest.raises(TypeError, match="strategy 'odd' must return a list of a Suggestion"):
        study.ask()
    assert study.trials == []


def test_ask_returns_enqueued_configurations_first_in_order_and_once():
    study = Study(SPACE, seed=0)
    for x in (0.1, 0.25, 0.1):
        study.enqueue({"x": x, "n": np.int64(3)})
    trials = [study.ask() for _ in range(3)]
    assert [t.params["x"] for t in trials[:2]] == [0.1, 0.25]
    assert type(trials[0].params["n"]) is int
    assert [t.origin for t in trials] == ["user", "user", "design"]


def test_enqueue_refuses_a_configuration_outside_the_space():
    with pytest.raises(ValueError, match=r"not in the space: x: .*\[-2.0, 2.0\]"):
        Study(SPACE).enqueue({"x": 3.0, "n": 1})


def test_enqueue_refuses_an_object_that_is_not_a_mapping():
    with pytest.raises(TypeError, match="must map names to values, but got 3"):
        Study(SPACE).enqueue(3)


# --------------------------------------------------------------------- optimize


def test_optimize_finds_the_minimum_of_a_bowl():
    study = Study(SPACE, seed=0)
    study.optimize(bowl, 30)
    assert len(study.trials) == 30
    assert study.best_value < 0.01
    assert study.best_params == study.best_trial.params


def test_exception_of_the_objective_fails_its_trial_and_the_search_continues():
    def fails_below_zero(trial):
        if trial.params["x"] < 0:
            raise RuntimeError("negative x")
        return trial.params["x"]

    study = Study(SPACE, seed=0)
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(fails_below_zero, 15)
    failed = [t for t in study.trials if t.state is TrialState.FAILED]
    assert len(study.trials) == 15
    assert failed
    assert all("RuntimeError: negative x" in t.error for t in failed)
    assert study.best_params["x"] >= 0


def test_optimize_raises_one_error_with_the_causes_if_every_trial_fails():
    def fails(trial):
        raise OSError("disk full") if trial.params["n"] < 50 else KeyError("loss")

    study = Study(SPACE, strategy="random", seed=0)
    with (
        pytest.warns(RuntimeWarning, match="trial 0 failed"),
        pytest.raises(AllTrialsFailedError, match=r"all 12 trials failed(.|\n)*disk full"),
    ):
        study.optimize(fails, 12, fail_fast=False)
    assert len(study.trials) == 12


def test_objective_that_returns_no_number_fails_its_trial():
    study = Study(SPACE, seed=0)
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(lambda trial: 1.0 if trial.number else None, 2)
    assert study.trials[0].state is TrialState.FAILED
    assert "real number" in study.trials[0].error


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupt_keeps_finished_trials_and_the_study_can_continue(interrupt, n_jobs):
    def objective(trial):
        if trial.number == 4:
            raise interrupt
        return bowl(trial)

    study = Study(SPACE, seed=0)
    with pytest.raises(interrupt):
        study.optimize(objective, 10, n_jobs=n_jobs)
    complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
    assert len(complete) >= 3
    assert study.trials[4].state is TrialState.FAILED
    assert "interrupted" in study.trials[4].error
    assert all(t.state.ended for t in study.trials)
    assert study.best_params in [t.params for t in complete]
    study.optimize(bowl, 2)
    assert study.trials[-1].state is TrialState.COMPLETE


def test_threads_run_trials_concurrently():
    barrier = threading.Barrier(3, timeout=60)

    def objective(trial):
        if trial.number < 3:
            barrier.wait()  # returns once three trials run
        return bowl(trial)

    study = Study(SPACE, seed=0)
    study.optimize(objective, 9, n_jobs=3)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 9


def test_ask_does_not_repeat_running_configurations():
    study = Study({"k": [1, 2, 3, 4], "j": [True, False]}, seed=0)
    trials = [study.ask() for _ in range(8)]
    assert len({tuple(t.params.values()) for t in trials}) == 8
    with pytest.raises(SpaceExhausted, match="each of its 8 configurations"):
        study.ask()


def test_processes_run_trials_and_return_their_reports():
    study = Study(SPACE, seed=0)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        study.optimize(reporting, 4, executor=processes, n_jobs=2)
    assert [t.reports for t in study.trials] == [[(0, 1.0, None), (1, 0.5, None)]] * 4
    assert [t.value for t in study.trials] == [bowl(t) for t in study.trials]


def reporting(trial):
    trial.report(1.0, step=0)
    trial.report(0.5, step=1)
    return bowl(trial)


class LosingExecutor(ThreadPoolExecutor):
    """Loses each trial."""

    def submit(self, fn, /, *args, **kwargs):
        if not any(isinstance(argument, Trial) for argument in args):
            return super().submit(fn, *args, **kwargs)
        future = Future()
        future.set_exception(ConnectionError("the worker is gone"))
        return future


def test_trial_that_the_executor_loses_fails():
    study = Study(SPACE, seed=0)
    with (
        LosingExecutor(1) as executor,
        pytest.warns(RuntimeWarning, match="trial 0 failed"),
        pytest.raises(AllTrialsFailedError, match=r"all 2 trials failed"),
    ):
        study.optimize(bowl, 2, executor=executor)
    assert all(t.state is TrialState.FAILED for t in study.trials)
    assert all("the worker is gone" in t.error for t in study.trials)


@pytest.mark.usefixtures("ticking")
def test_timeout_starts_no_more_trials_and_stops_running_trials():
    def until_stopped(trial):
        if trial.number == 0:
            return 1.0
        while not trial.should_stop():
            pass
        return 0.0

    study = Study(SPACE, seed=0)
    study.optimize(until_stopped, timeout=0.5)
    assert len(study.trials) == 2
    stopped = study.trials[1]
    assert (stopped.state, stopped.stop_reason) == (TrialState.STOPPED, "timeout")
    assert study.best_trial.number == 0, "the best trial must be complete"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n_trials": 0}, "n_trials"),
        ({"n_trials": 1.5}, "n_trials"),
        ({}, "needs n_trials, a timeout, or both"),
        ({"n_trials": 3, "timeout": 0}, "timeout"),
        ({"n_trials": 3, "n_jobs": 0}, "n_jobs"),
        ({"n_trials": 3, "n_jobs": 1.5}, "n_jobs"),
    ],
)
def test_optimize_names_an_invalid_budget_before_a_trial_starts(arguments, match):
    study = Study(SPACE)
    with pytest.raises(ValueError, match=match):
        study.optimize(bowl, **arguments)
    assert study.trials == []


@pytest.mark.parametrize(("answer", "n_trials"), [(np.True_, 1), (True, 1), (np.False_, 3)])
def test_a_callback_ends_optimize_with_true_of_python_or_numpy(answer, n_trials):
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    study.optimize(lambda trial: trial.params["x"], n_trials=3, callbacks=[lambda p: answer])
    assert len(study.trials) == n_trials


def test_optimize_warns_of_another_true_value_of_a_callback():
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    with pytest.warns(UserWarning, match="must return True to end the search|failed 3 times"):
        study.optimize(lambda trial: trial.params["x"], n_trials=3, callbacks=[lambda p: 1])
    assert len(study.trials) == 3


def test_exhausted_space_ends_the_search_with_one_warning():
    study = Study({"k": [1, 2, 3]}, seed=0)
    with pytest.warns(UserWarning, match=r"space exhausted.* after 3 of 12 trials") as record:
        study.optimize(lambda trial: trial.params["k"], 12)
    assert len(record) == 1
    assert sorted(t.params["k"] for t in study.trials) == [1, 2, 3]


# --------------------------------------------------------------------- results


def test_to_frame_has_one_row_per_trial_and_one_column_per_parameter():
    pytest.importorskip("pandas")
    space = SearchSpace(
        {
            "booster": Categorical(["gbtree", "dart"]),
            "rate_drop": Float(0, 1, when={"booster": ["dart"]}),
        }
    )
    study = Study(space, strategy="random", seed=0)
    study.optimize(lambda trial: 1.0, 8)
    frame = study.to_frame()
    assert list(frame.index) == list(range(8))
    assert {"state", "value", "param_booster", "param_rate_drop", "origin"} <= set(frame.columns)
    absent = frame["param_rate_drop"].isna()
    assert (absent == (frame["param_booster"] == "gbtree")).all()


def test_to_frame_of_an_empty_study_is_empty():
    pytest.importorskip("pandas")
    assert len(Study(SPACE).to_frame()) == 0


def test_explain_scaling_returns_one_record_per_numeric_parameter():
    space = {
        "C": Float(1e-2, 1e3),
        "momentum": Float(0.9, 0.999),
        "drop": Float(0, 1000),
        "n": Int(1, 10, scaling="Logarithmic"),
        "kind": ["a", "b"],
        "constant": Int(3, 3),
    }
    records = Study(space).explain_scaling()
    assert [set(r) for r in records] == [
        {"parameter", "scaling", "chosen_by", "reason", "advice"}
    ] * 4
    assert [(r["parameter"], r["scaling"], r["chosen_by"]) for r in records] == [
        ("C", "log", "auto"),
        ("momentum", "reverse_log", "auto"),
        ("drop", "linear", "auto"),
        ("n", "log", "user"),
    ]
    assert "1e-8" in records[2]["advice"]


def test_learned_warps_are_curves_in_the_users_units():
    study = Study({"C": Float(1e-2, 1e2), "kind": ["a", "b"]}, seed=0)
    study.optimize(lambda trial: abs(math.log10(trial.params["C"])), 12)
    warps = study.learned_warps()
    assert list(warps) == ["C"]
    curve = warps["C"]
    assert curve.values[0] == 1e-2
    assert curve.values[-1] == 1e2
    assert np.all(np.diff(curve.values) > 0)
    for line in (curve.lower, curve.warped, curve.upper):
        assert (line[0], line[-1]) == (0.0, 1.0)
        assert np.all(np.diff(line) > 0)
    assert np.all(curve.lower <= curve.upper)
    assert curve.advice is None  # twelve trials fit the declared scaling


def test_learned_warps_advise_a_better_scaling():
    study = Study({"C": Float(1e-4, 1e4, scaling="linear")}, seed=0)
    for exponent in np.linspace(-3.0, 3.9, 24):
        study.enqueue({"C": 10.0**exponent})
        trial = study.ask()
        study.tell(trial, math.log10(trial.params["C"]) ** 2)
    curve = study.learned_warps()["C"]
    assert curve.shape == "log-like"
    assert curve.advice == "next time declare scaling='log' for C"


def test_random_search_learns_no_warps():
    study = Study(SPACE, strategy="random", seed=0)
    study.optimize(bowl, 6)
    assert study.learned_warps() == {}


def test_study_can_be_copied_and_pickled():
    study = Study(SPACE, seed=0)
    study.optimize(bowl, 8)
    for twin in (copy.deepcopy(study), pickle.loads(pickle.dumps(study))):
        assert twin.best_value == study.best_value
        assert twin.ask().params == copy.deepcopy(study).ask().params
        assert "trials=9" in repr(twin)


def assignments_to_result_attributes():
    """Yield module, function and object of each assignment to an attribute of trial results."""
    names = {field.name for field in fields(TrialResult)} | {"reporter"}
    for source in sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("integrations/**/*.py")]):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                written = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                if written and node.attr in names and ast.unparse(node.value) != "self":
                    owner = ast.unparse(node.value).rpartition(".")[2]
                    yield source.stem, function.name, owner


def test_only_study_finish_assigns_to_a_trial():
    # Variables of these names are never trials of the history.
    others = ("record", "candidate", "converted", "reporter")
    found = {a for a in assignments_to_result_attributes() if a[2] not in others}
    assert found == {("study", "finish", "trial")}


def test_finish_records_a_result_unchanged_and_once():
    study = Study(SPACE, seed=0)
    number = study.ask().number
    reports = [Report(0, 3.0), Report(1, 2.0)]
    result = TrialResult(
        TrialState.STOPPED,
        value=2.0,
        variance=0.5,
        reports=reports,
        metric="loss",
        direction="minimize",
        stop_reason="enough",
        started=10.0,
        finished=12.5,
        cost=7.5,
    )
    study.finish(number, result)
    trial = study.trials[number]
    recorded = {field.name: getattr(trial, field.name) for field in fields(TrialResult)}
    given = {field.name: getattr(result, field.name) for field in fields(TrialResult)}
    assert recorded == given | {"reports": reports}
    assert trial.duration == 2.5
    with pytest.raises(TrialError, match="already ended: it is stopped"):
        study.finish(number, result)
    with pytest.raises(TrialError, match="must be of this study, but trial 1 is not"):
        study.finish(1, result)


def test_finish_keeps_the_start_of_the_trial_and_sets_the_end_to_now():
    study = Study(SPACE, seed=0)
    started_at = study.ask().started
    study.finish(0, TrialResult(TrialState.FAILED, error="lost"))
    trial = study.trials[0]
    assert (trial.state, trial.error, trial.started) == (TrialState.FAILED, "lost", started_at)
    assert trial.finished >= started_at


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"state": TrialState.RUNNING}, "state must be COMPLETE, STOPPED or FAILED"),
        ({"state": TrialState.COMPLETE}, "complete trial must have a finite value, but got None"),
        ({"state": TrialState.STOPPED, "value": math.nan}, "finite value, but got nan"),
        ({"state": TrialState.COMPLETE, "value": 1.0, "variance": -1.0}, "variance must be finite"),
    ],
)
def test_trial_result_refuses_inconsistent_values(arguments, match):
    with pytest.raises(ValueError, match=match):
        TrialResult(**arguments)


def test_complete_keeps_the_first_reason():
    study = Study(SPACE, seed=0)
    assert study.completion_reason is None
    study.complete("timeout")
    study.complete("callback")
    assert study.completion_reason == "timeout"


class Fixed(Strategy):
    """A strategy that suggests NumPy values."""

    name = "fixed"

    def suggest(self, context, n):
        return [Suggestion({"x": np.float64(0.5), "n": np.int64(len(context.history) + 1)})]


def test_values_of_a_custom_strategy_become_python_values():
    study = Study(SPACE, strategy=Fixed(), seed=0)
    study.optimize(bowl, 3)
    assert [t.params for t in study.trials] == [{"x": 0.5, "n": n} for n in (1, 2, 3)]
    assert {type(v) for t in study.trials for v in t.params.values()} == {int, float}


@pytest.mark.parametrize("strategy", ["random", "grid"])
def test_ask_encodes_and_decodes_a_configuration_once(monkeypatch, strategy):
    calls = []

    def count(name):
        original = getattr(SearchSpace, name)

        def counted(space, argument):
            calls.append(name)
            return original(space, argument)

        monkeypatch.setattr(SearchSpace, name, counted)

    count("encode")
    count("decode")
    study = Study({**SPACE, "kind": ["a", "b"]}, strategy=strategy, seed=0)
    for _ in range(5):
        calls.clear()
        study.tell(study.ask(), 0.0)
        assert sorted(calls) == ["decode", "encode"]


def test_point_of_an_enqueued_configuration_is_the_location_of_its_params():
    space = SearchSpace({**SPACE, "kind": [1, "b"]})
    study = Study(space, strategy="random", seed=0)
    study.enqueue({"kind": 1, "n": np.int32(7), "x": np.float32(0.1)})
    trial = study.ask()
    assert list(trial.params) == ["x", "n", "kind"]
    assert [type(value) for value in trial.params.values()] == [float, int, int]
    assert trial.point.tobytes() == space.locate(trial.params).tobytes()


def test_pickle_omits_stop_thresholds_of_ended_trials():
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping="median", seed=0)

    def objective(trial):
        for step in range(8):
            trial.report(trial.params["x"], step)
        return trial.params["x"]

    study.optimize(objective, 6)
    running = study.ask()
    assert running.reporter.stop_thresholds
    again = pickle.loads(pickle.dumps(study))
    assert [bool(trial.reporter.stop_thresholds) for trial in again.trials] == [False] * 6 + [True]


@pytest.mark.parametrize("verbose", [0, 1])
def test_verbose_optimize_names_the_end_of_a_range_at_which_the_best_trial_lies(verbose, capsys):
    study = Study({"x": Float(0.01, 10.0)}, strategy="random", seed=0)
    study.enqueue({"x": 10.0})
    study.optimize(lambda trial: -trial.params["x"], 3, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 * verbose
    assert all("x: best at the high end of [0.01, 10]" in line for line in lines[3:])
