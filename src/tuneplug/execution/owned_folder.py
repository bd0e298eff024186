"""Temporary folders that other processes can delete once their owner has ended.

The owner locks a file in its folder.  The operating system releases the lock when the owner ends,
even by SIGKILL, so that a process that gets the lock may delete the folder.  Locks are independent
of process numbers, which are reused and differ between machines and containers.
"""

from __future__ import annotations

import os
import sys
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["OwnedFolder", "remove_abandoned", "remove_if_abandoned", "temporary_root"]

PREFIX = "tuneplug-"
LOCK_NAME = "owner.lock"

#: The process and path of each folder that this process owns.  A process can always lock its own
#: files again, and would lose its lock by closing them (POSIX).
_owned: set[tuple[int, str]] = set()


def temporary_root() -> Path:
    """Return ``JOBLIB_TEMP_FOLDER`` if it is set, else the folder for temporary files."""
    return Path(os.environ.get("JOBLIB_TEMP_FOLDER") or tempfile.gettempdir()).resolve()


class OwnedFolder:
    """A new temporary folder that belongs to this process.

    Parameters
    ----------
    root : Path
        The folder in which to create it.

    Attributes
    ----------
    path : Path

    Raises
    ------
    OSError
        If the folder cannot be created.
    """

    def __init__(self, root: Path) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        key = (os.getpid(), str(self.path))
        _owned.add(key)
        lock = (self.path / LOCK_NAME).open("wb", buffering=0)
        self._finalizer = weakref.finalize(self, _release, key, lock)
        with suppress(OSError):  # without support for locks, the file stays empty
            _lock(lock, wait=True)
            lock.write(b"locked")

    def remove(self) -> None:
        """Delete the folder; calls in a forked process and repeated calls have no effect."""
        self._finalizer()


def _release(key: tuple[int, str], lock: BinaryIO) -> None:
    pid, path = key
    if pid == os.getpid():
        _delete(Path(path), lock)
        _owned.discard(key)
    lock.close()


def remove_abandoned(root: Path) -> None:
    """Delete the folders of ended processes of this user in ``root``."""
    with suppress(OSError):
        for path in root.glob(PREFIX + "*"):
            remove_if_abandoned(path)


def remove_if_abandoned(path: Path) -> None:
    """Delete a folder of ``OwnedFolder`` if its owner has ended, and it belongs to this user."""
    with suppress(OSError):  # the owner lives, or another process deletes the folder
        if (os.getpid(), str(path)) in _owned or not _is_own_folder(path):
            return
        with (path / LOCK_NAME).open("r+b", buffering=0) as lock:
            _lock(lock, wait=False)
            # An owner writes once it has the lock: an empty file may belong to a new folder.
            if os.fstat(lock.fileno()).st_size > 0:
                _delete(path, lock)


def _delete(path: Path, lock: BinaryIO) -> None:
    """Delete a folder, and the lock last: what remains on an error counts as abandoned.

    Windows deletes no file that a process has open.
    """
    with suppress(OSError):
        for file in path.iterdir():
            if file.name != LOCK_NAME:
                file.unlink()
        lock.close()
        (path / LOCK_NAME).unlink()
        path.rmdir()


def _is_own_folder(path: Path) -> bool:
    """Whether a path is a folder of this user, and not a link that someone else made."""
    if path.is_symlink() or not path.is_dir():
        return False
    return sys.platform == "win32" or path.stat().st_uid == os.getuid()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO, *, wait: bool) -> None:
        """Lock the first byte, or raise an OSError."""
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO, *, wait: bool) -> None:
        """Lock the file, or raise an OSError; forked processes do not inherit the lock."""
        fcntl.lockf(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
