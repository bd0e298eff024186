"""Validate declared search spaces: convert them to parameters, or raise with all errors.

This module also computes relations of parameters and of sub-spaces: the points of a parent that
activate a conditional parameter, an order with parents before their children, and whether two
sub-spaces can contain the same configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tuneplug.errors import SpaceError, did_you_mean
from tuneplug.space.categorical import Categorical
from tuneplug.space.distributions import as_parameter
from tuneplug.space.parameters import Parameter

__all__ = ["INACTIVE_COORDINATE", "condition_points", "may_overlap", "parents_first", "parse_space"]

#: Coordinate of an inactive parameter.
INACTIVE_COORDINATE = 0.5


def parse_space(declared: Any) -> list[dict[str, Parameter]]:
    """Convert a declaration to sub-spaces of parameters; raise a SpaceError with all errors."""
    subspaces = [declared] if isinstance(declared, Mapping) else declared
    if isinstance(subspaces, (str, bytes)) or not isinstance(subspaces, Sequence) or not subspaces:
        raise SpaceError(
            "a search space must be a mapping of names to parameters, or a list of them, "
            f"but got {declared!r}: declare, for example, {{'x': Float(0, 1)}}"
        )
    errors: list[str] = []
    result = []
    for number, subspace in enumerate(subspaces):
        prefix = f"[{number}] " if len(subspaces) > 1 else ""
        if not isinstance(subspace, Mapping):
            errors.append(
                f"{prefix}must be a mapping of names to parameters, but got {subspace!r}: declare, "
                "for example, {'x': Float(0, 1)}"
            )
            continue
        sound, found = _check_subspace(subspace)
        errors += [prefix + error for error in found]
        result.append(sound)
    if errors:
        count = f"{len(errors)} error" + "s" * (len(errors) > 1)
        raise SpaceError(f"the search space has {count}:\n" + "\n".join(f"  - {f}" for f in errors))
    return result


def _check_subspace(subspace: Mapping[str, Any]) -> tuple[dict[str, Parameter], list[str]]:
    parsed: dict[str, Parameter] = {}
    sound: dict[str, Parameter] = {}
    errors: list[str] = []
    for name, declared in subspace.items():
        if not isinstance(name, str):
            errors.append(f"names must be strings, but got {name!r}: put it in quotes")
            continue
        try:
            parameter = as_parameter(declared)
        except ValueError as error:
            errors.append(f"{name}: {error}")
            continue
        parsed[name] = parameter
        if found := parameter.errors():
            errors += [f"{name}: {error}" for error in found]
        else:
            sound[name] = parameter
    names = list(map(str, subspace))
    for name, parameter in parsed.items():
        found = _condition_errors(parameter, names, sound)
        errors += [f"{name}: {error}" for error in found]
    if cycle := set(parsed) - set(parents_first(parsed)):
        errors.append(f"`when=` must not be circular, but is: {sorted(cycle)}")
    return sound, errors


def _condition_errors(
    parameter: Parameter, names: Collection[str], sound: Mapping[str, Parameter]
) -> list[str]:
    when: Any = parameter.when  # not checked yet
    if when is None:
        return []
    if not isinstance(when, Mapping):
        got = f"got {when!r}: declare, for example, when={{'kernel': ['rbf']}}"
        return [f"when= must map parameter names to lists of values, but {got}"]
    errors = []
    for parent, values in when.items():
        if parent not in names:
            errors.append(
                f"when= names {parent!r}, which is not a parameter of this space"
                f"{did_you_mean(parent, names)}"
            )
        elif isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not values:
            empty = isinstance(values, Sequence) and not values
            cure = "add a value, or leave when= out" if empty else "put it in a list"
            errors.append(f"when[{parent!r}] must be a list of values, but got {values!r}: {cure}")
        elif parent not in sound:
            continue  # its own errors are reported
        elif not sound[parent].distinct:
            errors.append(
                f"when= needs a parameter with distinct values, but {parent!r} is continuous"
            )
        else:
            try:
                if not condition_points(sound[parent], values):
                    errors.append(
                        f"when[{parent!r}] must contain the constant {parent!r}, but got {values!r}"
                    )
            except ValueError as error:
                errors.append(f"when[{parent!r}]: {error}")
    return errors


def condition_points(parent: Parameter, values: Sequence[Any]) -> list[float]:
    """Return the points of the values on the axis of a parent.

    If the parent is a constant, the result is one point if it is among the values, or none.
    """
    if parent.size > 1:
        points: list[float] = parent.snap(parent.to_unit(values)).tolist()
        return points
    constant = Categorical([parent.from_unit(np.array([INACTIVE_COORDINATE]))[0]])
    matching = [value for value in values if constant.contains(value)]
    return [INACTIVE_COORDINATE] if matching else []


def parents_first(subspace: Mapping[str, Parameter]) -> list[str]:
    """Return the names with parents before their children; names in a cycle are omitted."""
    parents = {
        name: [p for p in parameter.when if p in subspace]
        for name, parameter in subspace.items()
        if isinstance(parameter.when, Mapping)
    }
    ordered: list[str] = []
    waiting = list(subspace)
    while waiting:
        ready = [n for n in waiting if all(p in ordered for p in parents.get(n, []))]
        if not ready:
            break
        ordered += ready
        waiting = [n for n in waiting if n not in ready]
    return ordered


def may_overlap(a: Mapping[str, Parameter], b: Mapping[str, Parameter]) -> bool:
    """Return False only if no configuration is in both sub-spaces."""
    always_a, always_b = ({n for n, p in x.items() if not p.when} for x in (a, b))
    if not (always_a <= set(b) and always_b <= set(a)):
        return False
    return all(_may_meet(a[n], b[n]) and _may_meet(b[n], a[n]) for n in always_a & always_b)


def _may_meet(a: Parameter, b: Parameter) -> bool:
    """Return whether a category of ``a``, or its constant value, may be a value of ``b``."""
    if isinstance(a, Categorical):
        return any(map(b.contains, a.values))
    return a.size > 1 or b.contains(a.from_unit(np.array([INACTIVE_COORDINATE]))[0])
