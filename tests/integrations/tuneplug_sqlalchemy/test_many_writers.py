"""Several processes run one study on a server: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path

import pytest

from tuneplug import Float, Study, TrialState
from tuneplug.plugins import Plugins

pytestmark = pytest.mark.slow

WRITER = Path(__file__).parents[1] / "writer_of_trials.py"


def begun(url, n_trials, pause=0.0):
    command = [sys.executable, WRITER, url, "a", str(n_trials), str(pause)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def stored(url):
    plugins = Plugins()
    storage = plugins.create("storage", url.partition("+")[0], url)
    return storage.read("a").records


def check_dense(records, n_trials):
    assert [record["number"] for record in records] == list(range(n_trials))
    assert {record["state"] for record in records} == {TrialState.COMPLETE.value}
    assert len({record["params"]["x"] for record in records}) == n_trials


def wait(processes):
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), errors
    return errors


def test_eight_processes_number_their_trials_without_a_gap(url):
    wait([begun(url, 5) for _ in range(8)])
    check_dense(stored(url), 40)


def test_thirty_two_processes_number_their_trials_without_a_gap(url):
    wait([begun(url, 50) for _ in range(32)])
    check_dense(stored(url), 32 * 50)


def n_complete(url):
    storage = Plugins().create("storage", url.partition("+")[0], url)
    study = storage.read("a")
    records = [] if study is None else study.records
    return sum(record["state"] == TrialState.COMPLETE.value for record in records)


def test_trials_of_killed_processes_run_again(url):
    rng = random.Random(0)
    processes = [begun(url, 50, pause=0.02) for _ in range(16)]
    while not n_complete(url):
        time.sleep(0.05)
    killed = rng.sample(processes, 6)
    for process in killed:
        n_before = n_complete(url)
        while n_complete(url) < n_before + rng.randint(1, 20):
            time.sleep(0.01)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    for process in killed:
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    wait([process for process in processes if process not in killed])
    wait([begun(url, 1)])
    records = stored(url)
    assert [record["number"] for record in records] == list(range(len(records)))
    assert {record["state"] for record in records} == {TrialState.COMPLETE.value}
    assert len(records) >= 10 * 50


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_run_goes_on_after_a_restart_of_the_server(server, end):
    url = server.new_url()
    processes = [begun(url, 15, pause=0.02) for _ in range(4)]
    while n_complete(url) < 20:
        time.sleep(0.05)
    getattr(server, end)()
    server.start()
    wait(processes)
    check_dense(stored(url), 60)


def test_thirty_two_processes_go_on_after_three_restarts_of_the_server(server):
    url = server.new_url()
    processes = [begun(url, 20, pause=0.02) for _ in range(32)]
    for n_before in (50, 200, 400):
        while n_complete(url) < n_before:
            time.sleep(0.05)
        server.stop()
        server.start()
    wait(processes)
    check_dense(stored(url), 640)


@pytest.mark.usefixtures("unanswered")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_trials_that_end_while_the_server_is_down_are_written_later(server, monkeypatch):
    from tuneplug_sqlalchemy import database

    monkeypatch.setattr(database, "PATIENCE", 0.0)
    url = server.new_url()
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", storage=url, name="a", seed=0)
    first, second = study.ask(), study.ask()
    study.tell(first, 1.0)
    server.stop()
    with pytest.warns(RuntimeWarning, match=r"1 trial\(s\) of study 'a' could not be written"):
        study.tell(second, 2.0)
    server.start()
    study.tell(study.ask(), 3.0)
    assert [record["value"] for record in stored(url)] == [1.0, 2.0, 3.0]


@pytest.mark.usefixtures("unanswered")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_that_was_there_is_waited_for(server):
    url = server.new_url()
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", storage=url, name="a", seed=0)
    study.tell(study.ask(), 1.0)
    server.stop()
    with ThreadPoolExecutor(1) as thread:  # not for the server, which ends with its thread
        told = thread.submit(lambda: study.tell(study.ask(), 2.0))
        assert not wait_for([told], timeout=0.5).done
        server.start()
        told.result()
    assert [record["value"] for record in stored(url)] == [1.0, 2.0]
