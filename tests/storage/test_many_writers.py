"""Many processes write one study: no trial is lost or doubled, whatever happens to them."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections import Counter
from contextlib import ExitStack, closing, contextmanager

import pytest

from tuneplug import (
    ConcurrentStudyError,
    Float,
    Int,
    SpaceExhausted,
    StorageError,
    Study,
    TrialState,
)
from tuneplug.storage import SqliteStorage, sqlite_file
from tuneplug.storage.shared import SharedStorage
from tuneplug.strategies import GridSearch

SPACE = {"x": Float(0.0, 1.0), "y": Float(1e-4, 1.0)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def study(storage, space=SPACE, **options):
    if not isinstance(storage, SharedStorage):
        storage = SqliteStorage(storage)
    known = {"strategy": "random", "seed": 0, "name": "a"}
    return Study(space, storage=storage, **known | options)


def check_file(path):
    """Check that the file is intact and the numbers have no gap; return the trials."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    trials = study(path, seed=None).trials
    assert [trial.number for trial in trials] == [*range(len(trials))]
    configurations = [(*trial.params.values(), trial.fidelity) for trial in trials]
    assert len(set(configurations)) == len(configurations)
    return trials


# ---------------------------------------------------------------- lost commits


class Unsure(SharedStorage):
    """A storage whose transactions can succeed or fail with an error, as the test says.

    ``answers`` has an entry for each transaction: "ok", "lost" for an error after the commit, or
    "failed" for an error and no commit.
    """

    name = "unsure"

    def __init__(self, location=""):
        self.inner, self.answers = SqliteStorage(location), []
        for name in ("create", "read", "changes", "studies", "delete", "rename"):
            setattr(self, name, getattr(self.inner, name))

    @contextmanager
    def transaction(self, study, *, durable=True):
        answer = self.answers.pop(0) if self.answers else "ok"
        with self.inner.transaction(study, durable=durable) as transaction:
            yield transaction
            if answer == "failed":
                raise StorageError("failed")
        if answer == "lost":
            raise StorageError("the connection is lost")

    def create(self, *args): ...
    def read(self, *args): ...
    def changes(self, *args): ...
    def studies(self): ...
    def delete(self, *args): ...
    def rename(self, *args): ...


@pytest.mark.parametrize("answer", ["lost", "failed"])
def test_a_start_with_an_error_is_stored_once(path, answer):
    made = study(Unsure(path))
    made.tell(made.ask(), 0.0)
    made.storage = made._persistence.storage
    made.storage.answers = [answer]
    with pytest.warns(RuntimeWarning, match="could not be written"):
        trial = made.ask()
    made.tell(trial, 1.0)
    made.tell(made.ask(), 2.0)
    trials = check_file(path)
    assert [each.value for each in trials] == [0.0, 1.0, 2.0]
    assert [each.params for each in trials] == [each.params for each in made.trials]


@pytest.mark.parametrize("answer", ["lost", "failed"])
def test_a_result_with_an_error_is_stored_once(path, answer):
    made = study(Unsure(path))
    trial = made.ask()
    for step, value in enumerate((0.5, float("nan"), float("inf"))):
        trial.report(value, step)
    made._persistence.storage.answers = [answer]
    with pytest.warns(RuntimeWarning, match="could not be written"):
        made.tell(trial, 1.0)
    made.tell(made.ask(), 2.0)
    assert [each.value for each in check_file(path)] == [1.0, 2.0]


@pytest.mark.parametrize("answer", ["lost", "failed"])
def test_a_trial_that_starts_again_with_an_error_starts_as_the_same_attempt(path, answer):
    study(path).ask()
    made = study(Unsure(path))
    made._persistence.storage.answers = [answer]
    new = made.ask()
    again = made.ask()
    assert (new.number, again.number, again.claim.attempt) == (1, 0, 2)
    made.tell(again, 1.0)
    made.tell(new, 2.0)
    assert [each.value for each in check_file(path)] == [1.0, 2.0]


@pytest.mark.parametrize("answer", ["lost", "failed"])
def test_a_lost_trial_that_fails_with_an_error_is_stored_as_failed(path, answer):
    study(path).ask()
    made = study(Unsure(path), stale_trials="fail")
    made._persistence.storage.answers = [answer]
    made.ask()
    made.ask()
    states = [trial.state for trial in check_file(path)]
    assert states == [TrialState.FAILED, TrialState.RUNNING, TrialState.RUNNING]
    assert [trial.state for trial in made.trials] == states


def test_a_trial_that_was_written_late_is_not_taken_over_while_it_runs(path):
    made, other = study(Unsure(path)), study(path, seed=1)
    made._persistence.storage.answers = ["failed", "failed"]
    with pytest.warns(RuntimeWarning, match="could not be written"):
        done, running = made.ask(), made.ask()
    made.tell(done, 0.0)
    assert other.ask().number == 2
    made.tell(running, 1.0)
    assert [each.value for each in check_file(path)] == [0.0, 1.0, None]


def test_random_errors_of_three_writers_lose_and_double_nothing(path):
    rng = random.Random(0)
    writers = [study(Unsure(path), seed=seed) for seed in range(3)]
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for writer in writers:
            writer._persistence.start_run()
        for _ in range(80):
            writer = rng.choice(writers)
            writer._persistence.storage.answers = rng.choices(
                ["ok", "lost", "failed"], [2, 1, 1], k=9
            )
            trial = writer.ask()
            value = trial.params["x"]
            writer.tell(trial, value)
            told.append(value)
        for writer in writers:
            writer._persistence.storage.answers = []
            writer._persistence.finish_run()
    assert sorted(trial.value for trial in check_file(path)) == sorted(told)
    for writer in writers:
        writer.tell(writer.ask(), 0.0)
    assert [t.value for t in writers[-1].trials] == [t.value for t in check_file(path)]


# ---------------------------------------------------------------- trials of other processes


def test_a_study_sees_the_trials_of_others_once_it_is_refreshed(path):
    first = study(path)
    mine = first.ask()
    second = study(path)
    second.tell(second.ask(), 0.5)
    first.tell(mine, 1.0)
    assert [trial.value for trial in first.trials] == [1.0]
    assert second.trials[0].state is TrialState.RUNNING
    before = path.read_bytes()
    first.refresh()
    second.refresh()
    assert [trial.value for trial in first.trials] == [1.0, 0.5]
    assert [trial.value for trial in second.trials] == [1.0, 0.5]
    assert first.trials[0] is mine
    assert path.read_bytes() == before


def test_a_study_that_is_not_stored_yet_has_nothing_to_refresh(path):
    made = study(path)
    made.refresh()
    Study(SPACE).refresh()
    assert (made.trials, path.exists()) == ([], False)


# ---------------------------------------------------------------- full disks


def limit(monkeypatch, path):
    """Let the file grow no more, until the returned function is called."""
    connect = sqlite_file.SqliteFile._connect
    with closing(sqlite3.connect(path)) as db:
        (pages,) = db.execute("pragma page_count").fetchone()

    def limited(self, option):
        db = connect(self, option)
        db.execute(f"pragma max_page_count = {pages}")
        return db

    monkeypatch.setattr(sqlite_file.SqliteFile, "_connect", limited)


def test_writers_on_a_full_disk_store_all_results_once_there_is_space(path, monkeypatch):
    writers = [study(path, seed=seed) for seed in range(3)]
    told = []

    def run(n):
        for writer in writers * n:
            trial = writer.ask()
            trial.report(0.5, 0)
            writer.tell(trial, trial.params["x"])
            told.append(trial.params["x"])

    run(2)
    limit(monkeypatch, path)
    with pytest.warns(RuntimeWarning, match="database or disk is full"):
        run(30)
    before = check_file(path)
    assert 6 <= len(before) < len(told)
    monkeypatch.undo()
    with pytest.warns(RuntimeWarning, match="is stored as trial"):
        run(1)
    assert sorted(trial.value for trial in check_file(path)) == sorted(told)
    run(1)
    assert sorted(trial.value for trial in check_file(path)) == sorted(told)


def test_trials_that_started_on_a_full_disk_take_free_numbers_when_they_end(path, monkeypatch):
    first, second = study(path, seed=1), study(path, seed=2)
    first.tell(first.ask(), 0.0)
    monkeypatch.setattr(sqlite_file, "VERSION", 4)  # nothing can be written
    with pytest.warns(RuntimeWarning, match="could not be written"):
        early = [first.ask(), first.ask()]
    monkeypatch.undo()
    second.tell(second.ask(), 10.0)
    late = first.ask()
    assert [trial.number for trial in (*early, late)] == [1, 2, 3]
    first.tell(early[1], 2.0)
    first.tell(late, 3.0)
    with pytest.warns(RuntimeWarning, match="trial 1 of study 'a' is stored as trial 4"):
        first.tell(early[0], 1.0)
    assert [trial.value for trial in check_file(path)] == [0.0, 10.0, 2.0, 3.0, 1.0]
    first.ask()
    assert [trial.value for trial in first.trials] == [0.0, 10.0, 2.0, 3.0, 1.0, None]


def test_a_stale_result_takes_no_other_result_with_it(path, monkeypatch):
    first = study(path)
    stale, mine = first.ask(), first.ask()
    monkeypatch.setattr(sqlite_file, "VERSION", 4)
    with pytest.warns(RuntimeWarning, match="could not be written"):
        first.tell(stale, 1.0)
    monkeypatch.undo()
    record = SqliteStorage(path).read("a").records[0]
    with SqliteStorage(path).transaction("a") as transaction:
        transaction.write(record | {"claim": ["another", 1]})
    with pytest.warns(RuntimeWarning, match="the result of a trial is not used: trial 0"):
        first.tell(mine, 2.0)
    assert [trial.value for trial in check_file(path)] == [None, 2.0]
    assert first.ask().claim.attempt == 2  # the trial of a process that is not there


# ---------------------------------------------------------------- killed writers

KILLED = """
import os, signal, sqlite3, sys
from tuneplug import Float, Study
from tuneplug.storage import sqlite_file

path, action, statement = sys.argv[1], sys.argv[2], int(sys.argv[3])
counted = [None]

class Connection(sqlite3.Connection):
    def execute(self, *args):
        done = super().execute(*args)
        if counted[0] is not None:
            if counted[0] == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            counted[0] += 1
        return done

connect = sqlite3.connect
sqlite_file.sqlite3.connect = lambda *args, **options: connect(*args, factory=Connection, **options)
study = Study({"x": Float(0.0, 1.0), "y": Float(1e-4, 1.0)}, strategy="random", seed=0, name="a",
              storage="sqlite:///" + path)
if action == "ask":
    counted[0] = 0
    study.ask()
else:
    trial = study.ask()
    counted[0] = 0
    study.tell(trial, 0.5)
"""


def run_until_killed(path, action, statement):
    """Run a process that is killed after a statement; return whether it had that many."""
    command = [sys.executable, "-c", KILLED, str(path), action, str(statement)]
    done = subprocess.run(command, check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("action", ["ask", "tell"])
def test_a_writer_killed_at_any_statement_leaves_the_last_committed_state(path, action):
    first = study(path)
    first.tell(first.ask(), 0.25)
    original, states, statement = path.read_bytes(), [], 0
    while run_until_killed(path, action, statement):
        trials = check_file(path)
        states.append([trial.state.value for trial in trials])
        other = study(path)
        while other.ask().claim.attempt == 2:
            pass
        assert len(check_file(path)) == len(trials) + 1
        path.write_bytes(original)
        statement += 1
    before, after = (
        (["complete"], ["complete", "running"])
        if action == "ask"
        else (["complete", "running"], ["complete", "complete"])
    )
    assert statement > 10
    assert states == [before] * (statement - 1) + [after]


# ---------------------------------------------------------------- locks


def test_writers_that_wait_for_a_lock_lose_nothing_and_warn_of_nothing(path):
    first = study(path)
    first.tell(first.ask(), 0.0)
    writers = [study(path, seed=seed, heartbeat_interval=0.05) for seed in range(8)]
    running = [writer.ask() for writer in writers]
    waiting, started = threading.Semaphore(0), threading.Barrier(9)
    begin = sqlite_file.SqliteFile._pause

    def pause(self):
        waiting.release()
        begin(self)

    def work(writer, trial):
        started.wait()
        writer.tell(trial, 1.0)
        writer.tell(writer.ask(), 2.0)

    threads = [
        threading.Thread(target=work, args=each) for each in zip(writers, running, strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(sqlite_file.SqliteFile, "_pause", pause)
        for thread in threads:
            thread.start()
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("begin exclusive")
            started.wait()
            for _ in range(2000):  # some seconds, and many grace periods
                waiting.acquire()
            db.execute("commit")
        for thread in threads:
            thread.join()
    trials = check_file(path)
    assert [trial.value for trial in trials] == [0.0] + [1.0] * 8 + [2.0] * 8
    assert {trial.claim.attempt for trial in trials} == {1}


# ---------------------------------------------------------------- finite spaces


@contextmanager
def worker(path, *options):
    """Context manager: a process that runs trials of the study, with its errors as text."""
    command = [sys.executable, "-c", WORKER, str(path), *map(str, options)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


WORKER = """
import random, sys, time
from tuneplug import Float, Int, Study

path, strategy, n, seconds, beats, seed = sys.argv[1:7]
space = {"x": Float(0.0, 1.0), "y": Float(1e-4, 1.0)}
if strategy == "grid":
    space = {"x": Int(0, 9), "y": Int(0, 9)}
study = Study(space, strategy=strategy, seed=0, name="a", storage=f"sqlite:///{path}",
              heartbeat_interval=float(beats))
rng = random.Random(seed)

def objective(trial):
    if float(seconds):
        time.sleep(rng.uniform(0.05, float(seconds)))  # the trial itself takes that long
    with open(f"{path}.ended", "a") as file:
        file.write(f"{trial.number} {trial.claim.attempt}\\n")
    return trial.params["x"]

study.optimize(objective, int(n))
"""


def run_workers(path, n_workers, *options, n_kills=0):
    """Run workers, kill some of them at random moments, and return their errors."""
    rng = random.Random(0)
    ended = path.with_name(f"{path.name}.ended")
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(path, *options, k)) for k in range(n_workers)]
        running, victims = [*workers], []
        for kill in range(n_kills):
            n_lines = (kill + 1) * 40 + rng.randrange(30)
            while not ended.exists() or len(ended.read_bytes().splitlines()) < n_lines:
                pause.wait(0.01)
            pause.wait(rng.uniform(0.0, 0.3))
            victims.append(running.pop(rng.randrange(len(running))))
            victims[-1].kill()
        errors = [each.communicate()[1] for each in workers]
    assert {each.returncode for each in running} == {0}
    assert {each.returncode for each in victims} <= {-signal.SIGKILL}
    counts = Counter(tuple(map(int, line.split())) for line in ended.read_text().splitlines())
    return errors, counts


pause = threading.Event()  # never set


def test_processes_share_a_grid_and_start_none_of_its_configurations_twice(path):
    space = {"x": [*range(10)], "k": [1, 2, 3]}
    writers = [study(path, space, strategy="grid", seed=seed) for seed in range(4)]
    lock, ended = threading.Barrier(4), []

    def work(writer):
        lock.wait()
        try:
            while True:
                writer.tell(writer.ask(), 0.0)
        except SpaceExhausted:
            ended.append(writer)

    threads = [threading.Thread(target=work, args=[writer]) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 4
    assert len(study(path, space).trials) == 30
    assert len({tuple(trial.params.values()) for trial in study(path, space).trials}) == 30


@pytest.mark.parametrize(
    ("strategy", "space"),
    [
        (GridSearch(levels=100), {"x": Float(0.0, 1.0)}),
        ("random", {"x": [*range(30)]}),
        ("bayesian", {"x": [*range(30)]}),
    ],
    ids=["grid", "random", "bayesian"],
)
def test_a_suggestion_that_others_always_start_first_is_avoided(path, strategy, space, monkeypatch):
    mine, other = study(path, space, strategy=strategy), study(path, space, strategy=strategy)
    n_races, propose = [0], mine._suggest

    def suggest(*args):
        suggestion = propose(*args)
        if n_races[0] < 8:  # another process is faster with the same
            n_races[0] += 1
            other.enqueue(suggestion.params)
            other.tell(other.ask(), 0.0)
        return suggestion

    monkeypatch.setattr(mine, "_suggest", suggest)
    mine.ask()
    trials = study(path, space).trials
    assert (n_races[0], len(trials)) == (8, 9)
    assert len({trial.params["x"] for trial in trials}) == 9


def test_a_trial_whose_number_another_process_has_taken_does_not_start(path, monkeypatch):
    mine, other = study(path), study(path, seed=1)
    mine.tell(mine.ask(number=0), 1.0)
    propose = mine._suggest

    def suggest(*args):
        other.tell(other.ask(), 2.0)
        return propose(*args)

    monkeypatch.setattr(mine, "_suggest", suggest)
    with pytest.raises(ConcurrentStudyError, match="must have number 1, but would have 2"):
        mine.ask(number=1)
    assert [trial.value for trial in check_file(path)] == [1.0, 2.0]


# ---------------------------------------------------------------- storages that go back


def with_reports(n_reports):
    """Return an objective, each of whose reports is stored in a transaction of its own."""

    def objective(trial):
        for step in range(n_reports):
            trial.report(0.5, step)
            trial.reporter.sink._write(trial.reporter)
        return trial.params["x"]

    return objective


@pytest.mark.parametrize("n_trials", [2, 3, 4, 8])
@pytest.mark.parametrize("n_reports", [0, 2])
def test_a_study_that_was_created_again_is_not_overwritten(path, n_trials, n_reports):
    mine = study(path)
    mine.optimize(with_reports(n_reports), 3)
    SqliteStorage(path).delete("a")
    other = study(path, seed=1)
    other.optimize(with_reports(0), n_trials)
    with pytest.raises(ConcurrentStudyError, match=r"'a' no longer has trial 2 of this process"):
        mine.ask()
    assert [trial.params for trial in check_file(path)] == [trial.params for trial in other.trials]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"x": Int(1, 9), "y": Float(0.0, 1.0)}, {"y": Float(0.0, 1.0), "x": Int(1, 9)}),
        ({"x": Int(1, 9), "y": Float(0.0, 1.0)}, {"x": Float(1.0, 9.0), "y": Float(0.0, 1.0)}),
        ({"x": [1, 2], "y": Float(0.0, 1.0)}, {"x": [1.0, 2.0, 3.0], "y": Float(0.0, 1.0)}),
    ],
)
def test_a_study_goes_on_with_a_space_that_is_written_otherwise(path, before, after):
    first = study(path, before)
    first.optimize(with_reports(0), 3)
    made = study(path, after, seed=None)
    made.optimize(with_reports(0), 2)
    assert [trial.number for trial in made.trials] == [0, 1, 2, 3, 4]
    assert [t.params for t in made.trials[:3]] == [t.params for t in first.trials]


def test_a_study_whose_file_is_replaced_by_an_earlier_copy_gets_no_gap(path):
    mine, copied = study(path), path.with_name("copy.db")
    mine.optimize(with_reports(0), 3)
    shutil.copy(path, copied)
    mine.optimize(with_reports(0), 3)
    running = mine.ask()
    copied.replace(path)
    with pytest.raises(ConcurrentStudyError, match=r"'a' no longer has trial 3 of this process"):
        mine.tell(running, 0.5)
    with pytest.raises(ConcurrentStudyError, match=r"'a' no longer has trial 3 of this process"):
        mine.ask()
    assert (len(check_file(path)), len(mine.trials), mine.trials[6].value) == (3, 7, 0.5)


@pytest.mark.parametrize("read_first", [True, False])
def test_a_result_is_seen_and_kept_after_the_storage_has_lost_reports(path, read_first):
    mine, copied = study(path), path.with_name("copy.db")
    trial = mine.ask()
    shutil.copy(path, copied)
    trial.report(0.5, 0)
    other = study(path, seed=1)
    copied.replace(path)  # as after a crash of a server
    if read_first:
        other.refresh()
    mine.tell(trial, 0.5)
    mine._persistence._session.end()
    assert other.ask().number == 1
    assert (other.trials[0].value, check_file(path)[0].value) == (0.5, 0.5)


@pytest.mark.parametrize("n_reports", [1, 4])
def test_trials_are_read_that_started_after_the_storage_has_lost_reports(path, n_reports):
    mine, copied = study(path), path.with_name("copy.db")
    trial = mine.ask()
    shutil.copy(path, copied)
    with_reports(n_reports)(trial)
    other = study(path, seed=1)
    copied.replace(path)
    assert [mine.ask().number for _ in range(3)] == [1, 2, 3]
    assert other.ask().number == 4
    assert len(other.trials) == len(check_file(path)) == 5


# ---------------------------------------------------------------- many processes


def test_processes_run_a_study_together(path):
    errors, counts = run_workers(path, 3, "random", 8, 0, 15)
    assert errors == ["", "", ""]
    assert set(counts.values()) == {1}
    trials = check_file(path)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 24


@pytest.mark.slow
def test_many_processes_lose_and_double_no_trial(path):
    errors, counts = run_workers(path, 32, "random", 50, 0, 15)
    assert errors == [""] * 32
    assert counts == {(number, 1): 1 for number in range(1600)}
    assert [trial.state for trial in check_file(path)] == [TrialState.COMPLETE] * 1600


@pytest.mark.slow
def test_killed_processes_lose_no_trial(path):
    errors, counts = run_workers(path, 16, "random", 50, 0.3, 15, n_kills=6)
    assert set(errors) == {""}
    trials = check_file(path)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    assert len(complete) >= 500
    # A process can be killed between the end of its objective and that of its trial.
    assert all(counts[trial.number, trial.claim.attempt] == 1 for trial in complete)
    last = {number: max(a for n, a in counts if n == number) for number, _ in counts}
    assert all(last[trial.number] == trial.claim.attempt for trial in complete)
    assert len(trials) - len(complete) <= 6
    again = study(path, seed=None)
    for trial in trials:
        if trial.state is TrialState.RUNNING:
            assert again.ask().number == trial.number
    assert again.ask().number == len(trials)


@pytest.mark.slow
def test_no_trial_runs_again_as_the_file_was_locked_for_five_grace_periods(path):
    study(path).ask()
    ended = path.with_name(f"{path.name}.ended")
    with ExitStack() as stack:
        options = ("random", 20, 0.1, 0.25)
        workers = [stack.enter_context(worker(path, *options, k)) for k in range(8)]
        while not ended.exists() or len(ended.read_bytes().splitlines()) < 30:
            pause.wait(0.01)
        with closing(sqlite3.connect(path, 60.0, isolation_level=None)) as db:
            db.execute("begin exclusive")
            pause.wait(5.0)  # the time that the file is locked
            db.execute("commit")
        assert [each.communicate()[1] for each in workers] == [""] * 8
    trials = check_file(path)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 161
    assert [trial.claim.attempt for trial in trials] == [2] + [1] * 160


@pytest.mark.slow
def test_processes_share_a_grid_until_it_is_exhausted(path):
    errors, counts = run_workers(path, 8, "grid", 100, 0, 15)
    assert all("space exhausted" in error for error in errors if error)
    assert counts == {(number, 1): 1 for number in range(100)}


@pytest.mark.slow
def test_processes_with_the_bayesian_strategy_share_a_study(path):
    errors, counts = run_workers(path, 4, "bayesian", 25, 0.1, 15)
    assert errors == [""] * 4
    assert counts == {(number, 1): 1 for number in range(100)}
    assert len(check_file(path)) == 100
