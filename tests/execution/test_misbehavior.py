"""Objectives that misbehave: one bad trial among good ones fails alone, on every executor."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from misbehaviors import (
    BAD,
    DEATHS,
    FAILURES,
    HARMLESS,
    INTERRUPTS,
    N_TRIALS,
    Objective,
    assert_others_complete,
    bad_study,
    restored_process,
)

from tuneplug import TrialState
from tuneplug.plugins import Plugins, hookimpl

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*trial.* failed:RuntimeWarning",
    "ignore:coroutine:RuntimeWarning",
    "ignore:own words:UserWarning",
)
FIRST, *OTHERS = DEATHS
SOME_DEATHS = [FIRST, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]


@pytest.fixture(autouse=True)
def _restored():
    with restored_process():
        yield


def spawn_pool():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def loky_pool():
    return pytest.importorskip("joblib.externals.loky").ProcessPoolExecutor(2)


@pytest.fixture(scope="module")
def pools():
    """Return a function from the name of an executor to the options of ``optimize``."""
    made = {}
    makers = {"threads": lambda: ThreadPoolExecutor(2), "processes": spawn_pool, "loky": loky_pool}

    def options(name):
        if name == "sequential":
            return {}
        if name not in made:
            made[name] = makers[name]()
        return {"executor": made[name]}

    yield options
    for executor in made.values():
        executor.shutdown()


EXECUTORS = ["sequential", "threads", "processes", "loky"]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("behavior", FAILURES)
def test_bad_trial_fails_with_its_cause(behavior, executor, pools):
    study = bad_study()
    study.optimize(Objective(behavior), N_TRIALS, **pools(executor))
    assert_others_complete(study)
    assert study.trials[BAD].state is TrialState.FAILED
    assert FAILURES[behavior] in study.trials[BAD].error


@pytest.mark.parametrize("behavior", FAILURES)
def test_failure_is_stored_and_read_again(behavior, tmp_path):
    storage = {"storage": f"sqlite:///{tmp_path / 'study.db'}", "name": "bad"}
    study = bad_study(**storage)
    study.optimize(Objective(behavior), N_TRIALS)
    read = bad_study(**storage)
    assert_others_complete(read)
    assert read.trials[BAD].error == study.trials[BAD].error


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("behavior", HARMLESS)
def test_harmless_behavior_costs_nothing(behavior, executor, pools):
    study = bad_study()
    study.optimize(Objective(behavior), N_TRIALS, **pools(executor))
    assert_others_complete(study)
    assert (study.trials[BAD].state, study.trials[BAD].value) == (TrialState.COMPLETE, 0.5)


def test_warning_of_a_failure_with_a_long_message_is_short():
    study = bad_study()
    with pytest.warns(RuntimeWarning, match="trial 1 failed") as caught:
        study.optimize(Objective("long message"), N_TRIALS)
    assert max(len(str(warning.message)) for warning in caught) < 3_000
    assert len(study.trials[BAD].error) > 5_000_000


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("behavior", INTERRUPTS)
def test_interrupt_ends_the_search_and_keeps_its_trials(behavior, executor, pools):
    study = bad_study()
    with pytest.raises(INTERRUPTS[behavior]):
        study.optimize(Objective(behavior), N_TRIALS, **pools(executor))
    assert all(trial.state.ended for trial in study.trials)
    assert study.trials[BAD].state is TrialState.FAILED
    assert "interrupted" in study.trials[BAD].error
    study.optimize(Objective("None", -1), 1, **pools(executor))
    assert study.trials[-1].state is TrialState.COMPLETE


class OwnedPool:
    """A plugin with an executor of processes that ``optimize`` makes and can replace."""

    @hookimpl
    def tuneplug_executors(self):
        class Spawned:
            name = "spawned"
            n_workers = 2

            def __init__(self):
                self._pool = spawn_pool()

            def submit(self, fn, *args):
                return self._pool.submit(fn, *args)

            def shutdown(self, **options):
                self._pool.shutdown(**options)

        return Spawned


@pytest.mark.parametrize("behavior", SOME_DEATHS)
def test_death_of_a_worker_fails_one_trial(behavior):
    plugins = Plugins(installed=False)
    plugins.register(OwnedPool())
    study = bad_study(plugins=plugins)
    study.optimize(Objective(behavior), N_TRIALS, executor="spawned")
    assert_others_complete(study)
    assert study.trials[BAD].state is TrialState.FAILED
    assert "BrokenProcessPool" in study.trials[BAD].error


@pytest.mark.slow
def test_death_of_a_worker_of_a_given_pool_keeps_finished_trials():
    study = bad_study()
    with spawn_pool() as given, pytest.raises(BrokenExecutor):
        study.optimize(Objective("os._exit"), N_TRIALS, executor=given)
    assert all(trial.state.ended for trial in study.trials)
    assert study.trials[BAD].state is TrialState.FAILED
