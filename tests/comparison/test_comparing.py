"""``compare``: paired replications, the same on any number of workers, resumed from a storage."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from tuneplug import (
    AllTrialsFailedError,
    Float,
    Int,
    NoCompletedTrialError,
    SearchSpace,
    Study,
    compare,
)
from tuneplug.comparison.plan import seed_of_replication
from tuneplug.storage import MemoryStorage, SqliteStorage
from tuneplug.strategies import BayesianSearch, RandomSearch

SPACE = {"x": Float(-1.0, 1.0), "k": Int(1, 5)}
BOTH = {"bayesian": "bayesian", "random": "random"}


def objective(trial):
    return (trial.params["x"] - 0.3) ** 2 + abs(trial.params["k"] - 2)


class Counted:
    """An objective that counts its calls, and raises an exception in one of them."""

    def __init__(self, fail_at=None, error=KeyboardInterrupt):
        self.calls, self.fail_at, self.error = 0, fail_at, error
        self.lock = threading.Lock()

    def __call__(self, trial):
        with self.lock:
            self.calls += 1
            if self.calls == self.fail_at:
                raise self.error
        return objective(trial)


def small(function=objective, strategies=BOTH, **options):
    options = {"space": SPACE, "replications": 3, "n_trials": 8, "seed": 0} | options
    return compare(function, strategies, **options)


def assert_same(one, other):
    assert one.strategies == other.strategies
    for name in one.curves:
        np.testing.assert_array_equal(one.curves[name], other.curves[name])
    assert one.table() == other.table()


@pytest.fixture(scope="module")
def reference():
    return small()


def test_a_curve_is_the_best_so_far_of_a_study_with_the_seed_of_its_replication(reference):
    for name in BOTH:
        study = Study(SPACE, strategy=name, seed=seed_of_replication(0, 1), n_trials=8)
        study.optimize(objective, 8)
        values = [trial.value for trial in study.trials]
        np.testing.assert_array_equal(reference.curves[name][1], np.minimum.accumulate(values))


def test_replications_are_paired_by_their_seed():
    comparison = small(strategies={"one": "random", "other": RandomSearch()})
    np.testing.assert_array_equal(comparison.curves["one"], comparison.curves["other"])
    assert len(np.unique(comparison.curves["one"][:, 0])) == 3
    assert comparison.test("one", "other").ties == 3


@pytest.mark.parametrize("n_jobs", [2, 5])
def test_the_comparison_is_the_same_on_threads(reference, n_jobs):
    assert_same(small(n_jobs=n_jobs), reference)


def test_the_comparison_is_the_same_on_processes(reference):
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as executor:
        assert_same(small(executor=executor), reference)


def test_one_instance_of_a_strategy_serves_all_replications(reference):
    comparison = small(strategies={"bayesian": BayesianSearch(), "random": "random"}, n_jobs=2)
    assert_same(comparison, reference)


def test_strategies_may_have_options_and_a_space_of_their_own():
    wrong = {"space": {"x": Float(0.9, 1.0), "k": [5]}, "strategy": "random"}
    comparison = small(strategies={"wrong": wrong, "random": {"strategy": "random"}})
    assert comparison.curves["wrong"].min() >= 3.0
    assert comparison.curves["random"][:, -1].max() < 3.0
    assert compare(
        objective,
        {"wrong": wrong, "right": {"strategy": "random", "space": SearchSpace(SPACE)}},
        replications=2,
        n_trials=2,
    ).strategies == ["wrong", "right"]


def test_values_are_in_the_units_of_the_user_when_maximized(reference):
    comparison = small(lambda trial: -objective(trial), direction="maximize")
    for name in BOTH:
        np.testing.assert_array_equal(comparison.curves[name], -reference.curves[name])


def test_failed_trials_carry_the_best_so_far_and_are_counted():
    def sometimes(trial):
        if trial.number in (0, 3):
            raise ValueError("not this one")
        return float("nan") if trial.number == 5 else objective(trial)

    with pytest.warns(RuntimeWarning, match="9 of 24 trials .* failed.*not this one"):
        comparison = small(sometimes, {"random": "random"})
    curve = comparison.curves["random"]
    assert np.isnan(curve[:, 0]).all()
    np.testing.assert_array_equal(curve[:, 3], curve[:, 2])
    np.testing.assert_array_equal(curve[:, 5], curve[:, 4])
    assert comparison.n_failed == {"random": 9}


def test_an_objective_that_always_fails_ends_the_comparison_early():
    counted = Counted()

    def broken(trial):
        counted(trial)
        raise ValueError("broken")

    with pytest.raises(AllTrialsFailedError, match=r"'bayesian', replication 0.*(?s:.*)broken"):
        small(broken)
    assert counted.calls == 5


def test_a_replication_without_a_full_trial_is_an_error():
    class Looks(RandomSearch):
        def suggest(self, context, n=1):
            found = super().suggest(context, n)
            return [replace(suggestion, resource=1, fidelity=0.5) for suggestion in found]

    with pytest.raises(NoCompletedTrialError, match="increase n_trials"):
        small(strategies={"looks": Looks()}, n_trials=2)


def test_a_replication_without_a_feasible_trial_is_an_error_that_says_so():
    def infeasible(trial):
        trial.set_constraints([-1.0, 2.0])
        return 0.0

    message = r"replication 0: .* none of 3 completed trials is: .* constraint 1 is 2 and must"
    with pytest.raises(NoCompletedTrialError, match=message):
        small(infeasible, n_trials=3)


def test_an_exhausted_space_keeps_its_best_value():
    comparison = compare(
        lambda trial: trial.params["k"],
        {"grid": "grid", "random": "random"},
        space={"k": [3, 1, 2]},
        replications=2,
        n_trials=5,
    )
    assert (comparison.curves["grid"][:, 3:] == 1).all()


def test_mistakes_are_named_together_before_any_trial():
    counted = Counted()
    with pytest.raises(ValueError, match="mistakes in its arguments") as caught:
        compare(
            counted,
            {
                "typo": "bayesan",
                "seed": {"seed": 1, "strategi": "random"},
                "number": 3,
                "": "random",
                "space": {"space": {"x": Float(1.0, 0.0)}},
            },
            space=SPACE,
            replications=1,
            n_trials=0,
            direction="max",
            storage="memory://",
        )
    text = str(caught.value)
    for part in (
        "did you mean 'bayesian'",
        "'seed' is the same for all",
        "did you mean 'strategy'",
        "strategies['number']: strategy must be",
        "strategies['']",
        "strategies['space']",
        "replications must be an integer of at least 2",
        "n_trials must be",
        "direction must be",
        "name must be text",
    ):
        assert part in text
    assert counted.calls == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": ["random"]}, "must be a mapping"),
        ({"strategies": {}}, "must be a mapping"),
        ({"space": None}, "a space is needed"),
        ({"function": 3}, "objective must be a function"),
        ({"seed": -1}, "seed must be"),
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"storage": "study.db", "name": "a"}, "storage must be a URL"),
    ],
)
def test_a_single_mistake_is_the_message(change, message):
    with pytest.raises(ValueError, match=message):
        small(**change)


def test_an_estimator_is_no_objective_and_the_message_names_the_function_for_it():
    class Search:
        def fit(self, X, y):
            """Fit."""

    with pytest.raises(ValueError, match="compare_searches"):
        small(Search())


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    return MemoryStorage() if request.param == "memory" else SqliteStorage(tmp_path / "c.db")


def test_what_is_stored_is_not_repeated(storage, reference):
    assert_same(small(storage=storage, name="c"), reference)
    again = Counted()
    assert_same(small(again, storage=storage, name="c"), reference)
    assert again.calls == 0
    assert storage.studies() == sorted(f"c/{name}/{r}" for name in BOTH for r in range(3))


def test_the_stored_seed_is_taken_if_none_is_given(storage):
    first = small(seed=None, storage=storage, name="c", n_trials=3)
    again = Counted()
    assert_same(small(again, seed=None, storage=storage, name="c", n_trials=3), first)
    assert again.calls == 0


def test_replications_and_strategies_can_be_added(storage):
    small(strategies={"random": "random"}, replications=2, storage=storage, name="c")
    counted = Counted()
    comparison = small(counted, replications=3, storage=storage, name="c")
    assert counted.calls == 8 + 3 * 8
    assert_same(comparison, small())


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupted_comparison_goes_on_as_if_it_had_not_been(storage, reference, n_jobs):
    interrupted = Counted(fail_at=21)
    with pytest.raises(KeyboardInterrupt) as caught:
        small(interrupted, storage=storage, name="c", n_jobs=n_jobs)
    again = Counted()
    assert_same(small(again, storage=storage, name="c", n_jobs=n_jobs), reference)
    assert interrupted.calls - 1 + again.calls == 6 * 8
    assert caught.value is not None  # as in a notebook, the traceback holds the frames


KILLED = """
import os, signal, sys
from tuneplug import Float, Int, compare

def objective(trial):
    with open(sys.argv[2], "a") as log:
        log.write("x")
        if log.tell() == 13:
            log.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    return (trial.params["x"] - 0.3) ** 2 + abs(trial.params["k"] - 2)

if __name__ == "__main__":
    compare(
        objective,
        {"bayesian": "bayesian", "random": "random"},
        space={"x": Float(-1.0, 1.0), "k": Int(1, 5)},
        replications=3, n_trials=8, seed=0, storage=sys.argv[1], name="c",
    )
"""


@pytest.mark.slow
def test_a_killed_comparison_goes_on_as_if_it_had_not_been(tmp_path, reference):
    script, log = tmp_path / "killed.py", tmp_path / "log"
    script.write_text(KILLED)
    url = f"sqlite:///{tmp_path}/c.db"
    command = [sys.executable, str(script), url, str(log)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    codes = []
    for _ in range(2):  # killed in the middle of the first call, and completed by the second
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        codes.append(done.returncode)
    assert codes == [-signal.SIGKILL, 0], done.stderr
    assert len(log.read_text()) == 6 * 8 + 1  # only the killed trial ran twice
    again = Counted()
    assert_same(small(again, storage=url, name="c"), reference)
    assert again.calls == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "differs in seed"),
        ({"n_trials": 4}, "differs in n_trials"),
        ({"strategies": {"random": "grid"}, "space": {"k": [1, 2]}}, "in strategy, space"),
        ({"direction": "maximize"}, "differs in direction"),
        ({"space": {**SPACE, "x": Float(-2.0, 2.0)}}, "differs in space"),
    ],
)
def test_stored_replications_of_another_comparison_are_not_mixed_with_it(storage, change, message):
    options = {"strategies": {"random": "random"}, "n_trials": 3, "storage": storage, "name": "c"}
    small(**options)
    counted = Counted()
    with pytest.raises(ValueError, match=message):
        small(counted, **options | change)
    assert counted.calls == 0


def test_stored_replications_that_differ_alike_are_one_mistake(storage):
    options = {"strategies": {"a": "random", "b": "random"}, "storage": storage, "name": "c"}
    small(n_trials=3, **options)
    expected = r"^the stored study 'c/a/0' and 5 more must be of this comparison, but differs in n_"
    with pytest.raises(ValueError, match=expected):
        small(n_trials=4, **options)


@pytest.mark.parametrize("verbose", ["bar", None, 0.5])
def test_verbose_that_is_no_integer_is_an_error(verbose):
    counted = Counted()
    with pytest.raises(TypeError, match="verbose must be an integer, but got"):
        small(counted, verbose=verbose)
    assert counted.calls == 0


def test_a_stored_study_of_the_same_name_is_left_alone(storage):
    study = Study(SPACE, storage=storage, name="c/random/0", seed=0)
    study.optimize(objective, 2)
    with pytest.raises(ValueError, match="must be of this comparison"):
        small(storage=storage, name="c")


def test_processes_cannot_reach_the_memory_of_another_one():
    with (
        ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as executor,
        pytest.raises(ValueError, match="processes of the executor can reach"),
    ):
        small(executor=executor, storage=MemoryStorage(), name="c")


def test_an_error_of_a_strategy_is_raised():
    class Broken(RandomSearch):
        def suggest(self, context, n=1):
            raise RuntimeError("no idea")

    with pytest.raises(RuntimeError, match="no idea"):
        small(strategies={"broken": Broken()}, n_jobs=2)


def test_a_line_is_printed_for_each_replication(capsys):
    small(verbose=1, n_trials=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert re.fullmatch(r"bayesian 1/3: best [\d.e-]+ \(1 of 6 replications\)", lines[0])


def test_infeasible_trials_do_not_count():
    def constrained(trial):
        trial.set_constraints([0.3 - trial.params["x"]])
        return trial.params["x"]

    result = small(constrained, {"random": "random"}, n_trials=10)
    curves = result.curves["random"]
    assert np.nanmin(curves) >= 0.3
