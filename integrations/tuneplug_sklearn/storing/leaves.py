"""Leaves of a description: texts, and digests of what is too long for a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tuneplug_sklearn.storing.code import CODE_TEXT
from tuneplug_sklearn.storing.contents import new_hash

__all__ = [
    "MAX_TEXT",
    "Description",
    "Leaf",
    "digest_of",
    "plain_leaf",
    "same_leaf",
    "shape_text",
    "text_leaf",
]

#: A text, or a text and a digest.
Leaf = str | list[str]
#: Leaves by path.
Description = dict[str, Leaf]

#: Number of characters of the longest text that is shown in full.
MAX_TEXT = 200
#: Number of characters of a longer text that are shown.
MAX_START = 60


def plain_leaf(value: Any) -> Leaf:
    """Return a number, a string or None as a leaf."""
    if isinstance(value, int) and abs(value) >= 2**64:
        return text_leaf(hex(value))  # decimal digits are limited
    return text_leaf(repr(value))


def text_leaf(text: str) -> Leaf:
    """Return a text as a leaf; the beginning and a digest of a long one."""
    return text if len(text) <= MAX_TEXT else [f"{text[:MAX_START]}...", digest_of([text])]


def shape_text(array: Any) -> str:
    """Return the shape and the data type of an array as a text."""
    name = array.dtype.name
    if array.ndim == 1:
        return f"{array.shape[0]} values of {name}"
    if array.ndim == 2:
        return f"{array.shape[0]} rows x {array.shape[1]} columns of {name}"
    return f"array of shape {array.shape} of {name}"


def digest_of(parts: Iterable[str]) -> str:
    """Return one digest of several texts; their order counts."""
    hashed = new_hash("parts")
    for part in parts:
        text = part.encode(errors="surrogatepass")
        hashed.update(b"%d:%b" % (len(text), text))
    return hashed.hexdigest()


def same_leaf(stored: Leaf | None, current: Leaf | None) -> bool:
    """Return whether two leaves are the same; code of different Pythons cannot be compared."""
    if stored == current:
        return True
    texts = [leaf[0] for leaf in (stored, current) if isinstance(leaf, list)]
    compiled = [text for text in texts if text.startswith(CODE_TEXT)]
    return len(compiled) == 2 and compiled[0] != compiled[1]
