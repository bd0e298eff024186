"""Broadcast a value that many jobs share to each worker once.

Within this process, jobs get the value itself.  Other processes of this machine map one file and
share the memory of the arrays in it.  A cluster with ``put``, such as Dask or Ray, stores the value
at its workers.  Any other worker receives the value with each job.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import tempfile
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Broadcast"]

#: Bytes; the start of each array in the file is a multiple of it.
ALIGNMENT = 64
#: Values that a worker keeps: the current one, and one more for searches that take turns.
N_KEPT = 2

_received: OrderedDict[str, Any] = OrderedDict()
_lock = threading.Lock()


class Broadcast:
    """A value among the arguments of many jobs; a job reads its attribute ``value``.

    A ``WorkerPool`` chooses how the value reaches its workers.  Arrays that come from a mapped file
    are read-only for the workers: a job that changes an array must copy it first.  Each worker
    unpickles the file once, so that its jobs share one value.

    Parameters
    ----------
    value : object
        Anything that ``dumps`` can pickle, or any object if it stays in this process.
    dumps : callable, default pickle.dumps
        Pickles the value, with the signature of ``pickle.dumps``; ``pickle.loads`` must read the
        result.  Without a file, a value with the default ``dumps`` is left to the pickler of the
        executor, which may pickle more objects.

    Attributes
    ----------
    path : Path or None
        The file that workers map; None if there is none.

    Notes
    -----
    Leaving the context deletes the file.
    """

    def __init__(self, value: Any, dumps: Callable[..., bytes] = pickle.dumps) -> None:
        self.value = value
        self.path: Path | None = None
        self._dumps = dumps
        self._key = uuid.uuid4().hex
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def write(self) -> Path:
        """Write the file that workers map, and return its path.

        Raises
        ------
        OSError
            If the disk is full.  The environment variable ``JOBLIB_TEMP_FOLDER`` names another
            folder.
        """
        folder = os.environ.get("JOBLIB_TEMP_FOLDER") or None
        self._folder = tempfile.TemporaryDirectory(
            prefix="tuneplug-", dir=folder, ignore_cleanup_errors=True
        )
        path = Path(self._folder.name).resolve() / "broadcast"
        try:
            _write(path, self.value, self._dumps)
        except BaseException:
            self.close()
            raise
        self.path = path
        return path

    def close(self) -> None:
        """Delete the file.  Workers that have read the value can go on using it."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder, self.path = None, None

    def __enter__(self) -> Broadcast:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if self.path is not None:
            return _RemoteBroadcast, (self._key, None, str(self.path))
        if self._dumps is pickle.dumps:
            return Broadcast, (self.value,)
        return _RemoteBroadcast, (self._key, _buffer(self._dumps(self.value), protocol), None)


class _RemoteBroadcast:
    """A broadcast at a worker; the value is unpickled when it is first read."""

    def __init__(self, key: str, content: Any, path: str | None) -> None:
        self._key, self._content, self._path = key, content, path

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
        if self._path is not None:
            return _read(Path(self._path))
        return pickle.loads(self._content)  # noqa: S301  sent by the search itself

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        content = None if self._content is None else _buffer(self._content, protocol)
        return _RemoteBroadcast, (self._key, content, self._path)


def _buffer(content: Any, protocol: int) -> Any:
    """Return bytes that picklers with out-of-band buffers do not copy for each job (PEP 574)."""
    return pickle.PickleBuffer(content) if protocol >= 5 else bytes(content)


def _write(path: Path, value: Any, dumps: Callable[..., bytes]) -> None:
    """Pickle with the memory of large arrays out of band (PEP 574), each part aligned."""
    buffers: list[pickle.PickleBuffer] = []
    stream = dumps(value, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(stream), *(buffer.raw() for buffer in buffers)]
    with path.open("wb") as file:
        file.write(json.dumps([part.nbytes for part in parts]).encode() + b"\n")
        for part in parts:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            file.write(part)


def _read(path: Path) -> Any:
    """Map a file of ``_write``; the arrays of the value are read-only views of the mapping."""
    with path.open("rb") as file:
        sizes = json.loads(file.readline())
        start = file.tell()
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    parts = []
    for size in sizes:
        start += -start % ALIGNMENT
        parts.append(view[start : start + size])
        start += size
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  written by the search itself
