"""Reports of running trials are stored while they run, by the worker that runs them."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

import pytest

from tuneplug import Float, StorageError, Study
from tuneplug.storage import SqliteStorage, reports
from tuneplug.storage.reports import ReportWriter
from tuneplug.trial import Claim, TrialReporter

pause = threading.Event  # one that is never set


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def study(path):
    storage = SqliteStorage(path)
    return Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, storage=storage, name="a")


def stored(path, number):
    return SqliteStorage(path).read("a").records[number]["reports"]


def report_and_look(path, trial):
    """Report twice, and return the value of the trial once both reports are stored."""
    trial.report(0.5, 0)
    trial.report(float("nan"), 1)
    for _ in range(2000):  # without writing for longer than any machine needs, give up
        if len(stored(path, trial.number)) == 2:
            return 1.0
        pause().wait(0.01)
    return 0.0


@contextmanager
def no_executor():
    yield None


def loky():
    pytest.importorskip("joblib")
    from joblib.externals.loky import get_reusable_executor

    return get_reusable_executor(max_workers=2)


@pytest.mark.parametrize(
    "make",
    [
        no_executor,
        partial(ThreadPoolExecutor, 2),
        pytest.param(
            partial(ProcessPoolExecutor, 2, mp_context=get_context("spawn")),
            marks=pytest.mark.slow,
        ),
        loky,
    ],
    ids=["this process", "threads", "processes", "loky"],
)
def test_reports_are_stored_while_the_trial_runs(path, make):
    made = study(path)
    with make() as executor:
        made.optimize(partial(report_and_look, path), 2, executor=executor)
    assert [trial.value for trial in study(path).trials] == [1.0, 1.0]
    assert [len(stored(path, number)) for number in (0, 1)] == [2, 2]


def test_reports_at_a_high_rate_are_written_a_few_times(path, monkeypatch):
    made = study(path)
    trial = made.ask()
    clock, written = [0.0], []
    monkeypatch.setattr(reports.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(ReportWriter, "_write", lambda self, r: count(self, r, written))
    monkeypatch.setattr(threading.Timer, "start", lambda self: None)
    for step in range(1000):
        clock[0] += 0.01
        trial.report(1.0, step)
        trial.should_stop()
    assert 15 <= len(written) <= 21
    made.tell(trial, 1.0)
    assert len(stored(path, 0)) == 1000


def count(writer, reporter, written):
    writer._written_at = reports.time.monotonic()
    written.append(len(reporter.reports))


def test_a_report_that_comes_while_others_are_written_is_written_later(path, monkeypatch):
    made, timers = study(path), []
    trial = made.ask()
    writer, inner = trial.reporter.sink, SqliteStorage(path).transaction

    class Timer:
        """A timer that the test fires."""

        def __init__(self, wait, call, args):
            self.fire, self.alive = partial(call, *args), True
            timers.append(self)

        def start(self): ...

        def is_alive(self):
            return self.alive

    @contextmanager
    def transaction(*args, **options):
        with inner(*args, **options) as rows:
            yield rows
        if len(timers) == 1:
            trial.report(3.0, 2)  # from another thread, after the others were taken

    monkeypatch.setattr(threading, "Timer", Timer)
    trial.report(1.0, 0)
    trial.report(2.0, 1)
    monkeypatch.setattr(writer._storage, "transaction", transaction)
    timers[0].fire()
    assert (len(timers), len(stored(path, 0))) == (2, 2)
    timers[1].fire()
    assert len(stored(path, 0)) == 3


@pytest.mark.parametrize("claim", [Claim("another", 1), None])
def test_nothing_is_written_for_a_trial_of_another_claim(path, claim):
    made = study(path)
    trial = made.ask()
    claim = claim or Claim(trial.claim.session, trial.claim.attempt + 1)
    writer = ReportWriter(SqliteStorage(path), "a", 0, claim)
    writer.written(TrialReporter(reports=[(0, 1.0, None)]))
    assert stored(path, 0) == []


def test_nothing_is_written_for_a_trial_that_has_ended(path):
    made = study(path)
    trial = made.ask()
    writer = trial.reporter.sink
    made.tell(trial, 1.0)
    before = path.read_bytes()
    writer.written(TrialReporter(reports=[(0, 1.0, None)]))
    assert path.read_bytes() == before


def test_reports_that_cannot_be_stored_are_stored_with_the_end(path, monkeypatch):
    made = study(path)
    trial = made.ask()

    def fail(*args, **options):
        raise StorageError("busy")

    monkeypatch.setattr(trial.reporter.sink._storage, "transaction", fail)
    trial.report(1.0, 0)
    monkeypatch.undo()
    assert stored(path, 0) == []
    made.tell(trial, 1.0)
    assert stored(path, 0) == [[0, 1.0, None]]


def test_a_worker_on_another_machine_writes_nothing_to_the_file(path, monkeypatch):
    made = study(path)
    writer = pickle.loads(pickle.dumps(made.ask().reporter.sink))
    monkeypatch.setattr(reports, "machine", lambda: "another")
    writer.written(TrialReporter(reports=[(0, 1.0, None)]))
    assert stored(path, 0) == []
