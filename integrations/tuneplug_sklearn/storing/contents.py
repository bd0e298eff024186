"""Digests of the content of arrays and sparse matrices, whatever their memory order.

An array is hashed in tiles, so that no copy of it as a whole is made.  The shape of the tiles
depends on the shape of the array only.  Elements are hashed in C order and as little-endian bytes.
All NaN are equal, and so are 0.0 and -0.0.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["Encode", "array_digest", "new_hash", "sparse_digest"]

#: Maximum number of elements of a tile.
TILE = 2**17
#: Number of floats of which the sum is a long double.
N_PIECES = 3

#: Encodes an element of an object array: equal bytes mean equal elements.
Encode = Callable[[Any], bytes]


def new_hash(kind: str) -> hashlib.blake2b:
    """Return a new hash, different for each kind of content."""
    return hashlib.blake2b(digest_size=16, person=kind.encode()[:16])


def array_digest(array: Any, encode: Encode) -> str:
    """Return the digest of the shape, data type and elements of an array.

    Parameters
    ----------
    array : ndarray
    encode : callable
        Called with each element of an object array.
    """
    hashed = new_hash("array")
    if isinstance(array, np.ma.MaskedArray):
        hashed.update(array_digest(np.ma.getmaskarray(array), encode).encode())
        empty: Any = np.zeros((), array.dtype)
        array = array.filled(empty)
    _update(hashed, np.asarray(array), encode)
    return hashed.hexdigest()


def sparse_digest(matrix: Any, encode: Encode) -> str:
    """Return the digest of a sparse matrix, the same for each of scipy's formats.

    Duplicates are summed.  Explicit zeros count, because some estimators take elements that are not
    stored as missing.
    """
    flat = matrix if matrix.ndim == 2 else matrix.tocoo().reshape((1, -1))
    rows = sparse.csr_array(flat)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    hashed = new_hash("sparse")
    _update(hashed, np.array(matrix.shape, dtype=np.int64), encode)
    for part in (rows.indptr, rows.indices):
        _update(hashed, part, encode, np.dtype(np.int64))
    _update(hashed, rows.data, encode)
    return hashed.hexdigest()


def _update(hashed: hashlib.blake2b, array: Any, encode: Encode, dtype: Any = None) -> None:
    """Add an array to a hash, with its elements as ``dtype`` if it is given."""
    dtype = array.dtype if dtype is None else dtype
    hashed.update(f"{dtype.name}{array.shape};".encode())
    if dtype.names is not None:
        for name in dtype.names:
            hashed.update(f"{name!r}:".encode())
            _update(hashed, array[name], encode)
        return
    for tile in _tiles(array):
        if dtype.kind in "OT":
            _update_objects(hashed, tile.ravel().tolist(), encode)
        else:
            for block in _blocks(tile, dtype):
                hashed.update(block)


def _update_objects(hashed: hashlib.blake2b, elements: list[Any], encode: Encode) -> None:
    """Add objects to a hash; texts are added at once."""
    if set(map(type, elements)) == {str}:
        lengths = ",".join(map(str, map(len, elements)))
        hashed.update(f"texts {lengths};{''.join(elements)}".encode(errors="surrogatepass"))
        return
    for element in elements:
        hashed.update(encode(element))


def _tiles(array: Any) -> Iterator[Any]:
    """Yield the parts of an array: blocks of at most ``TILE`` elements."""
    shape = list(array.shape)
    while math.prod(shape) > TILE:
        longest = int(np.argmax(shape))
        shape[longest] = -(-shape[longest] // 2)
    starts = [range(0, n, max(1, of)) for n, of in zip(array.shape, shape, strict=True)]
    for corner in itertools.product(*starts):
        part = (slice(i, i + n) for i, n in zip(corner, shape, strict=True))
        yield array[(*part, ...)]  # an array even without dimensions


def _blocks(tile: Any, dtype: Any) -> Iterator[Any]:
    """Yield buffers with the elements of a tile."""
    if dtype.kind in "USV":
        yield np.ascontiguousarray(tile, dtype.newbyteorder("<")).tobytes()
    elif dtype.kind in "Mm":
        yield _bytes_of(np.ascontiguousarray(tile, dtype.newbyteorder("=")).view(np.int64))
    elif dtype.kind in "biu":
        yield _bytes_of(np.ascontiguousarray(tile, dtype.newbyteorder("=")))
    elif dtype.kind == "c":
        yield from _blocks(tile.real, tile.real.dtype)
        yield from _blocks(tile.imag, tile.imag.dtype)
    else:
        with np.errstate(all="ignore"):
            for floats in [tile] if dtype.itemsize <= 8 else _pieces(tile):
                yield _bytes_of(_canonical(floats))


def _canonical(floats: Any) -> Any:
    """Return a copy with one pattern of bits for all NaN, and one for 0.0 and -0.0."""
    copied = np.add(floats, 0.0, order="C", dtype=floats.dtype.newbyteorder("="))
    missing = np.isnan(copied)
    if missing.any():
        copied[missing] = np.nan
    return copied


def _pieces(wide: Any) -> Iterator[Any]:
    """Yield floats that represent long doubles, whose bytes have padding without meaning."""
    mantissa, exponent = np.frexp(wide)
    yield exponent.astype(np.float64)
    for _ in range(N_PIECES):
        piece = mantissa.astype(np.float64)
        yield piece
        mantissa = mantissa - piece


def _bytes_of(block: Any) -> Any:
    """Return the little-endian bytes of a contiguous array of native numbers."""
    little = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8)
