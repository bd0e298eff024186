"""Which parts of an object its description has, and under which names."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["has_effect", "is_filled", "is_frozen_distribution", "named_element", "states_of"]

#: Parameters of estimators that change no result.
WITHOUT_EFFECT = frozenset(("n_jobs", "pre_dispatch", "verbose"))
#: Parameters of a search of this package that belong to the process.
OF_PROCESS = frozenset(("callbacks", "executor", "plugins", "resume", "storage", "study_name"))


def named_element(number: int, part: Any) -> tuple[str, Any]:
    """Return the path of an element of a list, and what is described there.

    A tuple of a name and an estimator, such as a step of a pipeline, has the path of the name.
    """
    if type(part) is tuple and len(part) > 1 and type(part[0]) is str and part[0].isidentifier():
        return f".{part[0]}", part[1] if len(part) == 2 else part[1:]
    return f"[{number}]", part


def is_filled(cell: Any) -> bool:
    """Return whether the variable of a closure has a value."""
    try:
        _ = cell.cell_contents
    except ValueError:  # the variable is not assigned yet
        return False
    return True


def states_of(state: Any) -> tuple[Any, ...]:
    """Return the parts of a state: of an object with slots there are two."""
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        return state
    return (state,)


def is_frozen_distribution(value: Any) -> bool:
    """Return whether a value is one of scipy's distributions with its arguments."""
    distribution = getattr(value, "dist", None)
    if distribution is None or not hasattr(value, "args") or not hasattr(value, "kwds"):
        return False
    named = getattr(sys.modules.get("scipy.stats"), str(getattr(distribution, "name", None)), None)
    return named is not None and type(named) is type(distribution)


def has_effect(kind: type, name: str, value: Any) -> bool:
    """Return whether a parameter of an estimator can change a result."""
    if name == "memory":
        return not (value is None or isinstance(value, str) or hasattr(value, "cache"))
    if kind.__module__.startswith("tuneplug_sklearn.") and name in OF_PROCESS:
        return False
    return name not in WITHOUT_EFFECT
