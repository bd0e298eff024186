"""Trials run again once their process has ended, and only then."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tuneplug import Float, StaleTrialError, StorageError, Study, TrialState
from tuneplug.storage import SqliteStorage, process, sessions
from tuneplug.storage.documents import seal
from tuneplug.storage.process import has_ended, machine, this_process
from tuneplug.storage.sqlite_rows import SqliteTransaction

SPACE = {"x": Float(0.0, 1.0)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.fixture
def clock(monkeypatch):
    """The clock of the storage, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(SqliteTransaction, "now", property(lambda self: now[0]))
    return now


def study(path, **options):
    known = {"strategy": "random", "seed": 0, "name": "a", "heartbeat_interval": 10.0}
    return Study(SPACE, storage=SqliteStorage(path), **known | options)


def study_elsewhere(path, **options):
    """Return a study in a process of another machine."""
    made = study(path, **options)
    session = made._persistence._session
    session._process = {"machine": session.id, "pid": os.getpid(), "started": "1"}
    sessions._alive.discard(session.id)
    return made


def beat(*studies):
    for made in studies:
        made._persistence.heartbeat()


def stored_sessions(path):
    with SqliteStorage(path).transaction("a") as transaction:
        return transaction.sessions()


@contextmanager
def python(code, *args):
    """Context manager: a process that runs a script, with pipes."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, args)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


# ---------------------------------------------------------------- heartbeats


def test_a_trial_runs_again_once_its_heartbeats_have_stopped_for_a_grace_period(path, clock):
    first, second = study_elsewhere(path), study(path)
    first.ask()
    second.ask()
    for _ in range(4):
        clock[0] += 10.0
        beat(second)
    assert second.ask().number == 2
    clock[0] += 1.0
    beat(second)
    again = second.ask()
    assert (again.number, again.claim.attempt) == (0, 2)
    assert again.params == first.trials[0].params


def test_a_trial_whose_heartbeats_go_on_does_not_run_again(path, clock):
    first, second = study_elsewhere(path), study(path)
    first.ask()
    second.ask()
    for number in range(2, 30):
        clock[0] += 10.0
        beat(first, second)
        assert second.ask().number == number


def test_a_process_that_was_late_itself_takes_no_trial_for_a_grace_period(path, clock):
    first, second = study_elsewhere(path), study(path)
    first.ask()
    second.ask()
    clock[0] += 1000.0  # nobody could write
    assert second.ask().number == 2
    for number in range(3, 7):
        clock[0] += 9.9
        beat(second)
        assert second.ask().number == number
    clock[0] += 1.0
    beat(second)
    assert second.ask().number == 0


def test_all_processes_are_late_after_a_long_lock_and_no_trial_runs_again(path, clock):
    writers = [study_elsewhere(path) for _ in range(8)]
    for writer in writers:
        writer.ask()
    clock[0] += 200.0
    for number, writer in enumerate(writers, start=8):
        clock[0] += 0.1
        assert writer.ask().number == number
    for _ in range(10):
        clock[0] += 10.0
        beat(*writers)
    for number, writer in enumerate(writers, start=16):
        assert writer.ask().number == number


def test_a_process_whose_clock_was_set_back_takes_no_trial(path, clock):
    first, second = study_elsewhere(path), study(path)
    first.ask()
    second.ask()
    clock[0] -= 5000.0
    assert second.ask().number == 2
    clock[0] += 5060.0
    assert second.ask().number == 3


@pytest.mark.parametrize("interval", [5.0, 10.0])
def test_heartbeats_in_time_are_not_late_with_the_shortest_grace_period(path, clock, interval):
    options = {"heartbeat_interval": interval, "grace_period": 3 * interval}
    first, second = study_elsewhere(path, **options), study(path, **options)
    first.ask()
    second.ask()
    for _ in range(4):
        clock[0] += interval * 1.05
        beat(second)
    assert second.ask().number == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grace_period": 29.0}, "at least three times heartbeat_interval=10, but got 29"),
        ({"heartbeat_interval": 0.0}, "must be positive"),
        ({"heartbeat_interval": float("nan")}, "must be positive"),
        ({"max_retries": -1}, "at least 0"),
        ({"stale_trials": "drop"}, "must be one of"),
    ],
)
def test_invalid_options_are_refused(path, options, message):
    with pytest.raises(ValueError, match=message):
        study(path, **options)


# ---------------------------------------------------------------- ended sessions


def test_a_trial_of_a_study_that_is_gone_runs_again_at_once(path):
    study(path).ask()
    gc.collect()
    again = study(path)
    trial = again.ask()
    assert (trial.number, trial.claim.attempt) == (0, 2)
    again.tell(trial, 0.5)
    assert again.ask().number == 1


def test_a_trial_fails_when_its_process_has_died_too_often(path):
    for attempt in (1, 2):
        assert study(path).ask().claim.attempt == attempt
        gc.collect()
    last = study(path)
    assert last.ask().number == 1
    trial = study(path).trials[0]
    assert (trial.state, trial.error) == (TrialState.FAILED, "the process died 2 times")


def test_a_trial_that_is_run_again_counts_beside_those_of_the_call(path):
    study(path).ask()
    gc.collect()
    seen = []
    study(path).optimize(lambda trial: trial.params["x"], 2, callbacks=[seen.append])
    assert [(p.n_done, p.n_iter) for p in seen][-1] == (len(seen), len(seen))
    assert all(p.n_done <= p.n_iter and p.left >= 0.0 for p in seen)


def test_a_budget_of_none_runs_lost_trials_only(path):
    running = study_elsewhere(path)
    assert running.ask().number == 0
    lost = study(path)
    assert [lost.ask().number, lost.ask().number] == [1, 2]
    del lost
    gc.collect()
    study(path).optimize(lambda trial: trial.params["x"], 0)
    states = [trial.state for trial in study(path).trials]
    assert states == [TrialState.RUNNING, TrialState.COMPLETE, TrialState.COMPLETE]


def test_a_budget_of_none_fails_trials_that_were_lost_too_often(path):
    study(path).ask()
    gc.collect()
    study(path, max_retries=0).optimize(lambda trial: trial.params["x"], 0)
    assert [trial.state for trial in study(path).trials] == [TrialState.FAILED]


@pytest.mark.parametrize("options", [{"stale_trials": "fail"}, {"max_retries": 0}])
def test_lost_trials_can_fail_at_once(path, options):
    study(path).ask()
    gc.collect()
    assert study(path, **options).ask().number == 1
    trial = study(path).trials[0]
    assert (trial.state, trial.error[:11]) == (TrialState.FAILED, "interrupted")


def test_a_late_result_raises_and_that_of_the_other_process_counts(path, clock):
    first, second = study_elsewhere(path), study(path)
    late = first.ask()
    second.ask()
    for _ in range(5):
        clock[0] += 10.0
        beat(second)
    again = second.ask()
    with pytest.raises(StaleTrialError, match="another process has taken it over"):
        first.tell(late, 1.0)
    assert first.trials[0].claim == again.claim
    second.tell(again, 2.0)
    assert study(path).trials[0].value == 2.0
    assert first.ask().number == 2
    assert first.trials[0].value == 2.0


def test_optimize_goes_on_after_a_late_result(path, clock):
    first, second = study_elsewhere(path), study(path)
    second.ask()

    def objective(trial):
        if trial.number == 1:
            for _ in range(5):
                clock[0] += 10.0
                beat(second)
            second.tell(second.ask(), 7.0)
        return trial.params["x"]

    with pytest.warns(RuntimeWarning, match="the result of a trial is not used: trial 1"):
        first.optimize(objective, 4)
    trials = study(path).trials
    assert [trial.value for trial in trials[:2]] == [None, 7.0]
    assert [trial.state for trial in trials[2:]] == [TrialState.COMPLETE] * 4


def test_a_process_that_comes_back_beats_first_and_takes_no_trial(path, clock):
    first, second = study_elsewhere(path), study_elsewhere(path)
    first.ask()
    second.ask()
    for _ in range(5):
        clock[0] += 10.0
        beat(second)
    assert second.ask().number == 0
    clock[0] += 35.0  # the second one is a little late, but within its grace period
    assert first.ask().number == 2
    assert len(stored_sessions(path)) == 2


# ---------------------------------------------------------------- identities of processes


def test_a_running_process_has_not_ended():
    assert not has_ended(this_process())


def test_a_process_of_the_same_number_and_another_start_has_ended():
    assert has_ended(this_process() | {"started": "1"})


def test_an_unreaped_process_has_ended():
    with python("input()") as child:
        known = {"machine": machine(), "pid": child.pid, "started": process._started(child.pid)}
        assert not has_ended(known)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(known)
    assert has_ended(known)


def test_a_process_that_is_hidden_from_this_user_is_judged_by_its_heartbeats(monkeypatch, tmp_path):
    known = {"machine": machine(), "pid": 5, "started": "1"}
    monkeypatch.setattr(process, "PROC", tmp_path)

    def kill(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert not has_ended(known)


def test_processes_of_unknown_machines_are_not_the_same_by_their_number(path, clock):
    first, second = study_elsewhere(path), study(path)
    unknown = {"machine": None, "pid": os.getpid(), "started": None}
    first._persistence._session._process = second._persistence._session._process = unknown
    first.ask()
    assert second.ask().number == 1
    del first
    gc.collect()
    assert second.ask().number == 0  # as a study of this process, it is known to be gone


JUNK = [None, True, -1, 0, 2**40, 10**30, 0.5, "", "x", "../..", "\0", [], {}, {"a": 1}]


@pytest.mark.parametrize("key", ["machine", "pid", "started"])
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_documents_of_other_programs_raise_nothing(key, junk):
    assert has_ended(this_process() | {key: junk}) in (False, True)


@pytest.mark.parametrize(
    "row",
    [
        ("a", 5, 1.0, seal({}, "a", "5")),
        ("a", b"x", 1.0, seal({}, "a", "x")),
        ("a", "x", "soon", seal({}, "a", "x")),
        ("a", "x", float("inf"), seal({}, "a", "x")),
        ("a", "x", 1.0, "[]"),
        ("a", "x", 1.0, "{"),
        ("a", "x", 1.0, b"{}"),
        ("a", "x", 1.0, seal({}, "b", "x")),
    ],
    ids=repr,
)
def test_sessions_that_tuneplug_has_not_written_raise_a_storage_error(path, row):
    made = study(path)
    made.tell(made.ask(), 0.5)
    with made._persistence.storage._file.writing() as db:
        db.execute("insert into tuneplug_sessions values (?, ?, ?, ?)", row)
    if type(row[1]) is int:
        return  # the column has made it text
    with pytest.raises(StorageError, match=r"study\.db must be as tuneplug wrote it"):
        stored_sessions(path)


# ---------------------------------------------------------------- forks


FORK = """
import os, sys, threading
from tuneplug import Float, Study
study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, name="a", storage=sys.argv[1],
              heartbeat_interval=0.05)
mine = study.ask()
other = os.fork()
trial = study.ask()
beaten, write = threading.Event(), study._persistence.storage.transaction
def transaction(*args, **options):
    if threading.current_thread().name == "tuneplug-heartbeats":
        beaten.set()
    return write(*args, **options)
study._persistence.storage.transaction = transaction
beaten.wait()
study.tell(trial, 1.0)
if other:
    assert os.waitpid(other, 0)[1] == 0
    study.tell(mine, 2.0)
    study.ask()
    study.tell(study.ask(), 3.0)
else:
    os._exit(0)
"""


def test_parent_and_child_of_a_fork_run_their_own_trials_with_heartbeats_of_their_own(path):
    with python(FORK, f"sqlite:///{path}") as child:
        assert child.wait() == 0
    trials = study(path).trials
    assert sorted(str(trial.value) for trial in trials) == ["1.0", "1.0", "2.0", "3.0", "None"]
    assert {trial.claim.attempt for trial in trials} == {1}


FORK_IN_TURN = """
import os, sys, threading
from tuneplug import Float, Study
study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, name="a", storage=sys.argv[1])
study.tell(study.ask(), 1.0)
opened, forks = threading.Event(), threading.Event()
os.register_at_fork(before=forks.set)
def write():
    with study._persistence.storage.transaction("a") as transaction:
        transaction.write(transaction.record(0) | {"value": 2.0})
        opened.set()
        forks.wait()
thread = threading.Thread(target=write)
thread.start()
opened.wait()
if os.fork() == 0:
    study.tell(study.ask(), 3.0)
    os._exit(0)
thread.join()
assert os.wait()[1] == 0
"""


def test_a_fork_waits_for_the_transaction_of_another_thread(path):
    with python(FORK_IN_TURN, f"sqlite:///{path}") as child:
        assert child.wait() == 0
    assert [trial.value for trial in study(path).trials] == [2.0, 3.0]


# ---------------------------------------------------------------- suspended processes

SUSPENDED = """
import sys, warnings
from tuneplug import Float, Study
warnings.simplefilter("always")
study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, name="a", storage=sys.argv[1],
              heartbeat_interval=0.1)
def objective(trial):
    if trial.number == 0:
        print("running", flush=True)
        input()
    return -1.0
with warnings.catch_warnings(record=True) as caught:
    study.optimize(objective, 2)
print(*(str(each.message) for each in caught), flush=True)
"""


def test_a_suspended_process_loses_its_trial_and_goes_on_after_a_warning(path):
    url = f"sqlite:///{path}"
    with python(SUSPENDED, url) as child:
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGSTOP)
        other = study(path, heartbeat_interval=0.1)
        waiting = other.ask()  # heartbeats go on while it runs
        while (trial := other.ask()).number != 0:
            other.tell(trial, 1.0)
        other.tell(trial, 2.0)
        child.send_signal(signal.SIGCONT)
        shown, _ = child.communicate("go\n")
        assert child.returncode == 0
    assert "the result of a trial is not used: trial 0" in shown
    other.tell(waiting, 3.0)
    trials = study(path).trials
    assert (trials[0].value, trials[0].claim.attempt) == (2.0, 2)
    assert [trial.value for trial in trials].count(-1.0) == 2  # the lost one does not count
    assert {trial.claim.attempt for trial in trials[1:]} == {1}


def test_options_of_dead_processes_are_warned_of_without_a_storage():
    with pytest.warns(UserWarning, match="stale_trials and max_retries without storage= has no"):
        Study({"x": Float(0.0, 1.0)}, stale_trials="fail", max_retries=3)


def test_trial_whose_start_was_interrupted_after_the_commit_is_given_up(path, monkeypatch):
    started = study(path)
    claim = type(started._persistence)._claim

    def interrupted(self, *args):
        claim(self, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(started._persistence), "_claim", interrupted)
        with pytest.raises(KeyboardInterrupt):
            started.ask()
    started.release()
    again = study(path).restart(0)
    assert again is not None
    assert again.state is TrialState.RUNNING
