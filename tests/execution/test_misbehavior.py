"""Objectives that misbehave: one bad trial among good ones fails alone, on every executor."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from tuneplug import Float, Study, TrialState
from tuneplug.plugins import Plugins, hookimpl

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*trial.* failed:RuntimeWarning", "ignore:coroutine:RuntimeWarning"
)

N_TRIALS = 4
BAD = 1  # number of the trial that misbehaves

#: Module of the objectives that worker processes run.
OBJECTIVES = '''
import os
import signal
import sys
import tempfile
import threading
import warnings
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import dataclass

import numpy as np


class Custom(Exception):
    pass


class Base(BaseException):
    pass


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no str")

    __repr__ = __str__


class Unpicklable(Exception):
    def __init__(self, first, second):
        super().__init__(first)
        self.lock = threading.Lock()


class Hostile:
    """Every conversion raises."""

    def __float__(self):
        raise RuntimeError("no float")

    def __repr__(self):
        raise RuntimeError("no repr")


def throw(error):
    raise error


def change_params(trial):
    trial.params.clear()
    trial.point[:] = 7
    trial.number = 99
    return 0.5


def report_backwards(trial):
    trial.report(0.1, 3)
    trial.report(0.2, 2)


def report_nan(trial):
    for step in range(3):
        trial.report(float("nan"), step)
    return 0.5


def report_unpicklable(trial):
    trial.report(0.5, 0)
    trial.lock = threading.Lock()
    return 0.5


def damage(**attributes):
    def objective(trial):
        for name, value in attributes.items():
            setattr(trial.reporter, name, value)
        return 0.5

    return objective


def lose_reporter(trial):
    trial.reporter = None
    return 0.5


def cycle(trial):
    error = Custom("own words")
    error.__cause__ = error
    error.args = (error,)
    raise error


def leave_thread(trial):
    threading.Thread(target=leaving.wait, args=(60,), daemon=True).start()
    return 0.5


def warn_as_error(trial):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("own words")


def change_folder(trial):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    return 0.5


def lose_stdout(trial):
    sys.stdout = None
    print("nobody reads this")
    return 0.5


def write_much(trial):
    with open(os.devnull, "w") as out:
        print("x" * 5_000_000, file=out)
    return 0.5


def generator(trial):
    yield 0.5


async def coroutine(trial):
    return 0.5


leaving = threading.Event()


def recurse(trial):
    return recurse(trial)


BEHAVIORS = {
    "None": lambda trial: None,
    "text": lambda trial: "0.5",
    "bool": lambda trial: True,
    "bool of NumPy": lambda trial: np.True_,
    "NaN": lambda trial: float("nan"),
    "infinity": lambda trial: -np.inf,
    "masked": lambda trial: np.ma.masked,
    "large integer": lambda trial: 10**400,
    "complex": lambda trial: 1j,
    "two values": lambda trial: np.ones(2),
    "list": lambda trial: [0.5],
    "hostile value": lambda trial: Hostile(),
    "lock": lambda trial: threading.Lock(),
    "function": lambda trial: (lambda: 0.5),
    "exception": lambda trial: throw(Custom("own words")),
    "BaseException": lambda trial: throw(Base("own words")),
    "GeneratorExit": lambda trial: throw(GeneratorExit("own words")),
    "StopIteration": lambda trial: next(iter(())),
    "MemoryError": lambda trial: throw(MemoryError("own words")),
    "RecursionError": recurse,
    "exception without text": lambda trial: throw(Wordless()),
    "unpicklable exception": lambda trial: throw(Unpicklable("own words", 2)),
    "lone surrogate": lambda trial: throw(Custom("\\ud800")),
    "changed params": change_params,
    "steps backwards": report_backwards,
    "reports of NaN": report_nan,
    "unpicklable trial": report_unpicklable,
    "report of text": lambda trial: trial.report("0.5", 0),
    "reports of junk": damage(reports="junk"),
    "own reports": damage(reports=[(0, 0.1, None), (1, "a", None)]),
    "reports reversed": damage(reports=[(1, 0.1, None), (0, 0.2, None)]),
    "metric of junk": damage(metric=7),
    "no reporter": lose_reporter,
    "long message": lambda trial: throw(Custom("own words " * 500_000)),
    "cycle of exceptions": cycle,
    "group": lambda trial: throw(ExceptionGroup("own words", [Custom("a"), Custom("b")])),
    "BrokenExecutor": lambda trial: throw(BrokenExecutor("own words")),
    "CancelledError": lambda trial: throw(CancelledError("own words")),
    "TimeoutError": lambda trial: throw(TimeoutError("own words")),
    "BrokenPipeError": lambda trial: throw(BrokenPipeError("own words")),
    "warning as an error": warn_as_error,
    "generator": generator,
    "coroutine": coroutine,
    "thread left behind": leave_thread,
    "another folder": change_folder,
    "no stdout": lose_stdout,
    "much output": write_much,
    "many reports": lambda trial: [trial.report(0.5, step) for step in range(5_000)][:0] or 0.5,
    "sys.exit": lambda trial: sys.exit(3),
    "KeyboardInterrupt": lambda trial: throw(KeyboardInterrupt()),
    "os._exit": lambda trial: os._exit(1),
    "SIGKILL": lambda trial: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda trial: os.kill(os.getpid(), signal.SIGSEGV),
}


@dataclass
class Objective:
    behavior: str
    bad: int

    def __call__(self, trial):
        if trial.number == self.bad:
            return BEHAVIORS[self.behavior](trial)
        return trial.params["x"]
'''

#: Behavior: part of the error of the trial.
FAILURES = {
    "None": "must be a real number, but got None",
    "text": "must be a real number, but got '0.5'",
    "bool": "must be a real number, but got True",
    "bool of NumPy": "must be a real number",
    "NaN": "nan",
    "infinity": "inf",
    "masked": "must be a real number, but got masked",
    "large integer": "float",
    "complex": "must be a real number, but got 1j",
    "two values": "must be a real number, but got array([1., 1.])",
    "list": "must be a real number, but got [0.5]",
    "hostile value": "<Hostile without a repr>",
    "lock": "must be a real number, but got <unlocked",
    "function": "must be a real number, but got <function",
    "exception": "Custom: own words",
    "BaseException": "Base: own words",
    "GeneratorExit": "GeneratorExit: own words",
    "StopIteration": "StopIteration",
    "MemoryError": "MemoryError: own words",
    "RecursionError": "RecursionError",
    "exception without text": "Wordless",
    "unpicklable exception": "Unpicklable: own words",
    "lone surrogate": "Custom: ",
    "steps backwards": "steps must increase",
    "report of text": "a reported value must be a real number, but got '0.5'",
    "reports of junk": "a report must be a step, a value and a fold, but got 'j'",
    "own reports": "a report must be a step, a value and a fold, but got (1, 'a', None)",
    "reports reversed": "steps of reports must be at least 0 and increase",
    "metric of junk": "metric must be text or None, but got 7",
    "no reporter": "AttributeError",
    "long message": "Custom: own words own words",
    "cycle of exceptions": "Custom",
    "group": "ExceptionGroup: own words (2 sub-exceptions)",
    "BrokenExecutor": "BrokenExecutor: own words",
    "CancelledError": "CancelledError: own words",
    "TimeoutError": "TimeoutError: own words",
    "BrokenPipeError": "BrokenPipeError: own words",
    "warning as an error": "UserWarning: own words",
    "generator": "must be a real number, but got <generator",
    "coroutine": "must be a real number, but got <coroutine",
}

#: Behaviors that cost nothing: the trial completes with its value.
HARMLESS = [
    "changed params",
    "reports of NaN",
    "unpicklable trial",
    "thread left behind",
    "another folder",
    "no stdout",
    "much output",
    "many reports",
]

#: Behaviors that end the search; ``optimize`` raises the exception.
INTERRUPTS = {"sys.exit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}

#: Behaviors that end the worker process.
DEATHS = [
    "os._exit",
    pytest.param("SIGKILL", marks=pytest.mark.slow),
    pytest.param("SIGSEGV", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def objectives(tmp_path_factory):
    """Return the module of objectives, which workers can import too."""
    folder = tmp_path_factory.mktemp("objectives")
    (folder / "misbehaving_objectives.py").write_text(OBJECTIVES)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("misbehaving_objectives")
    del sys.modules["misbehaving_objectives"]


def spawn_pool():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def loky_pool():
    return pytest.importorskip("joblib.externals.loky").ProcessPoolExecutor(2)


@pytest.fixture(scope="module")
def pools(objectives):
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


def new_study(**options):
    return Study({"x": Float(0, 1)}, strategy="random", seed=0, **options)


def assert_others_complete(study, n_trials=N_TRIALS):
    assert [trial.number for trial in study.trials] == list(range(n_trials))
    for trial in study.trials:
        assert 0 <= trial.params["x"] <= 1
        assert study.space.locate(trial.params) == trial.point
        if trial.number != BAD:
            assert (trial.state, trial.value) == (TrialState.COMPLETE, trial.params["x"])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("behavior", FAILURES)
def test_bad_trial_fails_with_its_cause(behavior, executor, objectives, pools):
    study = new_study()
    study.optimize(objectives.Objective(behavior, BAD), N_TRIALS, **pools(executor))
    assert_others_complete(study)
    assert study.trials[BAD].state is TrialState.FAILED
    assert FAILURES[behavior] in study.trials[BAD].error


@pytest.mark.parametrize("behavior", FAILURES)
def test_failure_is_stored_and_read_again(behavior, objectives, tmp_path):
    storage = {"storage": f"sqlite:///{tmp_path / 'study.db'}", "name": "bad"}
    study = new_study(**storage)
    study.optimize(objectives.Objective(behavior, BAD), N_TRIALS)
    read = new_study(**storage)
    assert_others_complete(read)
    assert read.trials[BAD].error == study.trials[BAD].error


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("behavior", HARMLESS)
def test_harmless_behavior_costs_nothing(behavior, executor, objectives, pools, monkeypatch):
    monkeypatch.chdir(".")  # both are restored after the test
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    study = new_study()
    study.optimize(objectives.Objective(behavior, BAD), N_TRIALS, **pools(executor))
    assert_others_complete(study)
    assert (study.trials[BAD].state, study.trials[BAD].value) == (TrialState.COMPLETE, 0.5)


def test_warning_of_a_failure_with_a_long_message_is_short(objectives):
    study = new_study()
    with pytest.warns(RuntimeWarning, match="trial 1 failed") as caught:
        study.optimize(objectives.Objective("long message", BAD), N_TRIALS)
    assert max(len(str(warning.message)) for warning in caught) < 3_000
    assert len(study.trials[BAD].error) > 5_000_000


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("behavior", INTERRUPTS)
def test_interrupt_ends_the_search_and_keeps_its_trials(behavior, executor, objectives, pools):
    study = new_study()
    with pytest.raises(INTERRUPTS[behavior]):
        study.optimize(objectives.Objective(behavior, BAD), N_TRIALS, **pools(executor))
    assert all(trial.state.ended for trial in study.trials)
    assert study.trials[BAD].state is TrialState.FAILED
    assert "interrupted" in study.trials[BAD].error
    study.optimize(objectives.Objective("None", -1), 1, **pools(executor))
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


@pytest.mark.parametrize("behavior", DEATHS)
def test_death_of_a_worker_fails_one_trial(behavior, objectives):
    plugins = Plugins(installed=False)
    plugins.register(OwnedPool())
    study = new_study(plugins=plugins)
    study.optimize(objectives.Objective(behavior, BAD), N_TRIALS, executor="spawned")
    assert_others_complete(study)
    assert study.trials[BAD].state is TrialState.FAILED
    assert "BrokenProcessPool" in study.trials[BAD].error


@pytest.mark.slow
def test_death_of_a_worker_of_a_given_pool_keeps_finished_trials(objectives):
    study = new_study()
    with spawn_pool() as given, pytest.raises(BrokenExecutor):
        study.optimize(objectives.Objective("os._exit", BAD), N_TRIALS, executor=given)
    assert all(trial.state.ended for trial in study.trials)
    assert study.trials[BAD].state is TrialState.FAILED
