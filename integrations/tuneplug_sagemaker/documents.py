"""Take values out of nested documents, and put them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["put", "take"]

Path = Sequence[str | int]


def take(document: Any, path: Path) -> Any:
    """Remove and return a value; leave an empty mapping or list, and return None as for no value.

    Mappings that become empty are removed; what was empty before stays.
    """
    key, *rest = path
    if isinstance(document, dict) and key not in document:
        return None
    if not rest:
        return None if document[key] in ({}, []) else document.pop(key)
    inner = document[key]
    found = take(inner, rest)
    if found is not None and inner == {}:
        del document[key]
    return found


def put(document: Any, path: Path, value: Any) -> None:
    """Set a value, and create the mappings above it."""
    *above, last = path
    for key in above:
        document = document[key] if isinstance(key, int) else document.setdefault(key, {})
    document[last] = value
