"""Encode the row numbers of folds as compact text, and decode them.

A part of a fold is stored as a mask of the rows if its row numbers ascend, or as a list of the
smallest unsigned integers, whichever has fewer bytes before compression.  A training part that has
all other rows in ascending order is not stored.  The folds are in the order of their numbers.
"""

from __future__ import annotations

import base64
import binascii
import reprlib
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Folds", "decode_folds", "encode_folds"]

Rows = NDArray[np.intp]
Folds = list[tuple[Rows, Rows]]

MASK, REST = "mask", "rest"
#: Data types of lists of row numbers by name, the smallest first.
UNSIGNED = {name: np.dtype(name).newbyteorder("<") for name in ("uint8", "uint16", "uint32")}


def encode_folds(folds: Sequence[tuple[Any, Any]], n_rows: int) -> dict[str, Any]:
    """Return folds as JSON values.

    Parameters
    ----------
    folds : sequence of (train, test)
        Row numbers.  Negative ones, which count from the end, are stored as positive ones.
    n_rows : int
        Number of rows of the data.

    Raises
    ------
    ValueError
        If a row number is out of range or no integer, or there are too many rows.
    """
    if not 0 < n_rows <= 2**32:
        raise ValueError(f"stored folds must have 1 to 2**32 rows, but got {n_rows}")
    return {"n_rows": n_rows, "folds": [_encode_fold(fold, n_rows) for fold in folds]}


def _encode_fold(fold: tuple[Any, Any], n_rows: int) -> list[Any]:
    """Return training part and test part as JSON values."""
    train, test = (_checked_rows(rows, n_rows) for rows in fold)
    others = np.array_equal(train, _other_rows(test, n_rows))
    return [REST if others else _encode_rows(train, n_rows), _encode_rows(test, n_rows)]


def _checked_rows(rows: Any, n_rows: int) -> Rows:
    found = np.asarray(rows)
    if found.size == 0:
        return np.empty(0, dtype=np.intp)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(f"rows of a fold must be row numbers, but got {reprlib.repr(rows)}")
    if found.min() < -n_rows or found.max() >= n_rows:
        raise ValueError(
            f"row numbers must be below the number of rows, {n_rows}, but got {found.min()} to "
            f"{found.max()}"
        )
    found = found.astype(np.intp)
    return np.where(found < 0, found + n_rows, found)


def _other_rows(rows: Rows, n_rows: int) -> Rows:
    others = np.ones(n_rows, dtype=bool)
    others[rows] = False
    return np.flatnonzero(others)


def _encode_rows(rows: Rows, n_rows: int) -> list[Any]:
    """Return the kind of encoding, the number of rows and the compressed text."""
    name = next(name for name, kind in UNSIGNED.items() if n_rows - 1 <= np.iinfo(kind).max)
    listed = rows.astype(UNSIGNED[name])
    if listed.nbytes > -(-n_rows // 8) and (rows[1:] > rows[:-1]).all():
        mask = np.zeros(n_rows, dtype=bool)
        mask[rows] = True
        return [MASK, len(rows), _compress(np.packbits(mask).tobytes())]
    return [name, len(rows), _compress(listed.tobytes())]


def _compress(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


# ------------------------------------------------------------------ decode


def decode_folds(document: Any, n_rows: int) -> Folds:
    """Return the folds that were encoded, with row numbers of type ``intp``.

    Parameters
    ----------
    document : object
        Result of ``encode_folds``, after JSON.
    n_rows : int
        Number of rows of the data.

    Raises
    ------
    ValueError
        If the document is not what ``encode_folds`` returns for data with as many rows.
    """
    if type(document) is not dict or document.keys() != {"n_rows", "folds"}:
        raise _not_folds(document)
    if type(document["n_rows"]) is not int or document["n_rows"] != n_rows:
        raise ValueError(
            f"stored folds must be of data with {n_rows} rows, but are of "
            f"{reprlib.repr(document['n_rows'])} rows"
        )
    if type(document["folds"]) is not list or not document["folds"]:
        raise _not_folds(document)
    return [_decode_fold(fold, n_rows) for fold in document["folds"]]


def _decode_fold(fold: Any, n_rows: int) -> tuple[Rows, Rows]:
    if type(fold) is not list or len(fold) != 2:
        raise _not_folds(fold)
    test = _decode_rows(fold[1], n_rows)
    return (_other_rows(test, n_rows) if fold[0] == REST else _decode_rows(fold[0], n_rows)), test


def _decode_rows(part: Any, n_rows: int) -> Rows:
    if type(part) is not list or list(map(type, part)) != [str, int, str]:
        raise _not_folds(part)
    kind, count, text = part
    if count < 0 or kind not in (MASK, *UNSIGNED):
        raise _not_folds(part)
    if kind != MASK:
        data = _decompress(text, count * UNSIGNED[kind].itemsize)
        return _in_range(np.frombuffer(data, dtype=UNSIGNED[kind]).astype(np.intp), n_rows)
    bits = np.unpackbits(np.frombuffer(_decompress(text, -(-n_rows // 8)), dtype=np.uint8))
    rows = _in_range(np.flatnonzero(bits), n_rows)
    if len(rows) != count:
        raise ValueError(f"a mask of {count} rows must have as many bits, but has {len(rows)}")
    return rows


def _in_range(rows: Rows, n_rows: int) -> Rows:
    if len(rows) and rows.max() >= n_rows:
        raise ValueError(f"row numbers must be below {n_rows}, but got {rows.max()}")
    return rows


def _decompress(text: str, size: int) -> bytes:
    """Return the bytes of a compressed text; no more than their stated size is decompressed."""
    try:
        compressed = base64.b64decode(text, validate=True)
        stream = zlib.decompressobj()
        data = stream.decompress(compressed, size + 1)
    except (binascii.Error, ValueError, OverflowError, zlib.error) as error:
        raise ValueError(
            f"rows of a fold must be compressed, but got {reprlib.repr(text)}: {error}"
        ) from None
    if len(data) != size or not stream.eof or stream.unused_data:
        raise ValueError(f"rows of a fold must have {size} bytes, but got {reprlib.repr(text)}")
    return data


def _not_folds(document: Any) -> ValueError:
    return ValueError(
        "stored folds must be a training part and a test part for each fold, but got "
        f"{reprlib.repr(document)}"
    )
