"""Digests of the code of functions, the same in every process of a Python version."""

from __future__ import annotations

import sys
import types
from typing import Any

from tuneplug_sklearn.storing.contents import new_hash

__all__ = ["CODE_TEXT", "code_digest", "has_own_code", "qualified_name"]

#: Start of the text that describes code; the version of Python follows.
CODE_TEXT = "code of Python "
#: Packages whose functions are compared by name: their versions are kept.
RELEASED = frozenset(
    (
        *("catboost", "joblib", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "skorch"),
        *("torch", "tuneplug", "xgboost"),
    )
)
#: Parts of a code object that decide what it does.
NUMBERS = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags")
NAMES = ("co_names", "co_varnames", "co_freevars", "co_cellvars")
BYTES = ("co_code", "co_exceptiontable")


def qualified_name(named: Any) -> str:
    """Return the name of a class or function with its module."""
    module = getattr(named, "__module__", None) or "builtins"
    return f"{module}.{getattr(named, '__qualname__', None) or named.__name__}"


def has_own_code(function: Any) -> bool:
    """Return whether a function may change without a new version of a released package."""
    top = str(getattr(function, "__module__", None)).partition(".")[0]
    if top == "__main__" or "<locals>" in getattr(function, "__qualname__", ""):
        return True  # what a function returns may have a closure
    released = top in RELEASED or top.startswith("tuneplug_")
    return not released and top not in sys.stdlib_module_names


def code_digest(code: types.CodeType) -> str:
    """Return the digest of code: bytecode, names and constants, with the code inside.

    File names and line numbers do not count.
    """
    hashed = new_hash("code")
    for name in (*NUMBERS, *NAMES, *BYTES):
        hashed.update(f"{name}={getattr(code, name)!r};".encode(errors="surrogatepass"))
    hashed.update(_constant(code.co_consts).encode(errors="surrogatepass"))
    return hashed.hexdigest()


def _constant(value: Any) -> str:
    """Return a text of a constant; the order of the elements of a set does not count."""
    if isinstance(value, types.CodeType):
        return f"code {code_digest(value)}"
    if isinstance(value, tuple):
        return f"({','.join(map(_constant, value))})"
    if isinstance(value, frozenset):
        return f"frozenset({','.join(sorted(map(_constant, value)))})"
    return f"{type(value).__name__} {value!r}"
