"""Constraints of trials in both directions: in Optuna they are system attributes of a trial."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from optuna.trial import FrozenTrial

from tuneplug import Trial, TrialState

__all__ = ["constraint_attributes", "constraints_by_name", "set_constraints"]

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


def set_constraints(trials: Iterable[tuple[Trial, dict[str, float]]]) -> int:
    """Set the constraints of trials from those by name; return how many complete ones lack some.

    All trials get the same ones, in the order of their names: those of the first complete trial
    that has any.  The constraints of a trial that has others are unknown.
    """
    trials = list(trials)
    complete = [named for converted, named in trials if converted.state is TrialState.COMPLETE]
    first = next((named for named in complete if named), {})
    names = sorted(first, key=lambda name: (len(name), name))
    for converted, named in trials:
        known = bool(names) and named.keys() == first.keys()
        converted.constraints = tuple(named[name] for name in names) if known else None
    return sum(named.keys() != first.keys() for named in complete)
