"""Run jobs: slots, broken executors, broadcasts, and ownership of executors."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import threading
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from tuneplug import Float, Study, TrialState
from tuneplug.execution import (
    Broadcast,
    Job,
    WorkerPool,
    make_pool,
    n_workers,
    resolve_n_jobs,
    run_jobs,
)
from tuneplug.plugins import Plugins, hookimpl

SECONDS = 60  # only a failing test waits that long

#: Module of the functions that worker processes run.
TASKS = '''
import os
import signal
import threading


def attempt(folder, key):
    """Return the number of attempts of the task, including this one."""
    with (folder / key).open("a") as file:
        file.write("x")
    return (folder / key).stat().st_size


def survivor(folder, key):
    """At the first attempt, wait a minute to be killed; at the second, return."""
    if attempt(folder, key) == 1:
        signal.alarm(60)
        (folder / f"{key}.pipe").write_text("started")
        threading.Event().wait()
    return key


def killer(folder, key, *others):
    """Kill the worker; at the first attempt, wait until the other tasks have started."""
    if attempt(folder, key) == 1:
        signal.alarm(60)
        for other in others:
            (folder / f"{other}.pipe").read_text()
    os._exit(1)


def plain(folder, key):
    attempt(folder, key)
    return key


class Unreadable:
    """Can be pickled, but not unpickled."""

    def __reduce__(self):
        return int, ("no number",)


def unreadable(folder, key):
    attempt(folder, key)
    return Unreadable()


def unsendable(folder, key):
    attempt(folder, key)
    return threading.Lock()


def dies_at_2(trial):
    if trial.number == 2:
        os._exit(1)
    return trial.params["x"]
'''


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """Return the module of tasks, which workers can import too."""
    name = "tasks_of_workers"
    (tmp_path / f"{name}.py").write_text(TASKS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name)
    del sys.modules[name]


class LoggingPool(WorkerPool):
    """A pool that logs its calls."""

    def __init__(self, *args, **kwargs):
        self.log = []
        super().__init__(*args, **kwargs)

    def submit(self, job):
        self.log.append(("submit", job.key))
        return super().submit(job)

    def replace(self, error):
        self.log.append("replace")
        super().replace(error)

    def run(self, jobs, later=()):
        """Run ``jobs`` and, once an executor was replaced, ``later``.

        Return the results and the failures, by key.
        """
        ended, lost = {}, {}
        first, second = feed(jobs), feed(later)

        def done(job, result):
            assert job.key not in ended
            self.log.append(("done", job.key))
            ended[job.key] = result

        def give_up(job, why):
            assert job.key not in lost
            self.log.append(("lost", job.key))
            lost[job.key] = why

        run_jobs(
            self, lambda: first() or ("replace" in self.log and second()) or None, done, give_up
        )
        return ended, lost


def feed(jobs):
    """Return a ``next_job`` for a list of jobs."""
    left = list(jobs)
    return lambda: left.pop(0) if left else None


def ignore(*_):
    """Ignore all arguments."""


def forbidden(job, why):
    """Fail the test: no job may be lost."""
    raise AssertionError(f"{job.key} was lost: {why}")


# --------------------------------------------------------------------- slots


def test_run_jobs_keeps_at_most_slots_jobs_in_flight():
    started, ended, in_flight = [], [], []

    def next_job():
        in_flight.append(len(started) - len(ended))
        if len(started) == 12:
            return None
        started.append(len(started))
        return Job(started[-1], pow, (started[-1], 2))

    with ThreadPoolExecutor(8) as threads:
        workers = WorkerPool(3, given=threads)
        run_jobs(workers, next_job, lambda job, result: ended.append((job.key, result)), forbidden)
    assert sorted(ended) == [(k, k * k) for k in range(12)]
    assert max(in_flight) == 2, "a job must be requested only for a free slot"


def test_run_jobs_fills_all_slots():
    barrier = threading.Barrier(3, timeout=SECONDS)
    ended = []
    with WorkerPool(3, lambda: ThreadPoolExecutor(3)) as workers:
        jobs = feed(Job(k, barrier.wait) for k in range(3))
        run_jobs(workers, jobs, lambda job, _: ended.append(job.key), forbidden)
    assert sorted(ended) == [0, 1, 2]


def test_run_jobs_refills_a_slot_while_other_jobs_still_run():
    last_started = threading.Event()
    calls = [lambda: last_started.wait(SECONDS), str, str, last_started.set]
    results = {}
    with WorkerPool(2, lambda: ThreadPoolExecutor(2)) as workers:
        jobs = feed(Job(k, call) for k, call in enumerate(calls))
        run_jobs(workers, jobs, lambda job, result: results.setdefault(job.key, result), forbidden)
    assert sorted(results) == [0, 1, 2, 3]
    assert results[0], "the first job must see the last job start"


def test_run_jobs_asks_for_the_next_job_after_each_end():
    names, asked, ended = ["first", "second", "third"], [], []

    def next_job():
        asked.append(len(ended))
        if len(ended) == 3 - len(names):
            return Job(names[0], str, (names.pop(0),)) if names else None
        return None

    with WorkerPool(2, lambda: ThreadPoolExecutor(2)) as workers:
        run_jobs(workers, next_job, lambda job, _: ended.append(job.key), forbidden)
    assert ended == ["first", "second", "third"]
    assert asked == [0, 0, 1, 1, 2, 2, 3], "the next job must be requested after each end only"


def test_run_jobs_returns_at_once_without_jobs():
    asked = []
    with WorkerPool(2) as workers:
        run_jobs(workers, lambda: asked.append(1), forbidden, forbidden)
    assert asked == [1]


def test_run_jobs_is_idle_while_all_slots_are_taken():
    """Both jobs wait for ``idle``; the third and last one leaves a slot free."""
    called, prepared, ended = [], threading.Semaphore(0), []

    def idle():
        called.append(len(ended))
        prepared.release(2)

    with WorkerPool(2, lambda: ThreadPoolExecutor(2)) as workers:
        jobs = feed([*(Job(k, prepared.acquire, (True, SECONDS)) for k in range(2)), Job(2, str)])
        run_jobs(workers, jobs, lambda job, _: ended.append(job.key), forbidden, idle)
    assert called[0] == 0
    assert sorted(ended) == [0, 1, 2]
    assert set(called) <= {0, 1}, "a free slot is not idle"


def test_run_jobs_is_not_idle_while_a_result_waits():
    called = []
    ended = Future()
    ended.set_result(None)

    class Immediate:
        def submit(self, call, *args):
            return ended

    jobs = feed(Job(k, str) for k in range(3))
    run_jobs(WorkerPool(1, Immediate), jobs, ignore, forbidden, lambda: called.append(1))
    assert called == []


def test_run_jobs_is_never_idle_in_the_calling_thread():
    called, jobs = [], feed(Job(k, str) for k in range(3))
    with make_pool(None, 1) as workers:
        run_jobs(workers, jobs, ignore, forbidden, lambda: called.append(1))
    assert called == []


def test_pool_without_an_executor_runs_jobs_in_the_calling_thread():
    seen = []
    with make_pool(None, 1) as workers:
        jobs = feed(Job(k, threading.get_ident) for k in range(3))
        run_jobs(workers, jobs, lambda job, thread: seen.append((job.key, thread)), forbidden)
    assert seen == [(k, threading.get_ident()) for k in range(3)]


def test_error_in_on_result_cancels_waiting_jobs():
    release, started = threading.Event(), []
    calls = [
        str,
        lambda: release.wait(SECONDS),
        lambda: started.append(2),
        lambda: started.append(3),
    ]

    def refuse(job, result):
        raise ArithmeticError("refused")

    jobs = feed(Job(k, call) for k, call in enumerate(calls))
    with ThreadPoolExecutor(1) as one:
        with pytest.raises(ArithmeticError, match="refused"):
            run_jobs(WorkerPool(4, given=one), jobs, refuse, ignore)
        release.set()
    assert started == []


def test_interrupt_of_a_job_propagates():
    def interrupt():
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as one, pytest.raises(KeyboardInterrupt):
        run_jobs(WorkerPool(1, given=one), feed([Job(0, interrupt)]), ignore, ignore)


def closed(executor):
    try:
        executor.submit(str)
    except RuntimeError:
        return True
    return False


def test_pool_shuts_down_its_own_executor_but_not_a_given_one():
    own = ThreadPoolExecutor(1)
    with ThreadPoolExecutor(1) as given:
        with WorkerPool(1, lambda: own), WorkerPool(1, given=given):
            pass
        assert (closed(own), closed(given)) == (True, False)


def test_pool_shuts_down_its_own_executor_after_an_error():
    own = ThreadPoolExecutor(1)
    with ThreadPoolExecutor(1) as given:
        with (
            pytest.raises(ArithmeticError),
            WorkerPool(1, lambda: own),
            WorkerPool(1, given=given),
        ):
            raise ArithmeticError
        assert (closed(own), closed(given)) == (True, False)


@pytest.mark.parametrize(
    ("n_jobs", "slots"), [(None, 1), (1, 1), (3, 3), (-1, 4), (-2, 3), (-4, 1), (-9, 1)]
)
def test_resolve_n_jobs_counts_negative_numbers_from_all_cores(n_jobs, slots, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert resolve_n_jobs(n_jobs) == slots


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
def test_resolve_n_jobs_names_an_invalid_number(n_jobs):
    with pytest.raises(ValueError, match=f"other than 0.*but got {n_jobs!r}"):
        resolve_n_jobs(n_jobs)


# --------------------------------------------------------------------- executors that break


def spawning(n):
    return ProcessPoolExecutor(n, mp_context=get_context("spawn"))


def attempts(folder, *keys):
    """Return the number of attempts of each task."""
    return [len((folder / key).read_text()) for key in keys]


@pytest.fixture(params=["spawn", "loky"])
def pool(request):
    """Return a factory of pools of n processes: the standard library's, or loky's with joblib."""
    if request.param == "spawn":
        return spawning
    loky = pytest.importorskip("joblib.externals.loky")

    class Loky(loky.ProcessPoolExecutor):
        """Loky's pool with the ``shutdown`` of the standard library."""

        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=wait, kill_workers=cancel_futures)

    return Loky


with_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="tasks wait for named pipes")


@with_pipes
def test_job_that_kills_its_worker_fails_and_the_other_jobs_end_once(pool, tasks, tmp_path):
    for key in ("one", "two"):
        os.mkfifo(tmp_path / f"{key}.pipe")
    jobs = [
        Job("one", tasks.survivor, (tmp_path, "one")),
        Job("bad", tasks.killer, (tmp_path, "bad", "one", "two")),
        Job("two", tasks.survivor, (tmp_path, "two")),
        # The standard library notices the death of the latest worker only if another job ends.
        Job("quick", tasks.plain, (tmp_path, "quick")),
    ]
    with LoggingPool(4, lambda: pool(4)) as workers:
        done, lost = workers.run(jobs, later=[Job("later", tasks.plain, (tmp_path, "later"))])
    assert done == {key: key for key in ("one", "two", "quick", "later")}
    assert list(lost) == ["bad"]
    assert "Traceback" in lost["bad"]
    assert attempts(tmp_path, "one", "bad", "two", "later") == [2, 2, 2, 1]
    assert workers.log.count("replace") == 2, (
        "replaced once for all jobs in flight and once for the killer alone"
    )
    again = [entry for entry in workers.log[workers.log.index("replace") :] if entry != "replace"]
    begins, ends = again[::2], again[1::2]
    assert begins == [("submit", key) for _, key in ends], "each retried job must run alone"
    assert begins[-1] == ("submit", "later"), "new jobs must wait for the retried jobs"


def test_executor_that_broke_while_idle_is_replaced_without_a_failure():
    broken = spawning(1)
    assert isinstance(broken.submit(os._exit, 1).exception(SECONDS), BrokenExecutor)
    executors = iter([broken, ThreadPoolExecutor(1)])
    with LoggingPool(1, lambda: next(executors)) as workers:
        done, lost = workers.run([Job("a", str, ("a",)), Job("b", str, ("b",))])
    assert (done, lost) == ({"a": "a", "b": "b"}, {})
    assert workers.log.count("replace") == 1


def test_given_executor_that_breaks_raises_its_error_with_the_cure(pool):
    with pool(1) as given, pytest.raises(BrokenExecutor) as caught:
        run_jobs(WorkerPool(1, given=given), feed([Job("bad", os._exit, (1,))]), ignore, ignore)
    assert "pass the name of an executor" in caught.value.__notes__[0]


def asked_where(workers):
    return workers.in_process


def asked_by_a_job(workers):
    run_jobs(workers, feed([Job(0, str, (Broadcast([]),))]), ignore, ignore)


@pytest.mark.parametrize("ask", [asked_where, asked_by_a_job])
def test_given_executor_that_breaks_while_it_is_asked_where_jobs_run_raises_with_the_cure(ask):
    with ProcessPoolExecutor(1, get_context("spawn"), os._exit, (1,)) as given:
        workers = WorkerPool(1, given=given)
        with pytest.raises(BrokenExecutor) as caught:
            ask(workers)
    (note,) = caught.value.__notes__
    assert "pass the name of an executor" in note


def closed_threads():
    with ThreadPoolExecutor(1) as executor:
        return executor


def closed_processes():
    with spawning(1) as executor:
        return executor


def broken_processes():
    executor = spawning(1)
    assert isinstance(executor.submit(os._exit, 1).exception(SECONDS), BrokenExecutor)
    return executor


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (closed_threads, "RuntimeError: cannot schedule"),
        (closed_processes, "RuntimeError: cannot schedule"),
        (broken_processes, "BrokenProcessPool: "),
    ],
)
def test_executor_that_accepts_no_jobs_raises_before_a_trial_starts(make, cause):
    study = grid_study()
    with pytest.raises(ValueError, match=f"must accept jobs.*{cause}.*pass a new one"):
        study.optimize(objective, 6, executor=make())
    assert study.trials == []


def test_class_of_an_executor_raises_before_a_trial_starts():
    study = grid_study()
    with pytest.raises(TypeError, match=r"pass an instance, ThreadPool"):
        study.optimize(objective, 6, executor=ThreadPoolExecutor)
    assert study.trials == []


def test_executor_shut_down_during_a_search_keeps_finished_trials():
    study = grid_study()
    with ThreadPoolExecutor(1) as given, pytest.raises(BrokenExecutor, match="must accept jobs"):
        study.optimize(
            objective, 6, executor=given, callbacks=[lambda _: given.shutdown(wait=False)]
        )
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.FAILED]


def test_result_that_cannot_be_unpickled_fails_after_a_second_attempt(pool, tasks, tmp_path):
    with LoggingPool(1, lambda: pool(1)) as workers:
        done, lost = workers.run(
            [
                Job("before", tasks.plain, (tmp_path, "before")),
                Job("bad", tasks.unreadable, (tmp_path, "bad")),
                Job("after", tasks.plain, (tmp_path, "after")),
            ]
        )
    assert done == {"before": "before", "after": "after"}
    assert list(lost) == ["bad"]
    assert "no number" in lost["bad"]
    assert attempts(tmp_path, "before", "bad", "after") == [1, 2, 1]


def test_result_that_cannot_be_pickled_fails_without_replacing_the_executor(pool, tasks, tmp_path):
    with LoggingPool(2, lambda: pool(2)) as workers:
        done, lost = workers.run(
            [
                Job("bad", tasks.unsendable, (tmp_path, "bad")),
                *(Job(key, tasks.plain, (tmp_path, key)) for key in "abc"),
            ]
        )
    assert done == {"a": "a", "b": "b", "c": "c"}
    assert list(lost) == ["bad"]
    assert "pickle" in lost["bad"]
    assert attempts(tmp_path, "bad", *"abc") == [2, 1, 1, 1]
    assert "replace" not in workers.log


# --------------------------------------------------------------------- studies


def test_study_keeps_finished_trials_if_a_given_executor_breaks(pool, tasks):
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    with pool(1) as given, pytest.raises(BrokenExecutor):
        study.optimize(tasks.dies_at_2, 5, executor=given)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.FAILED]
    assert "interrupted" in study.trials[2].error
    study.optimize(lambda trial: trial.params["x"], 2, n_jobs=2)
    assert [t.state for t in study.trials[3:]] == [TrialState.COMPLETE] * 2


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_broken_executor_inside_an_objective_fails_only_that_trial():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)

    def fails_once(trial):
        if trial.number == 2:
            raise BrokenExecutor("a pool inside of the objective")
        return trial.params["x"]

    study.optimize(fails_once, 5, n_jobs=2)
    assert [t.number for t in study.trials if t.state is TrialState.FAILED] == [2]
    assert "a pool inside of the objective" in study.trials[2].error


class Rows:
    """An objective that returns the sum of its array if that is read-only, else -1."""

    def __init__(self, n):
        self.rows = np.ones(n)

    def __call__(self, trial):
        return -1.0 if self.rows.flags.writeable else float(self.rows.sum())


def test_processes_share_the_arrays_of_an_objective_read_only(pool, tmp_path, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    with pool(2) as given:
        study.optimize(Rows(10_000), 4, executor=given)
    assert [trial.value for trial in study.trials] == [10_000.0] * 4
    assert list(tmp_path.iterdir()) == [], "the call must delete its file"


def test_objective_that_only_cloudpickle_supports_is_sent_with_each_job():
    loky = pytest.importorskip("joblib.externals.loky")  # pickles with cloudpickle
    offset = 1.0
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    with loky.ProcessPoolExecutor(1) as given:
        study.optimize(lambda trial: trial.params["x"] + offset, 2, executor=given)
    assert all(1.0 <= trial.value <= 2.0 for trial in study.trials)


class RemoteExecutor:
    """An executor whose workers cannot read files of this machine."""

    n_workers = 1

    def __init__(self, pool):
        self.pool = pool
        self.sizes = []

    def submit(self, fn, /, *args):
        self.sizes.append(len(pickle.dumps((fn, args))))
        if len(self.sizes) == 3:  # the pool tests whether the worker can read the file
            return ThreadPoolExecutor(1).submit(bool)
        return self.pool.submit(fn, *args)


def test_workers_that_cannot_read_the_file_receive_the_objective_with_each_job():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    with spawning(1) as processes:
        remote = RemoteExecutor(processes)
        study.optimize(Rows(10_000), 2, executor=remote)
    assert [trial.value for trial in study.trials] == [-1.0] * 2, (
        "workers must receive a writeable copy"
    )
    assert remote.sizes[2] < 1000 < 80_000 < min(remote.sizes[3:])


# --------------------------------------------------------------------------- ownership


class LoggingExecutor(ThreadPoolExecutor):
    """A pool that logs the calls of its methods; all instances share ``log``."""

    name = "logging"
    n_workers = 3

    def __init__(self, log):
        super().__init__(1)
        self.log = log
        log.append("made")

    def put(self, value):
        self.log.append("put")
        return Reference(value)

    def submit(self, fn, /, *args):
        return super().submit(fn, *(a.value if isinstance(a, Reference) else a for a in args))

    def terminate(self):
        self.log.append("terminate")

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.log.append(f"shutdown, cancel_futures={cancel_futures}")
        super().shutdown(wait, cancel_futures=cancel_futures)


class Reference:
    def __init__(self, value):
        self.value = value


@pytest.fixture
def logging_plugins():
    """Return a log, and plugins with an executor "logging" whose framework objects are lists."""
    log = []

    class Named(LoggingExecutor):
        def __init__(self):
            super().__init__(log)

        @classmethod
        def from_framework(cls, obj):
            return cls() if isinstance(obj, list) else None

    class Plugin:
        @hookimpl
        def tuneplug_executors(self):
            return Named

    plugins = Plugins(installed=False)
    plugins.register(Plugin())
    return log, plugins


def grid_study(plugins=None):
    return Study({"k": list(range(6))}, strategy="grid", plugins=plugins)


def objective(trial):
    return trial.params["k"]


def test_executor_made_from_a_name_is_shut_down_after_the_call(logging_plugins):
    log, plugins = logging_plugins
    study = grid_study(plugins)
    study.optimize(objective, 6, executor="logging")
    assert log == ["made", "put", "shutdown, cancel_futures=False"]
    assert study.best_value == 0


def test_executor_made_from_a_name_is_terminated_on_an_interrupt(logging_plugins):
    log, plugins = logging_plugins

    def interrupt(trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid_study(plugins).optimize(interrupt, 6, executor="logging")
    assert log[-2:] == ["terminate", "shutdown, cancel_futures=True"]


def test_executor_made_from_a_framework_object_is_shut_down_after_the_call(logging_plugins):
    log, plugins = logging_plugins
    grid_study(plugins).optimize(objective, 6, executor=["client"])
    assert log[-3:] == ["made", "put", "shutdown, cancel_futures=False"]


def test_given_executor_stays_open(logging_plugins):
    log, plugins = logging_plugins
    with LoggingExecutor(log) as pool:
        grid_study(plugins).optimize(objective, 6, executor=pool)
        assert log == ["made", "put"]
        assert pool.submit(int).result() == 0


def test_executor_made_from_a_name_is_replaced_if_it_breaks():
    made = []

    class Fragile(ThreadPoolExecutor):
        name = "fragile"

        def __init__(self):
            super().__init__(1)
            made.append(self)

        def submit(self, fn, /, *args):
            if len(made) == 1 and any(getattr(arg, "number", None) == 3 for arg in args):
                raise BrokenExecutor("gone")
            return super().submit(fn, *args)

    class Plugin:
        @hookimpl
        def tuneplug_executors(self):
            return Fragile

    plugins = Plugins(installed=False)
    plugins.register(Plugin())
    study = grid_study(plugins)
    study.optimize(objective, 6, executor="fragile")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 6
    assert len(made) == 2
    with pytest.raises(RuntimeError, match="after shutdown"):
        made[0].submit(int, None, study.trials[0])


def test_executor_made_from_a_name_is_replaced_if_it_breaks_before_the_first_trial():
    made = []

    class Stillborn(ThreadPoolExecutor):
        """The first one accepts only the job that asks whether it accepts jobs."""

        name = "stillborn"

        def __init__(self):
            super().__init__(1)
            made.append(self)
            self.n_jobs = 0

        def submit(self, fn, /, *args):
            self.n_jobs += 1
            if len(made) == 1 and self.n_jobs > 1:
                raise BrokenExecutor("gone")
            return super().submit(fn, *args)

    class Plugin:
        @hookimpl
        def tuneplug_executors(self):
            return Stillborn

    plugins = Plugins(installed=False)
    plugins.register(Plugin())
    study = grid_study(plugins)
    study.optimize(objective, 6, executor="stillborn")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 6
    assert len(made) == 2


def test_executor_is_asked_to_restore_its_workers_while_a_job_runs(monkeypatch):
    monkeypatch.setattr("tuneplug.execution.jobs.WAIT_SECONDS", 0.01)
    asked = threading.Event()

    class Restoring(ThreadPoolExecutor):
        def restore_workers(self):
            asked.set()

        def restore(self, checkpoint):
            raise AssertionError("a method of the user's own, which means something else")

    study = grid_study()
    with Restoring(1) as pool:
        study.optimize(lambda trial: float(asked.wait()), 1, executor=pool)
    assert study.best_value == 1.0


def test_unknown_executor_name_raises_before_a_trial_starts():
    study = grid_study(Plugins(installed=False))
    with pytest.raises(ValueError, match="executor must be one of"):
        study.optimize(objective, 6, executor="nobody")
    assert study.trials == []


def test_executor_made_from_a_name_needs_no_shutdown():
    class Plugin:
        @hookimpl
        def tuneplug_executors(self):
            return Bare

    plugins = Plugins(installed=False)
    plugins.register(Plugin())
    study = grid_study(plugins)
    study.optimize(objective, 6, executor="bare")
    assert study.best_value == 0


class Bare:
    name = "bare"

    def submit(self, fn, /, *args):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(fn, *args)


# --------------------------------------------------------------------------- broadcasts and slots


def total(broadcast):
    return sum(broadcast.value)


def test_broadcast_is_put_once_per_executor():
    log = []
    shared, other = Broadcast([1, 2]), Broadcast([1, 2])
    with WorkerPool(1, lambda: LoggingExecutor(log)) as workers:
        assert [workers.submit(Job(0, total, (shared,))).result() for _ in range(3)] == [3, 3, 3]
        assert log.count("put") == 1
        assert workers.submit(Job(0, total, (other,))).result() == 3
        assert log.count("put") == 2
        workers.replace(BrokenExecutor())
        assert workers.submit(Job(0, total, (shared,))).result() == 3
        assert log.count("put") == 3


def test_broadcast_within_the_process_is_passed_unchanged():
    value = [1, 2]
    with WorkerPool(1) as workers:
        assert not workers.sends_once
        assert workers.submit(Job(0, lambda got: got.value is value, (Broadcast(value),))).result()


def test_slots_are_the_workers_of_the_executor_unless_n_jobs_is_given():
    with LoggingExecutor([]) as pool, ThreadPoolExecutor(4) as plain:
        assert [n_workers(pool), n_workers(plain), n_workers(Bare())] == [3, 4, None]
        assert [make_pool(pool, n).slots for n in (None, -1, -2, 1, 8)] == [3, 3, 2, 1, 8]
        assert [make_pool(Bare(), n).slots for n in (None, 2)] == [1, 2]
    assert make_pool(None, None).slots == 1
    assert make_pool("logging", None, lambda: LoggingExecutor([])).slots == 3


def test_executor_is_shut_down_if_counting_its_workers_fails():
    log = []

    def count(executor):
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        WorkerPool(count, lambda: LoggingExecutor(log))
    assert log == ["made", "terminate", "shutdown, cancel_futures=True"]
