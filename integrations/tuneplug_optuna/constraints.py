"""Constraints of trials in both directions: in Optuna they are system attributes of a trial."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from tuneplug import Trial, TrialState

__all__ = [
    "constraint_attributes",
    "constraints_by_name",
    "set_constraints",
    "shared_names",
    "values_of",
]

#: Name of the attribute with all values in order, and its prefix with the name of one value.
KEY = "constraints"
MAX = sys.float_info.max


def constraint_attributes(trial: Trial) -> dict[str, Any]:
    """Return the system attributes of an Optuna trial with the constraints of a trial."""
    return {} if trial.constraints is None else {KEY: list(trial.constraints)}


def constraints_by_name(frozen: FrozenTrial) -> dict[str, float]:
    """Return the constraints of an Optuna trial by name; those of a list are named 0, 1, ...

    Infinite values become the largest finite ones.
    """
    attributes = frozen.system_attrs
    found = {str(number): value for number, value in enumerate(attributes.get(KEY) or ())}
    prefix = f"{KEY}:"
    found |= {
        name.removeprefix(prefix): value
        for name, value in attributes.items()
        if name.startswith(prefix)
    }
    return {name: min(max(float(value), -MAX), MAX) for name, value in found.items()}


def shared_names(complete: Iterable[Mapping[str, float]]) -> list[str]:
    """Return the names of the constraints of the first complete trial that has any, in order."""
    first = next((named for named in complete if named), {})
    return sorted(first, key=lambda name: (len(name), name))


def values_of(named: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...] | None:
    """Return the constraints of a trial in the order of the names; None if it has others."""
    return tuple(named[n] for n in names) if names and named.keys() == set(names) else None


def set_constraints(trials: Iterable[tuple[Trial, dict[str, float]]]) -> int:
    """Set the constraints of trials from those by name; return how many complete ones lack some.

    All trials get the same ones, in the order of their names: those of the first complete trial
    that has any.  The constraints of a trial that has others are unknown.
    """
    trials = list(trials)
    complete = [named for converted, named in trials if converted.state is TrialState.COMPLETE]
    names = shared_names(complete)
    for converted, named in trials:
        converted.constraints = values_of(named, names)
    return sum(named.keys() != set(names) for named in complete)
