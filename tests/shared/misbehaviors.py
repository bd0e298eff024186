"""What objectives and estimators do wrong, by name: one list for every executor and every search.

Worker processes import this module too.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import random
import signal
import socket
import sys
import tempfile
import threading
import warnings
from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from tuneplug import Float, Study, TrialState

N_TRIALS = 4
BAD = 1  # number of the trial that misbehaves


class CustomError(Exception):
    pass


class Base(BaseException):
    pass


class WordlessError(Exception):
    def __str__(self):
        raise RuntimeError("no str")

    __repr__ = __str__


class UnpicklableError(Exception):
    def __init__(self, first, second):
        super().__init__(first)
        self.lock = threading.Lock()


class UntextualError(Exception):
    def __str__(self):
        return 7


class UnformattableError(Exception):
    @property
    def __notes__(self):
        raise RuntimeError("no notes")


class GivesUp:
    def __float__(self):
        raise GeneratorExit


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
    error = CustomError("own words")
    error.__cause__ = error
    error.args = (error,)
    raise error


def leave_thread(trial):
    threading.Thread(target=leaving.wait, args=(60,), daemon=True).start()
    return 0.5


def warn_as_error(trial):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("own words", UserWarning, stacklevel=1)


def keep_warnings_as_errors(trial):
    warnings.simplefilter("error")
    raise CustomError("own words")


def warn_often(trial):
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        for number in range(200):
            warnings.warn(f"own words {number}", UserWarning, stacklevel=1)
    return 0.5


def raise_floating_point_errors(trial):
    np.seterr(all="raise")
    return 0.5


def change_seeds(trial):
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  as objectives do
    return 0.5


def change_environment(trial):
    os.environ["MISBEHAVIOR"] = "changed"
    socket.setdefaulttimeout(60.0)
    gc.collect()
    return 0.5


def leave_file(trial):
    left_open.append(Path(os.devnull).open())  # noqa: SIM115  as objectives do
    return 0.5


def decode(trial):
    return b"\xff".decode()


def raise_with_lock(trial):
    raise CustomError("own words", threading.Lock())


def raise_local(trial):
    class LocalError(Exception):
        pass

    raise LocalError("own words")


def raise_from_interrupt(trial):
    raise CustomError("own words") from KeyboardInterrupt()


def change_folder(trial):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path(folder).rmdir()
    return 0.5


def lose_stdout(trial):
    sys.stdout = None
    print("nobody reads this")
    return 0.5


def write_much(trial):
    with Path(os.devnull).open("w") as out:
        print("x" * 5_000_000, file=out)
    return 0.5


def generator(trial):
    yield 0.5


async def coroutine(trial):
    return 0.5


leaving = threading.Event()
left_open = []


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
    "function": lambda trial: lambda: 0.5,
    "set": lambda trial: {0.5},
    "bytes": lambda trial: b"0.5",
    "date": lambda trial: np.datetime64("2026-01-01"),
    "number of NumPy": lambda trial: np.float32(0.5),
    "array without dimensions": lambda trial: np.array(0.5),
    "decimal": lambda trial: Decimal("0.5"),
    "exception": lambda trial: throw(CustomError("own words")),
    "BaseException": lambda trial: throw(Base("own words")),
    "GeneratorExit": lambda trial: throw(GeneratorExit("own words")),
    "StopIteration": lambda trial: next(iter(())),
    "MemoryError": lambda trial: throw(MemoryError("own words")),
    "RecursionError": recurse,
    "exception that cannot be formatted": lambda trial: throw(UnformattableError("own words")),
    "exit of a generator in a conversion": lambda trial: GivesUp(),
    "exception without text": lambda trial: throw(WordlessError()),
    "unpicklable exception": lambda trial: throw(UnpicklableError("own words", 2)),
    "lone surrogate": lambda trial: throw(CustomError("\ud800")),
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
    "long message": lambda trial: throw(CustomError("own words " * 500_000)),
    "cycle of exceptions": cycle,
    "group": lambda trial: throw(ExceptionGroup("own words", [CustomError("a"), CustomError("b")])),
    "BrokenExecutor": lambda trial: throw(BrokenExecutor("own words")),
    "CancelledError": lambda trial: throw(CancelledError("own words")),
    "TimeoutError": lambda trial: throw(TimeoutError("own words")),
    "BrokenPipeError": lambda trial: throw(BrokenPipeError("own words")),
    "warning as an error": warn_as_error,
    "warnings as errors from now on": keep_warnings_as_errors,
    "asyncio.CancelledError": lambda trial: throw(asyncio.CancelledError("own words")),
    "group of an interrupt": lambda trial: throw(
        BaseExceptionGroup("own words", [KeyboardInterrupt()])
    ),
    "exception from an interrupt": raise_from_interrupt,
    "exception with a lock": raise_with_lock,
    "local exception": raise_local,
    "exception with a number as text": lambda trial: throw(UntextualError()),
    "PicklingError": lambda trial: throw(pickle.PicklingError("own words")),
    "UnicodeDecodeError": decode,
    "EOFError": lambda trial: throw(EOFError("own words")),
    "FloatingPointError": lambda trial: throw(FloatingPointError("own words")),
    "generator": generator,
    "coroutine": coroutine,
    "thread left behind": leave_thread,
    "another folder": change_folder,
    "no stdout": lose_stdout,
    "much output": write_much,
    "much warned of": warn_often,
    "floating-point errors raised": raise_floating_point_errors,
    "changed seeds": change_seeds,
    "changed environment": change_environment,
    "file left open": leave_file,
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
    bad: int = BAD

    def __call__(self, trial):
        if trial.number == self.bad:
            return BEHAVIORS[self.behavior](trial)
        return trial.params["x"]


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
    "exception": "CustomError: own words",
    "BaseException": "Base: own words",
    "GeneratorExit": "GeneratorExit: own words",
    "StopIteration": "StopIteration",
    "MemoryError": "MemoryError: own words",
    "RecursionError": "RecursionError",
    "exception that cannot be formatted": "UnformattableError",
    "exit of a generator in a conversion": "GeneratorExit",
    "exception without text": "WordlessError",
    "unpicklable exception": "UnpicklableError: own words",
    "lone surrogate": "CustomError: ",
    "steps backwards": "steps must increase",
    "report of text": "a reported value must be a real number, but got '0.5'",
    "reports of junk": "a report must be a step, a value and a fold, but got 'j'",
    "own reports": "a report must be a step, a value and a fold, but got (1, 'a', None)",
    "reports reversed": "steps of reports must be at least 0 and increase",
    "metric of junk": "metric must be text or None, but got 7",
    "no reporter": "AttributeError",
    "long message": "CustomError: own words own words",
    "cycle of exceptions": "CustomError",
    "group": "ExceptionGroup: own words (2 sub-exceptions)",
    "BrokenExecutor": "BrokenExecutor: own words",
    "CancelledError": "CancelledError: own words",
    "TimeoutError": "TimeoutError: own words",
    "BrokenPipeError": "BrokenPipeError: own words",
    "warning as an error": "UserWarning: own words",
    "set": "must be a real number, but got {0.5}",
    "bytes": "must be a real number, but got b'0.5'",
    "date": "must be a real number",
    "warnings as errors from now on": "CustomError: own words",
    "asyncio.CancelledError": "CancelledError: own words",
    "group of an interrupt": "BaseExceptionGroup: own words (1 sub-exception)",
    "exception from an interrupt": "CustomError: own words",
    "exception with a lock": "CustomError: ",
    "local exception": "LocalError: own words",
    "exception with a number as text": "UntextualError",
    "PicklingError": "PicklingError: own words",
    "UnicodeDecodeError": "UnicodeDecodeError: 'utf-8' codec",
    "EOFError": "EOFError: own words",
    "FloatingPointError": "FloatingPointError: own words",
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
    "much warned of",
    "floating-point errors raised",
    "changed seeds",
    "changed environment",
    "file left open",
    "number of NumPy",
    "array without dimensions",
    "decimal",
]

#: Behaviors that end the search; ``optimize`` raises the exception.
INTERRUPTS = {"sys.exit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}

#: Behaviors that end the worker process; the first one is quick to test.
DEATHS = ["os._exit", "SIGKILL", "SIGSEGV"]

#: Behaviors of objectives only: they need a trial, or scikit-learn raises the exception itself.
NEED_TRIAL = [
    "exception that cannot be formatted",
    "exit of a generator in a conversion",
    "changed params",
    "steps backwards",
    "reports of NaN",
    "unpicklable trial",
    "report of text",
    "reports of junk",
    "own reports",
    "reports reversed",
    "metric of junk",
    "no reporter",
    "many reports",
]

#: Behaviors whose mistake is the returned value.
WRONG_VALUES = {name for name, error in FAILURES.items() if "must be a real" in error} | {
    "NaN",
    "infinity",
    "large integer",
    "hostile value",
}
WRONG_VALUES -= set(NEED_TRIAL)


def bad_study(**options):
    """Return a new study of the objectives."""
    return Study({"x": Float(0, 1)}, strategy="random", seed=0, **options)


def assert_others_complete(study):
    """Check that a study has all trials, and that all but the bad one are as they should be."""
    assert [trial.number for trial in study.trials] == list(range(N_TRIALS))
    for trial in study.trials:
        assert 0 <= trial.params["x"] <= 1
        assert study.space.locate(trial.params) == trial.point
        if trial.number != BAD:
            assert (trial.state, trial.value) == (TrialState.COMPLETE, trial.params["x"])


@contextmanager
def restored_process():
    """Context manager: undo what a behavior changes in this process."""
    folder, stdout, environment = Path.cwd(), sys.stdout, dict(os.environ)
    timeout = socket.getdefaulttimeout()
    try:
        with warnings.catch_warnings(), np.errstate():
            yield
    finally:
        os.chdir(folder)
        sys.stdout = stdout
        socket.setdefaulttimeout(timeout)
        os.environ.clear()
        os.environ.update(environment)
        while left_open:
            left_open.pop().close()
