"""Encode settings and records as JSON text, and check the text when it is read.

A sealed text has a checksum as its last key.  The checksum covers the text and the place of the
text in the storage.  A text without a checksum is accepted: a person may have edited it.
"""

from __future__ import annotations

import json
import reprlib
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from tuneplug.errors import StorageError, safe_repr
from tuneplug.storage.base import TrialRecord

__all__ = ["check_attributes", "decode", "encode", "seal", "unseal"]

#: Key of the checksum.
CHECKSUM = "crc32"


def encode(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text, in ASCII.

    Raises
    ------
    StorageError
        If JSON has no value for a part of the document.
    """
    try:
        return json.dumps(document)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StorageError(
            f"a record must have JSON values, but that with the keys "
            f"{reprlib.repr(list(document))} has others: {error}; give the trial "
            "numbers, strings, booleans and None"
        ) from error


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Raise StorageError, with the name, if JSON has no name or value for an attribute."""
    for name, value in attributes.items():
        try:
            json.dumps({name: value})
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise StorageError(
                f"attributes must be JSON values, but {name!r} is {safe_repr(value)}: {error}; "
                "give numbers, strings, booleans, None, or lists and dicts of them"
            ) from error
    for name in _names(attributes):
        if not isinstance(name, str):
            raise StorageError(
                f"names in attributes must be strings, but got {safe_repr(name)}: JSON would make "
                "it one, so put it in quotes"
            )


def _names(value: Any) -> Iterator[Any]:
    """Yield the keys of nested dicts."""
    if isinstance(value, Mapping):
        yield from value
    if isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _names(part)


def decode(text: Any) -> TrialRecord:
    """Return the document of a JSON text.

    Raises
    ------
    ValueError
        If the text is not the JSON text of a dict.
    """
    if not isinstance(text, str):
        raise ValueError(f"a record must be JSON text, but got {reprlib.repr(text)}")
    try:
        document = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"a record must be JSON text, but got {reprlib.repr(text)}: {error}"
        ) from None
    if not isinstance(document, dict):
        raise ValueError(f"a record must be a JSON object, but got {reprlib.repr(text)}")
    return document


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the dict of an object in JSON; ValueError if a key is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"keys must be distinct, but got {reprlib.repr([k for k, _ in pairs])}")
    return found


def seal(document: Mapping[str, Any], *place: str | int) -> str:
    """Return the JSON text of a document with the checksum of the text and its place."""
    text = encode(document)
    separator = ", " if document else ""
    return f'{text[:-1]}{separator}"{CHECKSUM}": {_checksum(text, place)}}}'


def unseal(text: Any, *place: str | int) -> TrialRecord:
    """Return the document of a sealed text.

    Raises
    ------
    ValueError
        If the text is not the JSON text of a dict, or has another checksum.
    """
    document = decode(text)
    if CHECKSUM in document:
        stored = document.pop(CHECKSUM)
        expected = _checksum(json.dumps(document), place)
        if type(stored) is not int or stored != expected:
            raise ValueError(
                f"a record must be as it was written, with {CHECKSUM}={expected}, but it has "
                f"{CHECKSUM}={reprlib.repr(stored)}"
            )
    return document


def _checksum(text: str, place: tuple[str | int, ...]) -> int:
    return zlib.crc32("\0".join([*map(str, place), text]).encode(errors="surrogatepass"))
