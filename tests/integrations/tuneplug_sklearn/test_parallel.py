"""Many workers: the same search whatever their number, wherever they are, whatever befalls them.

Estimators that run in other processes are defined in functions, so that they travel by value.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from threadpoolctl import threadpool_info

from tuneplug import Float, Int, Study, TrialState
from tuneplug.execution import WorkerPool
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.stopping import Patience, Target
from tuneplug.strategies import Strategy
from tuneplug_sklearn import WarpedBayesSearchCV, executors
from tuneplug_sklearn import search as search_module
from tuneplug_sklearn.executors import in_worker
from tuneplug_sklearn.lag import resolve_lag
from tuneplug_sklearn.scheduler import Scheduler

X, y = load_iris(return_X_y=True)
ROWS = np.arange(30.0).reshape(-1, 1)
LABELS = np.arange(30) % 2
SPACE = {"C": Float(1e-2, 1e3), "gamma": Float(1e-4, 10.0)}
PEAK = {"a": Float(0.0, 1.0), "b": Int(0, 12)}


class Peak(ClassifierMixin, BaseEstimator):
    """Fits nothing; its score is best at a = 0.3, b = 7 and does not look at data."""

    def __init__(self, a=0.5, b=1):
        self.a, self.b = a, b

    def fit(self, X, y=None):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        return -((self.a - 0.3) ** 2) - 0.01 * (self.b - 7) ** 2


def svm(**options):
    return WarpedBayesSearchCV(
        SVC(), SPACE, **({"n_iter": 9, "cv": 3, "random_state": 0} | options)
    )


def peak(model=None, **options):
    options = {"n_iter": 12, "cv": 2, "random_state": 0} | options
    return WarpedBayesSearchCV(Peak() if model is None else model, PEAK, **options)


def outcome(search):
    """Everything about a search that must not depend on its workers; NaN equals NaN in writing."""
    results = search.cv_results_.items()
    return {name: str(list(column)) for name, column in results if not name.endswith("_time")}


@pytest.fixture
def shuffled(monkeypatch):
    """Replaces ``run_jobs`` by a loop whose fits end in random order; returns how many fly.

    While all slots are taken it calls ``idle``, if ``idles``, before every second end.
    """

    def replace(seed, slots, *, idles=True):
        in_flight = []

        def run_jobs(pool, next_job, on_result, on_failure, idle):
            rng, flying = np.random.default_rng(seed), []
            while True:
                while len(flying) < slots and (job := next_job()) is not None:
                    flying.append(job)
                in_flight.append(len(flying))
                if not flying:
                    return
                if idles and len(flying) == slots and len(in_flight) % 2:
                    idle()
                job = flying.pop(rng.integers(len(flying)))
                on_result(job, job.call(*job.args))

        monkeypatch.setattr(search_module, "run_jobs", run_jobs)
        return in_flight

    return replace


@pytest.fixture
def one_slot(monkeypatch):
    """Searches run on one thread, and each fit ends only after the driver's ``idle``."""
    prepared = threading.Semaphore(0)
    prepare = Scheduler.prepare

    class Gated(ThreadPoolExecutor):
        def submit(self, call, *args):
            def gated():
                assert prepared.acquire(timeout=60.0)
                return call(*args)

            return super().submit(gated)

    def release(self):
        try:
            prepare(self)
        finally:
            prepared.release()

    monkeypatch.setattr(Scheduler, "prepare", release)
    pool = WorkerPool(1, lambda: Gated(1), in_process=True)
    monkeypatch.setattr(search_module, "make_pool", lambda *_: pool)


def counted_proposals(monkeypatch):
    """Return a list that grows with each suggestion that a strategy computes."""
    numbers, propose = [], Strategy.propose

    def counting(self, context):
        numbers.append(len(context.history))
        return propose(self, context)

    monkeypatch.setattr(Strategy, "propose", counting)
    return numbers


# --------------------------------------------------------------------------- S8: deterministic


@pytest.mark.parametrize("lag", ["auto", 0, 2])
def test_candidates_and_results_do_not_depend_on_the_number_of_workers(lag):
    """S8: the same int seed, with 1, 2 or 16 workers."""
    one = svm(lag=lag).fit(X, y)
    with joblib.parallel_config("threading"):
        for n_jobs in (2, 16):
            several = svm(lag=lag, n_jobs=n_jobs).fit(X, y)
            assert outcome(several) == outcome(one)
            assert several.best_params_ == one.best_params_


@pytest.mark.parametrize(
    "options",
    [{}, {"racing": True}, {"completion": [Patience(4)]}, {"completion": [Target(-0.02)]}],
)
def test_candidates_and_results_do_not_depend_on_the_order_in_which_fits_end(options, shuffled):
    one = outcome(peak(n_iter=20, cv=4, **options).fit(ROWS, LABELS))
    for seed in range(3):
        shuffled(seed, slots=7)
        assert outcome(peak(n_iter=20, cv=4, **options).fit(ROWS, LABELS)) == one


@pytest.mark.parametrize(
    "options", [{}, {"strategy": "random"}, {"racing": True}, {"completion": [Patience(4)]}]
)
def test_suggestions_prepared_while_workers_are_busy_change_no_candidate(
    options, shuffled, monkeypatch
):
    asked = counted_proposals(monkeypatch)
    shuffled(0, slots=3, idles=False)
    without = peak(n_iter=20, cv=4, lag=2, **options).fit(ROWS, LABELS)
    n_without = len(asked)
    shuffled(0, slots=3)
    with_idle = peak(n_iter=20, cv=4, lag=2, **options).fit(ROWS, LABELS)
    assert outcome(with_idle) == outcome(without)
    assert len(asked) - n_without <= n_without + 1, "each prepared suggestion must be used"


def test_prepared_suggestion_is_there_when_a_worker_frees(one_slot, monkeypatch):
    """Every suggestion but the first is computed while the only slot is taken."""
    asked, during_ask = counted_proposals(monkeypatch), []
    ask = Study.ask

    def counting_ask(self, **options):
        before = len(asked)
        trial = ask(self, **options)
        during_ask.append(len(asked) - before)
        return trial

    monkeypatch.setattr(Study, "ask", counting_ask)
    peak(n_iter=12, cv=2, lag=1).fit(ROWS, LABELS)
    assert during_ask == [1] + [0] * 11
    assert len(asked) == 12


@pytest.mark.parametrize("options", [{"lag": None, "n_jobs": 2}, {"lag": 1, "n_jobs": 1}])
def test_nothing_is_prepared_without_a_lag_or_without_workers(options, monkeypatch):
    prepared = []
    monkeypatch.setattr(Study, "prepare", lambda self, **lag: prepared.append(lag))
    with joblib.parallel_config("threading"):
        peak(**options).fit(ROWS, LABELS)
    assert prepared == []


def test_error_of_a_strategy_while_preparing_ends_the_search_as_it_does_when_asked(
    one_slot, monkeypatch
):
    propose = Strategy.propose

    def break_at_eight(self, context):
        if len(context.history) == 8:
            raise ArithmeticError("no ninth candidate")
        return propose(self, context)

    monkeypatch.setattr(Strategy, "propose", break_at_eight)
    search = peak(n_iter=12, cv=2, lag=1)
    with pytest.raises(ArithmeticError, match="no ninth candidate"):
        search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 8


@pytest.mark.parametrize(("lag", "most"), [(0, 2), (1, 4), (3, 8)])
def test_lag_is_the_room_there_is_for_fits_in_flight(lag, most, shuffled):
    in_flight = shuffled(0, slots=100)
    peak(lag=lag, strategy="random", completion=[Target(1.0)]).fit(ROWS, LABELS)
    assert max(in_flight) == most


def test_start_up_trials_fly_together_as_they_wait_for_nothing(shuffled):
    in_flight = shuffled(0, slots=100)
    peak(lag=0).fit(ROWS, LABELS)
    assert in_flight[0] == 5 * 2


def test_the_default_lag_depends_on_the_number_of_folds_alone():
    lags = {folds: resolve_lag("auto", 0, folds) for folds in (1, 2, 3, 5, 10, 12)}
    assert lags == {1: 3, 2: 3, 3: 3, 5: 2, 10: 1, 12: 0}
    assert resolve_lag("auto", 7, 5) == 2
    assert resolve_lag("auto", None, 5) is None


def test_a_lag_is_kept_without_a_seed_and_none_waits_for_nothing_with_one():
    assert resolve_lag(2, None, 5) == 2
    assert resolve_lag(None, 0, 5) is None


# --------------------------------------------------------------------------- S7: no idle workers


def test_other_workers_go_on_while_one_configuration_takes_its_time():
    """S7: ten candidates on four workers, one of the first of which ends last."""
    slow = []

    class Slow(Peak):
        others: ClassVar[threading.Semaphore] = threading.Semaphore(0)
        first = threading.Lock()

        def fit(self, X, y=None):
            if self.first.acquire(blocking=False):
                slow.append(self.a)
                for _ in range(9):  # until the fit of each of the others has begun
                    assert self.others.acquire(timeout=60)
            else:
                self.others.release()
            return super().fit(X, y)

    search = peak(Slow(), n_iter=10, cv=ShuffleSplit(1), n_jobs=4, random_state=None, refit=False)
    with joblib.parallel_config("threading"):
        search.fit(ROWS, LABELS)
    assert len(slow) == 1
    assert len(search.cv_results_["params"]) == 10


# --------------------------------------------------------------------------- S9: native threads


def probe():
    class Probe(Peak):
        """Its score is the largest number of native threads that it could use."""

        def score(self, X, y=None):
            from threadpoolctl import threadpool_info

            np.ones((2, 2)) @ np.ones((2, 2))
            return -max(pool["num_threads"] for pool in threadpool_info())

    return Probe()


def most_threads():
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}


@pytest.mark.parametrize(("backend", "per_core"), [("threading", 2), ("loky", 1)])
def test_fits_side_by_side_share_the_cores_and_limits_are_restored(backend, per_core):
    """S9: at least as many workers as cores, each with one native thread."""
    before = most_threads()
    with joblib.parallel_config(backend):
        n_jobs = max(2, per_core * joblib.cpu_count())
        search = peak(probe(), n_iter=4, n_jobs=n_jobs, refit=False)
        search.fit(ROWS, LABELS)
    assert set(search.cv_results_["mean_test_score"]) == {-1.0}
    assert most_threads() == before


def test_jobs_inside_of_fits_on_processes_share_the_cores():
    """S9: ``n_jobs=-1`` of an estimator, or LightGBM, which asks joblib for the cores there are."""

    class Greedy(Peak):
        def score(self, X, y=None):
            return -float(joblib.effective_n_jobs(-1) + joblib.cpu_count(only_physical_cores=True))

    search = peak(Greedy(), n_iter=4, n_jobs=max(2, joblib.cpu_count()), refit=False)
    assert set(search.fit(ROWS, LABELS).cv_results_["mean_test_score"]) == {-2.0}


# --------------------------------------------------------------------------- where fits run


def test_any_executor_will_do():
    one = svm().fit(X, y)
    with ThreadPoolExecutor(3) as threads:
        assert outcome(svm(executor=threads).fit(X, y)) == outcome(one)
        assert threads.submit(int).result() == 0  # it is still open
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        assert outcome(svm(executor=processes, n_jobs=2).fit(X, y)) == outcome(one)
        assert processes.submit(int).result() == 0


@pytest.mark.slow
def test_a_killed_worker_of_dask_costs_its_candidate_and_not_the_data():
    distributed = pytest.importorskip("distributed")
    search = WarpedBayesSearchCV(deadly(7), {"b": [7, 9, 5]}, n_iter=3, cv=2, strategy="grid")
    with (
        distributed.LocalCluster(1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
        pytest.warns(FitFailedWarning),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.set_params(executor=client.get_executor(pure=False), n_jobs=1).fit(ROWS, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [False, True, True]


def test_processes_of_ones_own_are_given_functions_and_classes_of_any_module():
    class Local(Peak):
        def score(self, X, y=None):
            if self.b is None:
                raise Unheard("of")
            return self.b()

    class Unheard(Exception):  # noqa: N818
        pass

    def choose(b):
        return {"b": [b, lambda: 2.0]}

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as processes:
        options = {"n_iter": 2, "cv": 2, "executor": processes, "refit": False}
        search = WarpedBayesSearchCV(Local(), choose(lambda: 1.0), **options)
        assert search.fit(ROWS, LABELS).cv_results_["mean_test_score"].tolist() == [1.0, 2.0]
        options["error_score"] = "raise"
        with pytest.raises(Unheard, match="of"):
            WarpedBayesSearchCV(Local(), choose(None), **options).fit(ROWS, LABELS)


def test_an_executor_that_was_named_is_ended_with_the_search():
    made = []

    class Threads(ThreadPoolExecutor):
        name = "three-threads"

        def __init__(self):
            super().__init__(3)
            made.append(self)

    class Plugin:
        @hookimpl
        def tuneplug_executors(self):
            return Threads

    plugins = Plugins()
    plugins.register(Plugin())
    one = svm().fit(X, y)
    assert outcome(svm(executor="three-threads", plugins=plugins).fit(X, y)) == outcome(one)
    (threads,) = made
    with pytest.raises(RuntimeError, match="after shutdown"):
        threads.submit(int)


@pytest.mark.slow
def test_idle_workers_that_were_killed_are_replaced_by_the_next_search():
    one = svm().fit(X, y)
    assert outcome(svm(n_jobs=2).fit(X, y)) == outcome(one)
    (idle,) = (pool for (pid, *_), pool in executors._Processes._idle.items() if pid == os.getpid())
    worker = idle.submit(os.getpid).result()
    future = idle.submit(time.sleep, 1000)
    os.kill(worker, signal.SIGTERM)  # loky ends the others
    with pytest.raises(BrokenExecutor):
        future.result()
    assert outcome(svm(n_jobs=2).fit(X, y)) == outcome(one)


FORKS = """
import os, numpy as np
from sklearn.tree import DecisionTreeClassifier
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.executors import _Processes

X = np.arange(60.0).reshape(-1, 2)
search = WarpedBayesSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, n_iter=2, n_jobs=2)
search.fit(X, np.arange(30) % 2)
child = os.fork()
search.fit(X, np.arange(30) % 2)
print("done", flush=True)
for (process, *_), pool in _Processes._idle.items():
    if process == os.getpid():
        pool.shutdown(kill_workers=True)  # they would keep the pipe to the test open
if not child:
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_of_a_process_that_has_searched_makes_workers_of_its_own():
    run = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    assert run.stdout == "done\n" * 2


def test_ipyparallel_engines_will_do(tmp_path):
    ipyparallel = pytest.importorskip("ipyparallel", reason="ipyparallel is not installed")
    one = svm().fit(X, y)
    cluster = ipyparallel.Cluster(n=2, profile_dir=str(tmp_path), log_level=logging.WARNING)
    with cluster as engines:
        executor = engines.load_balanced_view().executor
        assert outcome(svm(executor=executor, n_jobs=2).fit(X, y)) == outcome(one)
        assert executor.submit(int).result() == 0


def containers(folder):
    memmap = np.memmap(folder / "X", dtype=float, mode="w+", shape=X.shape)
    memmap[:] = X
    memmap.flush()
    return {
        "memmap": np.memmap(folder / "X", dtype=float, mode="r", shape=X.shape),
        "pandas": pd.DataFrame(X, columns=list("abcd")),
        "polars": pytest.importorskip("polars").DataFrame(X, schema=list("abcd")),
        "sparse": sparse.csr_array(X),
        "list": X.tolist(),
    }


@pytest.mark.parametrize("kind", ["memmap", "pandas", "polars", "sparse", "list"])
def test_data_in_any_container_travel_to_processes(kind, tmp_path):
    data = containers(tmp_path)[kind]
    one, two = svm(n_iter=6).fit(data, y), svm(n_iter=6, n_jobs=2).fit(data, y)
    assert outcome(two) == outcome(one)
    np.testing.assert_array_equal(two.predict(data), one.predict(data))
    alone = SVC().fit(data, y)  # older versions read no names from polars
    assert list(getattr(two, "feature_names_in_", [])) == list(
        getattr(alone, "feature_names_in_", [])
    )


def test_precomputed_kernels_and_several_outputs_travel_to_processes():
    kernel = WarpedBayesSearchCV(
        SVC(kernel="precomputed"), {"C": SPACE["C"]}, n_iter=6, random_state=0, n_jobs=2
    ).fit(X @ X.T, y)
    assert kernel.best_score_ > 0.9
    ridge = WarpedBayesSearchCV(
        Ridge(), {"alpha": Float(1e-2, 1e2)}, n_iter=6, random_state=0, n_jobs=2
    ).fit(X, X[:, :2] @ [[1.0, 2.0], [3.0, 4.0]])
    assert ridge.predict(X).shape == (150, 2)


def test_processes_are_given_functions_and_classes_of_any_module_and_read_only_data():
    class Strict(Peak):
        def fit(self, X, y=None):
            # training rows are copies; the data they come from are memory that all workers share
            assert X.flags.owndata
            return super().fit(X, y)

    model = make_pipeline(FunctionTransformer(lambda X: X + 1.0), Strict())
    space = {"strict__a": Float(0.0, 1.0)}
    search = WarpedBayesSearchCV(model, space, n_iter=3, cv=2, n_jobs=2, error_score="raise")
    search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 3


def test_configuration_and_warning_filters_reach_the_workers():
    class Curious(Peak):
        def fit(self, X, y=None):
            warnings.warn("heard of", FutureWarning, stacklevel=2)
            assert get_config()["assume_finite"]
            return super().fit(X, y)

    search = peak(Curious(), n_iter=3, n_jobs=2, error_score="raise", refit=False)
    with config_context(assume_finite=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            search.fit(ROWS, LABELS)
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            with pytest.raises(FutureWarning, match="heard of"):
                search.fit(ROWS, LABELS)


def test_what_a_fit_raises_on_a_worker_is_raised_with_its_traceback():
    class Picky(Peak):
        def fit(self, X, y=None):
            raise LookupError("nothing of the kind")

    with pytest.raises(LookupError, match="nothing of the kind") as caught:
        peak(Picky(), n_jobs=2, error_score="raise").fit(ROWS, LABELS)
    assert "in fit" in "".join(caught.value.__notes__)


def test_a_search_within_a_parallel_search_is_sequential_there():
    class Nested(Peak):
        def score(self, X, y=None):
            from tuneplug_sklearn.executors import in_worker

            return float(in_worker())

    assert not in_worker()
    inner = peak(Nested(), n_iter=3, n_jobs=2)
    scores = cross_val_score(inner, ROWS, LABELS, cv=2, n_jobs=2)
    assert scores.tolist() == [1.0, 1.0]
    outer = WarpedBayesSearchCV(inner, {"n_iter": [2, 3]}, n_iter=2, cv=2, n_jobs=2)
    assert outer.fit(ROWS, LABELS).cv_results_["mean_test_score"].tolist() == [1.0, 1.0]


def test_an_unknown_backend_is_refused_with_a_way_out():
    class Unheard(joblib.parallel.ThreadingBackend):
        pass

    joblib.register_parallel_backend("unheard", Unheard)
    with (
        joblib.parallel_config("unheard", n_jobs=2),
        pytest.raises(ValueError, match="pass executor="),
    ):
        peak().fit(ROWS, LABELS)


def test_clones_share_the_executor_and_copies_that_are_pickled_drop_it():
    with ThreadPoolExecutor(2) as threads:
        search = svm(executor=threads)
        assert clone(search).executor is threads
        assert clone(search).get_params()["estimator"] is not search.estimator
        scores = cross_val_score(search, X, y, cv=2)
        assert np.isfinite(scores).all()
        assert pickle.loads(pickle.dumps(search)).executor is None


# --------------------------------------------------------------------------- killed workers


def both_metrics(model, X, y):
    return {"accuracy": 0.5, "f1": 0.25}


def deadly(deadly_b):
    class Deadly(Peak):
        def fit(self, X, y=None):
            if self.b == deadly_b:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().fit(X, y)

    return Deadly()


@pytest.mark.slow
def test_a_killed_worker_costs_its_candidate_at_most():
    space = {"b": [0, 3, 5, 7, 9, 11]}
    options = {"n_iter": 6, "cv": 2, "random_state": 0, "n_jobs": 2, "refit": False}
    search = WarpedBayesSearchCV(deadly(7), space, **options)
    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.warns(FitFailedWarning, match="candidate 3, fold .: the worker process died"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(ROWS, LABELS)
    scores = dict(zip(space["b"], search.cv_results_["mean_test_score"], strict=True))
    assert np.isnan(scores.pop(7))
    assert np.isfinite(list(scores.values())).all()
    assert search.best_params_["b"] in (5, 9)
    states = [trial.state for trial in search.study_.trials]
    assert states.count(TrialState.FAILED) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "scoring",
    [["accuracy", "f1"], both_metrics],
    ids=["list", "callable"],
)
def test_the_first_candidate_may_be_the_one_that_kills_its_worker(scoring):
    search = WarpedBayesSearchCV(
        deadly(0),
        {"b": [0, 7]},
        n_iter=2,
        cv=ShuffleSplit(1, random_state=0),
        n_jobs=2,
        scoring=scoring,
        refit=False,
        error_score=-9.0,
        return_train_score=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FitFailedWarning)
        results = search.fit(ROWS, LABELS).cv_results_
    for name in [name for name in results if name.startswith(("mean_test", "mean_train"))]:
        assert results[name][0] == -9.0
        assert results[name][1] >= 0.0


def test_a_worker_killed_where_errors_are_to_be_raised_is_one():
    search = WarpedBayesSearchCV(
        deadly(7), {"b": [3, 7]}, n_iter=2, cv=2, n_jobs=2, error_score="raise"
    )
    with pytest.raises(
        RuntimeError, match="candidate 1, fold 0: the worker process died in two attempts"
    ):
        search.fit(ROWS, LABELS)


def test_a_broken_executor_of_ones_own_ends_the_search_and_what_was_finished_is_kept():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as processes:
        search = WarpedBayesSearchCV(
            Peak(), {"b": [1, 2, 3]}, n_iter=3, cv=2, executor=Breaking(processes, after=5)
        )
        with pytest.raises(BrokenExecutor):
            search.fit(ROWS, LABELS)
    assert search.cv_results_["params"] == [{"b": 1}, {"b": 2}]
    assert search.best_params_ == {"b": 2}


def test_executor_that_is_shut_down_raises_before_a_fit():
    with ThreadPoolExecutor(1) as executor:
        pass
    search = svm(executor=executor)
    with pytest.raises(ValueError, match=r"must accept jobs.*after shutdown: pass a new one"):
        search.fit(X, y)
    assert search.study_.trials == []


def test_an_executor_shut_down_before_its_time_costs_nothing_that_was_finished():
    def close(progress):
        if progress.n_done == 3:
            threads.shutdown(wait=False)

    with ThreadPoolExecutor(1) as threads:
        search = peak(executor=threads, callbacks=[close])
        with pytest.raises(RuntimeError, match="after shutdown"):
            search.fit(ROWS, LABELS)
    assert search.cv_results_["params"] == peak().fit(ROWS, LABELS).cv_results_["params"][:3]
    assert not hasattr(search, "best_estimator_")


def test_workers_can_be_killed_right_after_a_job_was_handed_in():
    """An error in a thread of the pool would be an error of this test."""
    processes = executors._Processes(slots=1, n_threads=1)
    assert processes.submit(int).result() == 0
    job = processes.submit(signal.pause)
    processes.terminate()
    with pytest.raises(RuntimeError):
        job.result()


class Breaking:
    """An executor whose pool has broken after a number of fits."""

    _max_workers = 1

    def __init__(self, pool, after):
        self.pool, self.left = pool, after

    def submit(self, fn, *args):
        if not args:  # the pool asks where jobs run
            return ThreadPoolExecutor(1).submit(fn)
        self.left -= 1
        if self.left < 0:
            raise BrokenExecutor("a child process terminated abruptly")
        (done := Future()).set_result(fn(*args))
        return done


def test_processes_are_ready_for_the_next_search():
    pids = []

    class Numbered(Peak):
        def score(self, X, y=None):
            return float(os.getpid())

    for _ in range(2):
        search = peak(Numbered(), n_iter=6, n_jobs=2, refit=False).fit(ROWS, LABELS)
        pids.append({*search.cv_results_["split0_test_score"]})
    assert len(pids[0] | pids[1]) <= 2
    assert os.getpid() not in pids[0]


def test_time_is_told_apart_from_the_time_spent_suggesting():
    seen = []
    start = time.monotonic()
    peak(callbacks=[seen.append]).fit(ROWS, LABELS)
    assert 0.0 < seen[-1].suggesting < seen[-1].elapsed < time.monotonic() - start


def test_an_interrupt_in_the_middle_of_a_submission_takes_effect_after_it(monkeypatch):
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    before = signal.getsignal(signal.SIGINT)
    processes = executors._Processes(2, 1)
    queue = processes._pool._work_ids
    put = queue.put

    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)
        put(*args)

    monkeypatch.setattr(queue, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        processes.submit(os.getpid)
    assert processes._latest.result(timeout=60) != os.getpid()
    assert signal.getsignal(signal.SIGINT) is before
    processes.terminate()
    assert raised == []


def test_a_second_interrupt_ends_a_submission_at_once():
    received = []

    def twice():
        with executors._interrupts_deferred():
            for _ in range(2):
                received.append(signal.raise_signal(signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert len(received) == 1
