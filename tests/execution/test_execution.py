"""Running jobs: slots kept busy, and executors that break."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import threading
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
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

SECONDS = 60  # nothing here waits so long unless it is wrong

#: What worker processes run; they import it from a file.
TASKS = '''
import os
import signal
import threading


def attempt(folder, key):
    """Return how often the task was begun, this time included."""
    with (folder / key).open("a") as file:
        file.write("x")
    return (folder / key).stat().st_size


def innocent(folder, key):
    """Wait to be killed the first time, a minute at most; end the second time."""
    if attempt(folder, key) == 1:
        signal.alarm(60)
        (folder / f"{key}.pipe").write_text("begun")
        threading.Event().wait()
    return key


def culprit(folder, key, *others):
    """Kill the worker, the first time when the others have begun."""
    if attempt(folder, key) == 1:
        signal.alarm(60)
        for other in others:
            (folder / f"{other}.pipe").read_text()
    os._exit(1)


def plain(folder, key):
    attempt(folder, key)
    return key


class Unreadable:
    """Can be pickled, but not read back."""

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
    """A module that this process and its workers import."""
    name = "tasks_of_workers"
    (tmp_path / f"{name}.py").write_text(TASKS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name)
    del sys.modules[name]


class Log(WorkerPool):
    """A pool that logs its calls."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.log = []

    def submit(self, job):
        self.log.append(("submit", job.key))
        return super().submit(job)

    def replace(self, error):
        self.log.append("replace")
        super().replace(error)

    def run(self, jobs, later=()):
        """Drive the jobs, and those for later once an executor was replaced.

        Return what was done and what was lost, by key.
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
    """Return a ``next_job`` that runs dry."""
    left = list(jobs)
    return lambda: left.pop(0) if left else None


def ignore(*_):
    """Take anything."""


def forbidden(job, why):
    """Take nothing: no job is to be lost."""
    raise AssertionError(f"{job.key} was lost: {why}")


# --------------------------------------------------------------------- slots


def test_no_more_jobs_than_slots_are_in_flight():
    begun, ended, in_flight = [], [], []

    def next_job():
        in_flight.append(len(begun) - len(ended))
        if len(begun) == 12:
            return None
        begun.append(len(begun))
        return Job(begun[-1], pow, (begun[-1], 2))

    with ThreadPoolExecutor(8) as threads:
        team = WorkerPool(3, given=threads)
        run_jobs(team, next_job, lambda job, result: ended.append((job.key, result)), forbidden)
    assert sorted(ended) == [(k, k * k) for k in range(12)]
    assert max(in_flight) == 2, "a job is asked for only where there is a slot for it"


def test_all_slots_are_in_flight_at_once():
    barrier = threading.Barrier(3, timeout=SECONDS)
    ended = []
    with WorkerPool(3, lambda: ThreadPoolExecutor(3)) as team:
        jobs = feed(Job(k, barrier.wait) for k in range(3))
        run_jobs(team, jobs, lambda job, _: ended.append(job.key), forbidden)
    assert sorted(ended) == [0, 1, 2]


def test_a_slot_is_refilled_as_its_job_ends_whatever_the_others_do():
    last_begun = threading.Event()
    calls = [lambda: last_begun.wait(SECONDS), str, str, last_begun.set]
    results = {}
    with WorkerPool(2, lambda: ThreadPoolExecutor(2)) as team:
        jobs = feed(Job(k, call) for k, call in enumerate(calls))
        run_jobs(team, jobs, lambda job, result: results.setdefault(job.key, result), forbidden)
    assert sorted(results) == [0, 1, 2, 3]
    assert results[0], "the first job has seen the last one begin"


def test_where_each_job_waits_for_the_one_before_it_one_is_in_flight():
    names, asked, ended = ["first", "second", "third"], [], []

    def next_job():
        asked.append(len(ended))
        if len(ended) == 3 - len(names):
            return Job(names[0], str, (names.pop(0),)) if names else None
        return None

    with WorkerPool(2, lambda: ThreadPoolExecutor(2)) as team:
        run_jobs(team, next_job, lambda job, _: ended.append(job.key), forbidden)
    assert ended == ["first", "second", "third"]
    assert asked == [0, 0, 1, 1, 2, 2, 3], "asked again after each end, and not before"


def test_nothing_to_do_is_done_at_once():
    asked = []
    with WorkerPool(2) as team:
        run_jobs(team, lambda: asked.append(1), forbidden, forbidden)
    assert asked == [1]


def test_without_an_executor_jobs_run_one_by_one_in_the_calling_thread():
    seen = []
    with make_pool(None, 1) as team:
        jobs = feed(Job(k, threading.get_ident) for k in range(3))
        run_jobs(team, jobs, lambda job, thread: seen.append((job.key, thread)), forbidden)
    assert seen == [(k, threading.get_ident()) for k in range(3)]


def test_an_error_in_done_cancels_what_has_not_begun():
    release, begun = threading.Event(), []
    calls = [str, lambda: release.wait(SECONDS), lambda: begun.append(2), lambda: begun.append(3)]

    def refuse(job, result):
        raise ArithmeticError("refused")

    jobs = feed(Job(k, call) for k, call in enumerate(calls))
    with ThreadPoolExecutor(1) as one:
        with pytest.raises(ArithmeticError, match="refused"):
            run_jobs(WorkerPool(4, given=one), jobs, refuse, ignore)
        release.set()
    assert begun == []


def test_an_interrupt_of_a_job_passes_through():
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


def test_an_executor_of_ones_own_is_shut_down_and_a_given_one_is_not():
    own = ThreadPoolExecutor(1)
    with ThreadPoolExecutor(1) as given:
        with WorkerPool(1, lambda: own), WorkerPool(1, given=given):
            pass
        assert (closed(own), closed(given)) == (True, False)


def test_so_it_is_after_an_error():
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
def test_n_jobs_counts_workers_or_cores_from_the_end(n_jobs, slots, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert resolve_n_jobs(n_jobs) == slots


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
def test_a_wrong_n_jobs_is_named(n_jobs):
    with pytest.raises(ValueError, match=f"other than 0.*but got {n_jobs!r}"):
        resolve_n_jobs(n_jobs)


# --------------------------------------------------------------------- executors that break


def spawning(n):
    return ProcessPoolExecutor(n, mp_context=get_context("spawn"))


def attempts(folder, *keys):
    """Return how often each task was begun."""
    return [len((folder / key).read_text()) for key in keys]


@pytest.fixture(params=["spawn", "loky"])
def pool(request):
    """Factory of a pool of n processes: the standard library's, and loky's if joblib is there."""
    if request.param == "spawn":
        return spawning
    loky = pytest.importorskip("joblib.externals.loky")

    class Loky(loky.ProcessPoolExecutor):
        """Loky's pool, shut down like that of the standard library."""

        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=wait, kill_workers=cancel_futures)

    return Loky


with_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="tasks wait for named pipes")


@with_pipes
def test_the_job_that_kills_its_worker_is_lost_alone_and_the_others_end_once(pool, tasks, tmp_path):
    for key in ("one", "two"):
        os.mkfifo(tmp_path / f"{key}.pipe")
    jobs = [
        Job("one", tasks.innocent, (tmp_path, "one")),
        Job("bad", tasks.culprit, (tmp_path, "bad", "one", "two")),
        Job("two", tasks.innocent, (tmp_path, "two")),
        # The standard library sees the death of the latest worker only if something ends after it.
        Job("quick", tasks.plain, (tmp_path, "quick")),
    ]
    with Log(4, lambda: pool(4)) as team:
        done, lost = team.run(jobs, later=[Job("later", tasks.plain, (tmp_path, "later"))])
    assert done == {key: key for key in ("one", "two", "quick", "later")}
    assert list(lost) == ["bad"]
    assert "Traceback" in lost["bad"]
    assert attempts(tmp_path, "one", "bad", "two", "later") == [2, 2, 2, 1]
    assert team.log.count("replace") == 2, "once for all in flight, once for the culprit alone"
    again = [entry for entry in team.log[team.log.index("replace") :] if entry != "replace"]
    begins, ends = again[::2], again[1::2]
    assert begins == [("submit", key) for _, key in ends], "each ran alone"
    assert begins[-1] == ("submit", "later"), "nothing new begins while there are suspects"


def test_a_pool_that_broke_while_idle_is_replaced_and_nobody_is_blamed():
    broken = spawning(1)
    assert isinstance(broken.submit(os._exit, 1).exception(SECONDS), BrokenExecutor)
    executors = iter([broken, ThreadPoolExecutor(1)])
    with Log(1, lambda: next(executors)) as team:
        done, lost = team.run([Job("a", str, ("a",)), Job("b", str, ("b",))])
    assert (done, lost) == ({"a": "a", "b": "b"}, {})
    assert team.log.count("replace") == 1


def test_a_given_pool_that_breaks_raises_its_error(pool):
    with pool(1) as given, pytest.raises(BrokenExecutor):
        run_jobs(WorkerPool(1, given=given), feed([Job("bad", os._exit, (1,))]), ignore, ignore)


def test_a_result_that_cannot_be_read_back_is_lost_after_a_second_try(pool, tasks, tmp_path):
    with Log(1, lambda: pool(1)) as team:
        done, lost = team.run(
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


def test_a_result_that_cannot_be_sent_is_lost_and_the_pool_stays(pool, tasks, tmp_path):
    with Log(2, lambda: pool(2)) as team:
        done, lost = team.run(
            [
                Job("bad", tasks.unsendable, (tmp_path, "bad")),
                *(Job(key, tasks.plain, (tmp_path, key)) for key in "abc"),
            ]
        )
    assert done == {"a": "a", "b": "b", "c": "c"}
    assert list(lost) == ["bad"]
    assert "pickle" in lost["bad"]
    assert attempts(tmp_path, "bad", *"abc") == [2, 1, 1, 1]
    assert "replace" not in team.log


# --------------------------------------------------------------------- studies


def test_a_study_whose_given_pool_breaks_keeps_what_had_ended(pool, tasks):
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    with pool(1) as given, pytest.raises(BrokenExecutor):
        study.optimize(tasks.dies_at_2, 5, executor=given)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.FAILED]
    assert "interrupted" in study.trials[2].error
    study.optimize(lambda trial: trial.params["x"], 2, n_jobs=2)
    assert [t.state for t in study.trials[3:]] == [TrialState.COMPLETE] * 2


def test_a_pool_that_breaks_inside_of_an_objective_fails_that_trial_alone():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)

    def fails_once(trial):
        if trial.number == 2:
            raise BrokenExecutor("a pool inside of the objective")
        return trial.params["x"]

    study.optimize(fails_once, 5, n_jobs=2)
    assert [t.number for t in study.trials if t.state is TrialState.FAILED] == [2]
    assert "a pool inside of the objective" in study.trials[2].error


class Rows:
    """An objective with an array; its value is the sum of an array that is read-only, else -1."""

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
    assert list(tmp_path.iterdir()) == [], "the file is gone after the call"


def test_an_objective_that_only_the_pickler_of_the_executor_knows_goes_with_each_job():
    loky = pytest.importorskip("joblib.externals.loky")  # pickles with cloudpickle
    offset = 1.0
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    with loky.ProcessPoolExecutor(1) as given:
        study.optimize(lambda trial: trial.params["x"] + offset, 2, executor=given)
    assert all(1.0 <= trial.value <= 2.0 for trial in study.trials)


class Elsewhere:
    """An executor whose workers have another file system; ``submit`` pickles as it would."""

    n_workers = 1

    def __init__(self, pool):
        self.pool = pool
        self.sizes = []

    def submit(self, fn, /, *args):
        self.sizes.append(len(pickle.dumps((fn, args))))
        if len(self.sizes) == 2:  # the pool asks whether the worker can read the file
            return ThreadPoolExecutor(1).submit(bool)
        return self.pool.submit(fn, *args)


def test_workers_that_cannot_read_the_file_are_sent_the_objective_with_each_job():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    with spawning(1) as processes:
        elsewhere = Elsewhere(processes)
        study.optimize(Rows(10_000), 2, executor=elsewhere)
    assert [trial.value for trial in study.trials] == [-1.0] * 2, "a copy of their own"
    assert elsewhere.sizes[1] < 1000 < 80_000 < min(elsewhere.sizes[2:])


# --------------------------------------------------------------------------- whose executor it is


class Told(ThreadPoolExecutor):
    """A pool that tells what befalls it; ``log`` is shared by all that are made."""

    name = "told"
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
def told():
    """A log, and plugins whose executor "told" writes it and takes lists for its framework."""
    log = []

    class Named(Told):
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


def k_of(trial):
    return trial.params["k"]


def test_an_executor_that_was_named_is_ended_with_the_call(told):
    log, plugins = told
    study = grid_study(plugins)
    study.optimize(k_of, 6, executor="told")
    assert log == ["made", "put", "shutdown, cancel_futures=False"]
    assert study.best_value == 0


def test_an_executor_that_was_named_ends_what_runs_when_the_call_is_broken_off(told):
    log, plugins = told

    def interrupt(trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid_study(plugins).optimize(interrupt, 6, executor="told")
    assert log[-2:] == ["terminate", "shutdown, cancel_futures=True"]


def test_an_object_of_a_framework_is_made_an_executor_for_the_call(told):
    log, plugins = told
    grid_study(plugins).optimize(k_of, 6, executor=["of", "theirs"])
    assert log[-3:] == ["made", "put", "shutdown, cancel_futures=False"]


def test_an_executor_that_was_given_stays_open(told):
    log, plugins = told
    with Told(log) as pool:
        grid_study(plugins).optimize(k_of, 6, executor=pool)
        assert log == ["made", "put"]
        assert pool.submit(int).result() == 0


def test_an_executor_that_was_named_is_replaced_when_it_breaks():
    made = []

    class Fragile(ThreadPoolExecutor):
        name = "fragile"

        def __init__(self):
            super().__init__(1)
            made.append(self)

        def submit(self, fn, /, *args):
            if len(made) == 1 and len(args) == 2 and args[1].number == 3:
                raise BrokenExecutor("gone")
            return super().submit(fn, *args)

    class Plugin:
        @hookimpl
        def tuneplug_executors(self):
            return Fragile

    plugins = Plugins(installed=False)
    plugins.register(Plugin())
    study = grid_study(plugins)
    study.optimize(k_of, 6, executor="fragile")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 6
    assert len(made) == 2
    with pytest.raises(RuntimeError, match="after shutdown"):
        made[0].submit(int, None, study.trials[0])


def test_an_unknown_name_is_an_error_before_any_trial_is_asked_for():
    study = grid_study(Plugins(installed=False))
    with pytest.raises(ValueError, match="executor must be one of"):
        study.optimize(k_of, 6, executor="nobody")
    assert study.trials == []


def test_an_executor_without_shutdown_may_be_named():
    class Plugin:
        @hookimpl
        def tuneplug_executors(self):
            return Bare

    plugins = Plugins(installed=False)
    plugins.register(Plugin())
    study = grid_study(plugins)
    study.optimize(k_of, 6, executor="bare")
    assert study.best_value == 0


class Bare:
    name = "bare"

    def submit(self, fn, /, *args):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(fn, *args)


# --------------------------------------------------------------------------- sent once, in flight


def total(broadcast):
    return sum(broadcast.value)


def test_a_broadcast_is_put_once_for_each_executor():
    log = []
    shared, other = Broadcast([1, 2]), Broadcast([1, 2])
    with WorkerPool(1, lambda: Told(log)) as team:
        assert [team.submit(Job(0, total, (shared,))).result() for _ in range(3)] == [3, 3, 3]
        assert log.count("put") == 1
        assert team.submit(Job(0, total, (other,))).result() == 3
        assert log.count("put") == 2
        team.replace(BrokenExecutor())
        assert team.submit(Job(0, total, (shared,))).result() == 3
        assert log.count("put") == 3


def test_a_broadcast_is_passed_as_it_is_within_the_process():
    value = [1, 2]
    with WorkerPool(1) as team:
        assert not team.sends_once
        assert team.submit(Job(0, lambda got: got.value is value, (Broadcast(value),))).result()


def test_how_many_jobs_fly_is_what_the_executor_says_unless_told():
    with Told([]) as pool, ThreadPoolExecutor(4) as plain:
        assert [n_workers(pool), n_workers(plain), n_workers(Bare())] == [3, 4, None]
        assert [make_pool(pool, n).slots for n in (None, -1, -2, 1, 8)] == [3, 3, 2, 1, 8]
        assert [make_pool(Bare(), n).slots for n in (None, 2)] == [1, 2]
    assert make_pool(None, None).slots == 1
    assert make_pool("told", None, lambda: Told([])).slots == 3


def test_an_executor_of_which_the_workers_cannot_be_counted_is_shut_down():
    log = []

    def count(executor):
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        WorkerPool(count, lambda: Told(log))
    assert log == ["made", "terminate", "shutdown, cancel_futures=True"]
