"""The keys by which categories are stored: a ``repr``, or the qualified name of a function.

A key must be unique among the categories of a parameter, and the same in every process.
"""

from __future__ import annotations

import ast
import gc
import json
import types
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tuneplug.errors import SpaceError
from tuneplug.space import SearchSpace
from tuneplug.space.categorical import Categorical

__all__ = ["categories_of", "check_categories", "repr_key", "to_json"]

#: Start of the address in the ``repr`` of an object; it differs between processes.
ADDRESS = " at 0x"
#: Maximum number of objects inside a category that are searched for sets.
MAX_OBJECTS = 10_000
#: Maximum number of opening braces in a key that are searched for sets.
MAX_BRACES = 100
#: Objects that a ``repr`` names without their content.
NAMED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def check_categories(space: SearchSpace) -> None:
    """Check that the key of each category is unique and the same in every process.

    Raises
    ------
    SpaceError
        If a key cannot be made or stored, contains an address, depends on hashing, or is that of
        another category of the parameter.
    """
    for name in dict.fromkeys(name for subspace in space.subspaces for name in subspace):
        distinct = Categorical(list(categories_of(name, space))).values
        stored = [_checked_json(name, value) for value in distinct]
        keyed = [(value, k["repr"]) for value, k in zip(distinct, stored, strict=True) if _keyed(k)]
        counts = Counter(key for _, key in keyed)
        if ambiguous := {key for key, n in counts.items() if ADDRESS in key or n > 1}:
            raise SpaceError(
                "categories in a storage need a unique repr that is the same in every process, "
                f"but {name!r} has {sorted(ambiguous)}: give their class a __repr__, or declare "
                "names and look them up in the objective"
            )
        if hashed := [key for value, key in keyed if _depends_on_hashing(value, key)]:
            raise SpaceError(
                "categories in a storage need a unique repr that is the same in every process, "
                f"but {name!r} has {hashed}, with the elements of a set in an order that differs "
                "between processes: use sorted lists or tuples, or declare names and look them up "
                "in the objective"
            )


def _keyed(stored: Any) -> bool:
    return isinstance(stored, dict)


def _checked_json(name: str, value: Any) -> Any:
    """Return the JSON value of a category, which can be stored."""
    try:
        stored = to_json(value)
        json.dumps(stored)
    except Exception as error:  # a __repr__ may raise anything
        raise SpaceError(
            "categories in a storage need a repr that can be stored, but that of a category of "
            f"{name!r}, of type {type(value).__name__}, raises {type(error).__name__}: declare "
            "names and look them up in the objective"
        ) from error
    return stored


def to_json(value: Any) -> Any:
    """Return the JSON value of a parameter value: itself if it is plain, otherwise its key."""
    plain = value is None or type(value) in (bool, int, float, str)
    return value if plain else {"repr": repr_key(value)}


def repr_key(value: Any) -> str:
    """Return the key of a category."""
    key = repr(value)
    if ADDRESS in key and hasattr(value, "__qualname__"):  # a function
        return f"{value.__module__}.{value.__qualname__}"
    return key


def categories_of(name: str, space: SearchSpace) -> Iterator[Any]:
    """Yield the categories of a parameter, in all sub-spaces."""
    for subspace in space.subspaces:
        parameter = subspace.get(name)
        if isinstance(parameter, Categorical):
            yield from parameter.values


def _depends_on_hashing(value: Any, key: str) -> bool:
    """Return whether a key shows two or more elements of a set, whose order is that of hashes."""
    return _shows_a_set(key) or any(repr(found) in key for found in _sets_inside(value))


def _shows_a_set(key: str) -> bool:
    """Return whether a part of a key in braces is a set of two or more elements."""
    starts = [i for i, character in enumerate(key) if character == "{"][:MAX_BRACES]
    return any(_is_a_set(_in_braces(key[start:])) for start in starts)


def _in_braces(text: str) -> str:
    """Return the start of a text up to the brace that closes its first one."""
    depth = 0
    for end, character in enumerate(text, 1):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[:end]
    return text


def _is_a_set(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as an invalid escape in a string
            tree = ast.parse(code, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Set) and len(node.elts) > 1 for node in ast.walk(tree))


def _sets_inside(value: Any) -> Iterator[Any]:
    """Yield the sets of two or more elements that a category consists of."""
    pending, seen = [value], {id(value)}
    while pending and len(seen) < MAX_OBJECTS:
        found = pending.pop()
        if isinstance(found, (set, frozenset)) and len(found) > 1:
            yield found
        for inner in gc.get_referents(found):
            if id(inner) not in seen and not isinstance(inner, NAMED):
                seen.add(id(inner))
                pending.append(inner)
