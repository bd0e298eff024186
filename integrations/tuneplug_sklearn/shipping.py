"""What every fit needs, sent to each worker once.

Within this process it is passed as it is.  Other processes of this machine map one file, so that
all of them share the memory of the arrays in it; those are read-only.  A cluster that has a way to
put a value at its workers, as Dask and Ray have, does that.  A worker that cannot see the file is
sent all of it with each job.  Each process unpacks it once.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import tempfile
import uuid
from collections import OrderedDict
from pathlib import Path
from typing import Any

import cloudpickle

__all__ = ["Shipment"]

ALIGNMENT = 64
#: Shipments that a worker keeps: the one in use, and one more for searches that take turns.
N_KEPT = 2

_received: OrderedDict[str, Any] = OrderedDict()


class Shipment:
    """A value that workers open; leaving the context removes its file.

    Parameters
    ----------
    value : object
        Anything that cloudpickle can pickle, or anything at all if it stays in this process.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self._key = uuid.uuid4().hex
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.path: Path | None = None

    def open(self) -> Any:
        """Return the value."""
        return self._value

    def write(self) -> Path:
        """Write the file that workers in other processes map, and return its path.

        Raises
        ------
        OSError
            If there is no room for it; ``JOBLIB_TEMP_FOLDER`` names another place.
        """
        folder = os.environ.get("JOBLIB_TEMP_FOLDER") or None
        self._folder = tempfile.TemporaryDirectory(
            prefix="tuneplug-", dir=folder, ignore_cleanup_errors=True
        )
        path = Path(self._folder.name).resolve() / "shipment"
        _write(path, self._value)
        self.path = path
        return path

    def __enter__(self) -> Shipment:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self.path = None

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if self.path is not None:
            return _Received, (self._key, None, str(self.path))
        content = cloudpickle.dumps(self._value)
        # Out of band, where that is understood: it is then not copied for each job.
        kept: Any = pickle.PickleBuffer(content) if protocol >= 5 else content
        return _Received, (self._key, kept, None)


class _Received:
    """A shipment at its destination; the value is unpacked when it is first opened."""

    def __init__(self, key: str, content: Any, path: str | None) -> None:
        self._key, self._content, self._path = key, content, path

    def open(self) -> Any:
        if self._key not in _received:
            while len(_received) >= N_KEPT:
                _received.popitem(last=False)
            _received[self._key] = self._unpacked()
        _received.move_to_end(self._key)
        return _received[self._key]

    def _unpacked(self) -> Any:
        if self._path is not None:
            return _read(Path(self._path))
        return pickle.loads(self._content)  # noqa: S301  sent by the search itself

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        content = self._content
        if content is not None:
            content = pickle.PickleBuffer(content) if protocol >= 5 else bytes(content)
        return _Received, (self._key, content, self._path)


def _write(path: Path, value: Any) -> None:
    """Pickle with the memory of large arrays out of band (PEP 574), each part aligned."""
    buffers: list[pickle.PickleBuffer] = []
    stream = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(stream), *(buffer.raw() for buffer in buffers)]
    with path.open("wb") as file:
        file.write(json.dumps([part.nbytes for part in parts]).encode() + b"\n")
        for part in parts:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            file.write(part)


def _read(path: Path) -> Any:
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
