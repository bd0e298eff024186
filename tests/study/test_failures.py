"""Failures are loud: warnings, the early end of a search, and errors that say what to do."""

from __future__ import annotations

import json
import warnings
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context

import numpy as np
import pytest

from tuneplug import (
    AllTrialsFailedError,
    Float,
    NoCompletedTrialError,
    PluginError,
    Study,
    TrialState,
    UnknownNameError,
)
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.stopping import MedianRule
from tuneplug.strategies import RandomSearch
from tuneplug.study.failures import exception_of

SPACE = {"x": Float(0, 1)}


def typo(trial):
    return {}["lr"]


def worse_each_time(trial):
    raise ValueError(f"trial {trial.number} is bad")


def run(objective, n_trials=20, *, space=SPACE, strategy="random", **more):
    """Return the study, the error of ``optimize`` and the texts of its warnings."""
    study = Study(space, strategy=strategy, seed=0)
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            study.optimize(objective, n_trials, **more)
        except (AllTrialsFailedError, NoCompletedTrialError) as raised:
            error = raised
    return study, error, caught


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_same_exception_in_the_first_five_trials_ends_the_search(n_jobs):
    study, error, caught = run(typo, 150, n_jobs=n_jobs)
    assert 5 <= len(study.trials) < 5 + n_jobs
    assert f"The search ended after {len(study.trials)} of 150 trials" in str(error)
    assert "KeyError: 'lr'" in str(error)
    assert "fail_fast=False" in str(error)
    assert study.completion_reason == "failures: the first trials had the same error"
    assert [str(w.message) for w in caught] == [
        "trial 0 failed, and the search continues: KeyError: 'lr'"
    ] or n_jobs == 3


def test_same_exception_on_a_process_pool_ends_the_search():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        study, error, _ = run(typo, 30, executor=pool, n_jobs=2)
    assert isinstance(error, AllTrialsFailedError)
    assert len(study.trials) <= 6


def test_fail_fast_false_spends_the_whole_budget():
    study, error, _ = run(typo, 12, fail_fast=False)
    assert len(study.trials) == 12
    assert str(error).startswith("all 12 trials failed.\n12 trial(s) failed with:")


@pytest.mark.parametrize("objective", [worse_each_time, lambda trial: float("nan")])
def test_different_exceptions_and_values_that_are_not_finite_do_not_end_the_search(objective):
    study, error, _ = run(objective, 9)
    assert len(study.trials) == 9
    assert isinstance(error, AllTrialsFailedError)


def test_failures_of_enqueued_and_grid_trials_do_not_end_the_search():
    study = Study(SPACE, strategy="random", seed=0)
    study.enqueue({"x": 0.5})
    with pytest.warns(RuntimeWarning), pytest.raises(AllTrialsFailedError, match="all 8 trials"):
        study.optimize(typo, 8)
    study, error, _ = run(typo, 8, space={"k": list(range(8))}, strategy="grid")
    assert len(study.trials) == 8
    assert error is not None


def test_a_trial_that_completes_among_the_first_five_keeps_the_search_going():
    study, error, caught = run(lambda t: typo(t) if t.number != 4 else 0.0, 12)
    assert error is None
    assert len(study.trials) == 12
    assert [str(w.message) for w in caught] == [
        "trial 0 failed, and the search continues: KeyError: 'lr'",
        "11 of 12 trials failed: their errors are in trial.error of study.trials",
    ]
    assert all(w.filename == __file__ for w in caught)


def test_each_call_of_optimize_counts_its_own_failures():
    study, _, _ = run(lambda trial: 0.0, 3)
    with (
        pytest.warns(RuntimeWarning, match="trial 3 failed"),
        pytest.raises(AllTrialsFailedError, match="all 5 trials failed"),
    ):
        study.optimize(typo, 20)


def test_search_without_failures_does_not_warn():
    assert run(lambda trial: 0.0, 3)[2] == []


def test_exception_of_a_traceback_is_its_type_and_message():
    def nested(trial):
        try:
            typo(trial)
        except KeyError as error:
            raise RuntimeError("two\n    lines") from error

    study, _, _ = run(lambda t: nested(t) if t.number == 0 else 0.0, 2)
    assert exception_of(study.trials[0].error) == "RuntimeError: two\n    lines"
    assert exception_of("interrupted") == "interrupted"


def endless(trial):
    return endless(trial)


def test_exception_of_an_endless_recursion_is_the_same_for_each_trial():
    study, _, _ = run(endless, 9)
    assert len(study.trials) == 5
    assert exception_of(study.trials[0].error).startswith("RecursionError")


@pytest.mark.parametrize("timeout", [np.float32(60), Fraction(60), np.array(60), 60])
def test_timeout_may_be_any_real_number(timeout):
    study, _, _ = run(lambda trial: 0.0, 3, timeout=timeout)
    assert len(study.trials) == 3


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), 10**400])
def test_timeout_that_is_not_positive_raises(timeout):
    with pytest.raises(ValueError, match="timeout must be"):
        Study(SPACE).optimize(lambda trial: 0.0, 3, timeout=timeout)


def test_timeout_before_the_first_trial_raises():
    study, error, _ = run(lambda trial: 0.0, 3, timeout=1e-9)
    assert study.trials == []
    assert isinstance(error, NoCompletedTrialError)
    assert "none of the 0 started trials" in str(error)


def test_search_that_can_start_no_trial_and_has_no_best_raises():
    study = Study({"k": [1, 2]}, seed=0)
    for _ in range(2):
        study.fail(study.ask(), "lost")
    with (
        pytest.warns(UserWarning, match="each of its 2 configurations"),
        pytest.raises(NoCompletedTrialError, match=r"started none: (.|\n)*configurations"),
    ):
        study.optimize(lambda trial: 0.0, 3)


def test_timeout_of_a_study_with_a_completed_trial_does_not_raise():
    study, _, _ = run(lambda trial: 0.0, 1)
    study.optimize(lambda trial: 0.0, 3, timeout=1e-9)
    assert len(study.trials) == 1


def test_list_from_json_is_the_tuple_among_the_categories():
    categories = [(50,), (50, 50), ((1, [2]), None)]
    study = Study({"h": categories}, seed=0)
    for category in categories:
        params = json.loads(json.dumps({"h": category}))
        study.add_observation(params, 1.0)
        study.enqueue(params)
    assert [study.ask().params["h"] for _ in categories] == categories
    with pytest.raises(ValueError, match="not in the space"):
        study.enqueue({"h": [50, 51]})
    lists = Study({"h": [(1,), [1]]}, seed=0)
    lists.enqueue({"h": [1]})
    assert lists.ask().params == {"h": [1]}


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize("wrong", [{"x": 0.5}, 0, None, "trial"])
def test_tell_and_fail_take_nothing_but_a_trial(wrong):
    study = Study(SPACE, seed=0)
    study.ask()
    with pytest.raises(TypeError, match=r"tell must get a Trial, but got .*study.ask\(\)"):
        study.tell(wrong, 1)
    with pytest.raises(TypeError, match=r"fail must get a Trial, but got .*study.ask\(\)"):
        study.fail(wrong, "lost")
    assert study.trials[0].state is TrialState.RUNNING


def test_objective_that_was_called_by_mistake_raises():
    with pytest.raises(TypeError, match=r"objective must be a function of a trial, but got 0\.5"):
        Study(SPACE).optimize(0.5, 3)


def test_callback_without_a_list_raises_with_the_cure():
    with pytest.raises(TypeError, match=r"must be a list .*callbacks=\[callback\]"):
        Study(SPACE).optimize(lambda trial: 0.0, 3, callbacks=print)


def test_class_instead_of_an_instance_raises_with_the_cure():
    with pytest.raises(TypeError, match=r"pass an instance, RandomSearch\(...\)"):
        Study(SPACE, strategy=RandomSearch)
    with pytest.raises(TypeError, match=r"pass an instance, MedianRule\(...\)"):
        Study(SPACE, stopping=MedianRule)


@pytest.mark.parametrize("lag", [-1, 0.5, "1", True])
def test_lag_that_is_not_a_count_raises(lag):
    with pytest.raises(ValueError, match="lag must be an integer of at least 0"):
        Study(SPACE).ask(lag=lag)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"strategy": "bayes"}, r"\['bayesian', .*but got 'bayes': did you mean 'bayesian'\?"),
        ({"strategy": "Random"}, r"did you mean 'random'\?"),
        ({"stopping": "medain"}, r"\['asha', 'median'.*did you mean 'median'\?"),
        ({"direction": "maximise"}, r"did you mean 'maximize'\?"),
    ],
)
def test_unknown_name_is_answered_with_the_names_there_are(arguments, match):
    with pytest.raises((UnknownNameError, ValueError), match=match):
        Study(SPACE, **arguments)


class Counter:
    def __init__(self):
        self.n = 0

    @hookimpl
    def tuneplug_trial_finished(self, study, trial):
        self.n += 1


@pytest.mark.parametrize("kind", [list, tuple])
def test_plugins_may_be_a_list_that_is_used_beside_the_installed_ones(kind):
    counter = Counter()
    study = Study(SPACE, plugins=kind([counter]), seed=0)
    study.optimize(lambda trial: 0.0, 2)
    assert counter.n == 2
    names = {record.name for record in Plugins().records()}
    assert names < {record.name for record in study.plugins.records()}


def test_plugin_without_a_list_raises_with_the_cure():
    with pytest.raises(TypeError, match=r"must be a Plugins or a list.*plugins=\[plugin\]"):
        Study(SPACE, plugins=Counter())
    with pytest.raises(PluginError, match="hooks must be marked by hookimpl"):
        Study(SPACE, plugins=[object()])


class MuteError(Exception):
    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


class Observer:
    def __init__(self, error):
        self.error = error

    @hookimpl
    def tuneplug_trial_finished(self, study, trial):
        raise self.error


class MutePluginError(PluginError):
    __str__ = MuteError.__repr__


@pytest.mark.parametrize("error", [MuteError(), MutePluginError()])
def test_observer_whose_error_cannot_be_printed_is_detached(error):
    study = Study(SPACE, plugins=[Observer(error)], seed=0)
    with pytest.warns(RuntimeWarning, match="is detached: <Mute.* without a (repr|str)>"):
        study.optimize(lambda trial: 0.0, 3)
    assert len(study.trials) == 3


def test_callback_whose_error_cannot_be_printed_does_not_end_the_search():
    def callback(progress):
        raise MuteError

    study = Study(SPACE, seed=0)
    with pytest.warns(UserWarning, match="<MuteError without a repr>|failed 3 times"):
        study.optimize(lambda trial: 0.0, 3, callbacks=[callback])
    assert len(study.trials) == 3


@pytest.mark.parametrize("context", ["spawn", "fork"])
def test_an_objective_that_cannot_be_pickled_is_an_error_before_the_first_trial(context):
    study = Study(SPACE, seed=0)
    with (
        ProcessPoolExecutor(1, mp_context=get_context(context)) as pool,
        pytest.raises(TypeError, match=r"must be picklable, but .*lambda.*top level of a module"),
    ):
        study.optimize(lambda trial: 0.0, 4, executor=pool)
    assert study.trials == []


def test_a_lambda_runs_on_an_executor_that_can_pickle_it():
    study = Study(SPACE, seed=0)
    with pytest.importorskip("joblib.externals.loky").ProcessPoolExecutor(1) as pool:
        study.optimize(lambda trial: 1.0, 2, executor=pool)
    assert study.best_value == 1.0


def test_a_callback_that_fails_is_warned_of_at_once_and_counted_at_the_end():
    def often(progress):
        if progress.number != 1:
            raise KeyError("server")

    def once(progress):
        if progress.number == 1:
            raise KeyError("file")

    _, _, caught = run(lambda trial: 0.0, 4, callbacks=[often, once])
    texts = [str(warning.message) for warning in caught]
    expected = [
        ("often", "failed after trial 0: KeyError('server')"),
        ("once", "failed after trial 1: KeyError('file')"),
        ("often", "failed 3 times in 4 calls"),
    ]
    assert len(texts) == len(expected)
    for text, (name, failure) in zip(texts, expected, strict=True):
        assert name in text
        assert failure in text


def test_failures_of_callbacks_are_counted_also_if_the_search_is_interrupted():
    def broken(progress):
        raise KeyError("server")

    def objective(trial):
        if trial.number == 2:
            raise KeyboardInterrupt
        return 0.0

    study = Study(SPACE, seed=0)
    with (
        pytest.warns(UserWarning, match="failed (after trial 0|2 times in 2 calls)") as caught,
        pytest.raises(KeyboardInterrupt),
    ):
        study.optimize(objective, 4, callbacks=[broken])
    assert len(caught) == 2


def test_objective_whose_error_cannot_be_printed_fails_its_trial():
    def objective(trial):
        if trial.number == 0:
            raise MuteError
        return 0.0

    study, _, _ = run(objective, 2)
    assert [t.state.value for t in study.trials] == ["failed", "complete"]
    study.fail(trial := study.ask(), MuteError())
    assert trial.error == "<MuteError without a repr>"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_objective_that_makes_warnings_errors_ends_no_search(n_jobs):
    def objective(trial):
        if trial.number == 1:
            warnings.simplefilter("error")
            raise KeyError("lr")
        return trial.params["x"]

    study = Study(SPACE, strategy="bayesian", seed=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        before = list(warnings.filters)
        study.optimize(objective, 12, n_jobs=n_jobs, callbacks=[lambda progress: {}["callback"]])
        assert list(warnings.filters) == before
    assert [t.number for t in study.trials if t.state is TrialState.FAILED] == [1]
    texts = [str(warning.message) for warning in caught]
    assert "trial 1 failed, and the search continues: KeyError: 'lr'" in texts
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("pattern", [{}, {"message": "trial 1"}, {"module": __name__}])
def test_warnings_that_are_errors_from_the_start_end_the_search(pattern):
    def objective(trial):
        if trial.number == 1:
            raise KeyError("lr")
        return trial.params["x"]

    study = Study(SPACE, strategy="random", seed=0)
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.filterwarnings("error", **pattern)
        with pytest.raises(RuntimeWarning, match="trial 1 failed"):
            study.optimize(objective, 4)


def test_failures_that_are_ignored_from_the_start_stay_silent():
    def objective(trial):
        warnings.simplefilter("error")
        if trial.number == 1:
            raise KeyError("lr")
        return trial.params["x"]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        Study(SPACE, strategy="random", seed=0).optimize(objective, 4)
    assert caught == []
