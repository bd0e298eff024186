"""Broadcast a value that many jobs share to each worker once.

Jobs in this process receive the value itself.  Other processes of this machine map one file, so
that they share the memory of its arrays.  Executors with ``put``, such as those for Dask and Ray,
store the value at their workers.  All other workers receive the value with each job.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuneplug.execution.orphans import end_with_owner, watch_folder
from tuneplug.execution.owned_folder import OwnedFolder, remove_abandoned, temporary_root

__all__ = ["Broadcast"]

#: Alignment of each array in the file, in bytes.
ALIGNMENT = 64
#: Number of values that a worker caches: two searches can alternate on the same workers.
N_KEPT = 2

_received: OrderedDict[str, Any] = OrderedDict()
_lock = threading.Lock()


class Broadcast:
    """A value that many jobs share; a job reads the attribute ``value``.

    A ``WorkerPool`` chooses how the value reaches its workers.  Arrays from a mapped file are
    read-only for the workers: a job must copy an array before changing it.  Each worker unpickles
    the file once, and all its jobs share that value.

    Leaving the context deletes the file.  If this process is killed, workers that read the file
    delete it within seconds, and so does the next broadcast in that folder.

    Parameters
    ----------
    value : object
        An object that ``dumps`` can pickle, or any object if all jobs run in this process.
    dumps : callable, default pickle.dumps
        A function with the signature of ``pickle.dumps``, whose result ``pickle.loads`` can read.
        With the default and without a file, the executor pickles the value; its pickler may support
        more objects.

    Attributes
    ----------
    path : Path or None
        The file that workers map; None before ``write`` and after ``close``.
    """

    def __init__(self, value: Any, dumps: Callable[..., bytes] = pickle.dumps) -> None:
        self.value = value
        self.path: Path | None = None
        self._dumps = dumps
        self._key = uuid.uuid4().hex
        self._folder: OwnedFolder | None = None

    def write(self) -> Path:
        """Write the value to a temporary file and return the path.

        Raises
        ------
        OSError
            If the file cannot be written, for example because the disk is full.  The environment
            variable ``JOBLIB_TEMP_FOLDER`` selects another folder.
        """
        root = temporary_root()
        remove_abandoned(root)
        self._folder = OwnedFolder(root)
        path = self._folder.path / "broadcast"
        try:
            _write(path, self.value, self._dumps)
        except BaseException:
            self.close()
            raise
        self.path = path
        return path

    def close(self) -> None:
        """Delete the file.  Workers that have read the value can continue to use it."""
        if self._folder is not None:
            self._folder.remove()
            self._folder, self.path = None, None

    def __enter__(self) -> Broadcast:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        owner = os.getpid()
        if self.path is not None:
            return _RemoteBroadcast, (owner, self._key, None, str(self.path))
        if self._dumps is pickle.dumps:
            return _receive, (owner, self.value)
        return _RemoteBroadcast, (owner, self._key, _buffer(self._dumps(self.value), protocol))


def _receive(owner: int, value: Any) -> Broadcast:
    """Return a broadcast on a worker that received the value with the job."""
    end_with_owner(owner, temporary_root())
    return Broadcast(value)


class _RemoteBroadcast:
    """A broadcast on a worker, which unpickles the value on first access."""

    def __init__(self, owner: int, key: str, content: Any, path: str | None = None) -> None:
        self._owner, self._key, self._content, self._path = owner, key, content, path

    @property
    def value(self) -> Any:
        with _lock:
            if self._key not in _received:
                value = self._load()
                while len(_received) >= N_KEPT:
                    _received.popitem(last=False)
                _received[self._key] = value
            _received.move_to_end(self._key)
            return _received[self._key]

    def _load(self) -> Any:
        root = temporary_root() if self._path is None else Path(self._path).parent.parent
        end_with_owner(self._owner, root)
        if self._path is not None:
            return _read_watched(Path(self._path), self._owner)
        return pickle.loads(self._content)  # noqa: S301  pickled by ``Broadcast``

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        content = None if self._content is None else _buffer(self._content, protocol)
        return _RemoteBroadcast, (self._owner, self._key, content, self._path)


def _buffer(content: Any, protocol: int) -> Any:
    """Wrap bytes so that pickle protocol 5 need not copy them for each job (PEP 574)."""
    return pickle.PickleBuffer(content) if protocol >= 5 else bytes(content)


def _write(path: Path, value: Any, dumps: Callable[..., bytes]) -> None:
    """Write the pickle stream and the out-of-band array buffers (PEP 574), each part aligned."""
    buffers: list[pickle.PickleBuffer] = []
    stream = dumps(value, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(stream), *(buffer.raw() for buffer in buffers)]
    with path.open("wb") as file:
        file.write(json.dumps([part.nbytes for part in parts]).encode() + b"\n")
        for part in parts:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            file.write(part)


def _read_watched(path: Path, owner: int) -> Any:
    """Read a file of another process, and delete it once that process has ended."""
    if owner != os.getpid():
        watch_folder(path.parent)
    return _read(path)


def _read(path: Path) -> Any:
    """Map a file of ``_write`` and unpickle it; arrays are read-only views of the mapping."""
    with path.open("rb") as file:
        sizes = json.loads(file.readline())
        start = file.tell()
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    parts = []
    for size in sizes:
        start += -start % ALIGNMENT
        parts.append(view[start : start + size])
        start += size
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  pickled by ``_write``
