"""End worker processes whose parent has ended, and delete the files that it left behind.

A killed process cannot clean up.  A daemon thread of each worker therefore checks twice a second
whether the owner of the data has ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path

from tuneplug.execution.owned_folder import remove_abandoned, remove_if_abandoned

__all__ = ["end_with_owner", "end_with_parent", "watch_folder"]

#: Time between two checks, in seconds.
INTERVAL_SECONDS = 0.5


class _Watch(threading.Thread):
    """A daemon thread that watches the parent, and the owners of the folders in use."""

    def __init__(self) -> None:
        super().__init__(name="tuneplug-orphans", daemon=True)
        self.folders: set[Path] = set()
        self.roots: set[Path] = set()
        self.has_ended: Callable[[], bool] | None = None

    def run(self) -> None:
        while True:
            if self.has_ended is not None and self.has_ended():
                self._end_process()
            for folder in list(self.folders):
                self._check(folder)
            time.sleep(INTERVAL_SECONDS)

    def _check(self, folder: Path) -> None:
        remove_if_abandoned(folder)
        if not folder.exists():
            self.folders.discard(folder)

    def _end_process(self) -> None:
        try:
            for root in list(self.roots):
                remove_abandoned(root)
        finally:
            os._exit(1)  # sys.exit would end this thread only


_watch = _Watch()
_lock = threading.Lock()


def end_with_parent(pid: int, root: Path, *, ignore_interrupts: bool = False) -> None:
    """End this process once its parent has ended, after deleting the folders in ``root``.

    Parameters
    ----------
    pid : int
        Number of the parent process.
    root : Path
        The folder in which the parent creates its temporary folders.
    ignore_interrupts : bool, default False
        Whether this process ignores Ctrl-C, as its parent ends it.
    """
    if ignore_interrupts:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _lock:
        watch = _running_watch()
        watch.roots.add(root)
        if watch.has_ended is None:
            watch.has_ended = _parent_check(pid)


def end_with_owner(owner: int, root: Path) -> None:
    """End this process once the owner has ended, if the owner started it.

    Nobody can receive the results of a process that ``multiprocessing`` or loky started for a
    parent that has ended.  Other workers, such as those of a cluster, go on.

    Parameters
    ----------
    owner : int
        Number of the process that submits the jobs.
    root : Path
        See ``end_with_parent``.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid == owner:
        end_with_parent(owner, root)


def watch_folder(folder: Path) -> None:
    """Delete a folder of another process once that process has ended."""
    with _lock:
        _running_watch().folders.add(folder)


def _running_watch() -> _Watch:
    """Return the thread of this process; a forked process needs its own."""
    global _watch
    if not _watch.is_alive():
        _watch = _Watch()
        _watch.start()
    return _watch


def _parent_check(pid: int) -> Callable[[], bool]:
    """Return a function that tells whether the parent has ended, and never waits."""
    sentinel = getattr(multiprocessing.parent_process(), "sentinel", None)
    # On POSIX, loky gives no sentinel, and a fork may keep that of another process open.  The
    # number of the parent changes when it ends, except on Windows and under the fork server.
    if sentinel is None or (sys.platform != "win32" and os.getppid() == pid):
        return lambda: os.getppid() != pid
    return lambda: bool(wait([sentinel], 0))
