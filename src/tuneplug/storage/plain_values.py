"""Values that can be restored from JSON exactly: numbers, text, and containers of these.

None, booleans, integers, finite floats and strings are their own JSON values.  Others are an object
with one key, which names the type: ``{"float": "nan"}``, ``{"tuple": [50, 50]}``,
``{"numpy.float32": 0.5}``.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["plain_document", "plain_value"]

#: Maximum depth of containers in each other.
MAX_DEPTH = 20
#: Texts of the floats that JSON does not have.
FLOATS: Mapping[str, float] = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
#: Scalar types of NumPy, by name.
SCALARS: Mapping[str, Any] = {
    f"numpy.{name}": getattr(np, name)
    for name in (
        *("bool_", "str_", "float16", "float32", "float64"),
        *("int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64"),
    )
}
NAMES: Mapping[Any, str] = {kind: name for name, kind in SCALARS.items()}


def plain_document(value: Any, depth: int = 0) -> Any:
    """Return the JSON value of a plain value.

    Raises
    ------
    TypeError
        If the value or a part of it has another type, or contains itself.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind in NAMES:
        return {NAMES[kind]: plain_document(value.item(), depth)}
    if depth >= MAX_DEPTH:
        raise _not_plain(value)
    if kind in (list, tuple):
        return {kind.__name__: [plain_document(part, depth + 1) for part in value]}
    if kind is dict:
        return {"dict": [plain_document(pair, depth + 1)["tuple"] for pair in value.items()]}
    raise _not_plain(value)


def plain_value(document: Any, depth: int = 0) -> Any:
    """Return the plain value of its JSON value.

    Raises
    ------
    ValueError
        If ``plain_document`` returns no such JSON value.
    """
    if document is None or type(document) in (bool, int, str):
        return document
    if type(document) is float and math.isfinite(document):
        return document
    if type(document) is not dict or len(document) != 1 or depth > MAX_DEPTH:
        raise _invalid(document)
    ((kind, content),) = document.items()
    if kind in SCALARS:
        return _scalar(SCALARS[kind], plain_value(content, depth + 1), document)
    read = CONTAINERS.get(kind)
    if read is None:
        raise _invalid(document)
    return read(content, depth + 1)


def _scalar(kind: Any, content: Any, document: Any) -> Any:
    try:
        value = kind(content)
    except (TypeError, ValueError, OverflowError):
        raise _invalid(document) from None
    same = type(value.item()) is type(content)
    if not same or (value.item() != content and content == content):
        raise _invalid(document)
    return value


def _float(content: Any, depth: int) -> float:
    if type(content) is not str or content not in FLOATS:
        raise _invalid(content)
    return FLOATS[content]


def _list(content: Any, depth: int) -> list[Any]:
    if type(content) is not list:
        raise _invalid(content)
    return [plain_value(part, depth) for part in content]


def _tuple(content: Any, depth: int) -> tuple[Any, ...]:
    return tuple(_list(content, depth))


def _dict(content: Any, depth: int) -> dict[Any, Any]:
    if type(content) is not list or not all(type(p) is list and len(p) == 2 for p in content):
        raise _invalid(content)
    try:
        found = dict(_list(pair, depth) for pair in content)
    except TypeError:  # a key without a hash
        raise _invalid(content) from None
    if len(found) < len(content):
        raise _invalid(content)
    return found


CONTAINERS: Mapping[str, Callable[[Any, int], Any]] = {
    "float": _float,
    "list": _list,
    "tuple": _tuple,
    "dict": _dict,
}


def _not_plain(value: Any) -> TypeError:
    return TypeError(f"only plain values can be restored, but got a {type(value).__name__}")


def _invalid(document: Any) -> ValueError:
    return ValueError(
        "a plain value must be a number, text, true, false, null or an object that names a type, "
        f"but got {reprlib.repr(document)}"
    )
