"""Temporary folders: deleted once their owner has ended, and never before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from tuneplug.execution import Broadcast
from tuneplug.execution.owned_folder import LOCK_NAME, OwnedFolder, remove_abandoned

OWNER = """
import sys
from pathlib import Path
from tuneplug.execution.owned_folder import OwnedFolder
folder = OwnedFolder(Path(sys.argv[1]))
(folder.path / "data").write_text("data")
print(folder.path.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path):
    """Return a process that owns a folder, and the path of the folder."""
    pipe = subprocess.PIPE
    arguments = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) as process:
        yield process, tmp_path / process.stdout.readline().strip()
        process.kill()


def test_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_kept(owner, tmp_path):
    process, path = owner
    remove_abandoned(tmp_path)
    assert (path / "data").read_text() == "data"
    process.kill()
    process.wait()
    assert path.exists()
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_next_broadcast_removes_the_folder_of_a_killed_process(owner, tmp_path, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    process, path = owner
    process.kill()
    process.wait()
    with Broadcast(np.arange(3)) as broadcast:
        broadcast.write()
        assert list(tmp_path.iterdir()) == [broadcast.path.parent]
    assert not path.exists()


def test_folder_goes_with_an_owner_that_exits(owner):
    process, path = owner
    process.stdin.close()
    assert process.wait() == 0
    assert not path.exists()


def test_own_folders_stay_locked_while_another_thread_looks_for_abandoned_ones(tmp_path):
    folder = OwnedFolder(tmp_path)
    thread = threading.Thread(target=remove_abandoned, args=(tmp_path,))
    thread.start()
    thread.join()
    code = "import sys, pathlib; from tuneplug.execution.owned_folder import remove_abandoned; "
    code += "remove_abandoned(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert (folder.path / LOCK_NAME).exists()
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_folders_without_a_written_lock_are_kept(tmp_path):
    (tmp_path / "tuneplug-other").mkdir()
    (tmp_path / "tuneplug-other" / "file").touch()
    (tmp_path / "tuneplug-new").mkdir()
    (tmp_path / "tuneplug-new" / LOCK_NAME).touch()
    (tmp_path / "tuneplug-file").touch()
    remove_abandoned(tmp_path)
    assert len(list(tmp_path.rglob("*"))) == 5


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
def test_links_are_not_followed(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / LOCK_NAME).write_text("locked")
    (target / "data").touch()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "tuneplug-link").symlink_to(target)
    remove_abandoned(tmp_path / "root")
    assert (target / "data").exists()


def test_missing_root_is_no_error(tmp_path):
    remove_abandoned(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_leaves_the_folder_of_its_parent(tmp_path):
    folder = OwnedFolder(tmp_path)
    if not (child := os.fork()):
        folder.remove()
        remove_abandoned(tmp_path)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (folder.path / LOCK_NAME).exists()
    folder.remove()
