"""Declarations of a search space: turned into parameters, or refused with every fault in them.

Also what two parameters or two branches have to do with each other: which values of a parent switch
a conditional parameter on, in which order they must be decided, and whether two branches could hold
one and the same setting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tuneplug.categorical import Categorical
from tuneplug.distributions import as_parameter
from tuneplug.errors import SpaceError
from tuneplug.parameters import Parameter

__all__ = ["REST", "checked_branches", "may_overlap", "parents_first", "positions"]

#: Where the coordinate of an inactive parameter rests.
REST = 0.5


def checked_branches(declared: Any) -> list[dict[str, Parameter]]:
    """Turn a declaration into branches of parameters, or raise with every fault in it."""
    branches = [declared] if isinstance(declared, Mapping) else declared
    if isinstance(branches, (str, bytes)) or not isinstance(branches, Sequence) or not branches:
        raise SpaceError(
            "a search space must be a mapping of names to parameters, or a list of them, "
            f"but got {declared!r}"
        )
    faults: list[str] = []
    result = []
    for number, branch in enumerate(branches):
        prefix = f"[{number}] " if len(branches) > 1 else ""
        if not isinstance(branch, Mapping):
            faults.append(f"{prefix}a mapping of names to parameters is needed, got {branch!r}")
            continue
        sound, found = _check_branch(branch)
        faults += [prefix + fault for fault in found]
        result.append(sound)
    if faults:
        count = f"{len(faults)} fault" + "s" * (len(faults) > 1)
        raise SpaceError(f"the search space has {count}:\n" + "\n".join(f"  - {f}" for f in faults))
    return result


def _check_branch(branch: Mapping[str, Any]) -> tuple[dict[str, Parameter], list[str]]:
    parsed: dict[str, Parameter] = {}
    sound: dict[str, Parameter] = {}
    faults: list[str] = []
    for name, declared in branch.items():
        if not isinstance(name, str):
            faults.append(f"names must be strings, but got {name!r}")
            continue
        try:
            parameter = as_parameter(declared)
        except ValueError as error:
            faults.append(f"{name}: {error}")
            continue
        parsed[name] = parameter
        if found := parameter.faults():
            faults += [f"{name}: {fault}" for fault in found]
        else:
            sound[name] = parameter
    for name, parameter in parsed.items():
        found = _condition_faults(parameter, set(branch), sound)
        faults += [f"{name}: {fault}" for fault in found]
    if circle := set(parsed) - set(parents_first(parsed)):
        faults.append(f"`when=` must not go in a circle: {sorted(circle)}")
    return sound, faults


def _condition_faults(
    parameter: Parameter, names: Collection[str], sound: Mapping[str, Parameter]
) -> list[str]:
    when: Any = parameter.when  # as declared: not checked yet
    if when is None:
        return []
    if not isinstance(when, Mapping):
        return [f"when= must map parameter names to lists of values, but got {when!r}"]
    faults = []
    for parent, values in when.items():
        if parent not in names:
            faults.append(f"when= names {parent!r}, which is not a parameter of this space")
        elif isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not values:
            faults.append(f"when[{parent!r}] must be a list of values, but got {values!r}")
        elif parent not in sound:
            continue  # reported by itself, and nothing can be said about its values
        elif not sound[parent].distinct:
            faults.append(
                f"when= needs a parameter with distinct values, but {parent!r} is continuous"
            )
        else:
            try:
                if not positions(sound[parent], values):
                    faults.append(f"it is never active: {parent!r} is always another value")
            except ValueError as error:
                faults.append(f"when[{parent!r}]: {error}")
    return faults


def positions(parent: Parameter, values: Sequence[Any]) -> list[float]:
    """Return where the values lie on the parent's axis; one rest point for a fitting constant."""
    if parent.size > 1:
        points: list[float] = parent.snap(parent.to_unit(values)).tolist()
        return points
    constant = Categorical([parent.from_unit(np.array([REST]))[0]])
    fitting = [value for value in values if constant.holds(value)]
    return [REST] if fitting else []


def parents_first(branch: Mapping[str, Parameter]) -> list[str]:
    """Order names so that parents come before those they switch; a circle is left out."""
    parents = {
        name: [p for p in parameter.when if p in branch]
        for name, parameter in branch.items()
        if isinstance(parameter.when, Mapping)
    }
    ordered: list[str] = []
    waiting = list(branch)
    while waiting:
        ready = [n for n in waiting if all(p in ordered for p in parents.get(n, []))]
        if not ready:
            break
        ordered += ready
        waiting = [n for n in waiting if n not in ready]
    return ordered


def may_overlap(a: Mapping[str, Parameter], b: Mapping[str, Parameter]) -> bool:
    """Whether two branches could hold one and the same setting; False only where they cannot."""
    always_a, always_b = ({n for n, p in x.items() if not p.when} for x in (a, b))
    if not (always_a <= set(b) and always_b <= set(a)):
        return False
    return all(_may_meet(a[n], b[n]) and _may_meet(b[n], a[n]) for n in always_a & always_b)


def _may_meet(a: Parameter, b: Parameter) -> bool:
    """Whether b could take one of the choices of a, or its only value."""
    if isinstance(a, Categorical):
        return any(_takes(b, value) for value in a.values)
    return a.size > 1 or _takes(b, a.from_unit(np.array([REST]))[0])


def _takes(parameter: Parameter, value: Any) -> bool:
    try:
        return bool(positions(parameter, [value]))
    except ValueError:
        return False
