"""ConfigSpace's hyperparameters, and whole spaces of it, in tuneplug's words.

Conditions become ``when=``: for each parent, the values of it under which all conditions on it
hold.  What has no equal (forbidden clauses, unequal weights of choices, a choice of conditions on
several parents) is refused, not dropped.  What is never active is in no configuration there, nor
here. Defaults are left out: ``Study.enqueue`` tries them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import ClassConverter, Parameter, unsupported

__all__ = ["ConfigSpaceConverter"]

#: The most values of an integer under conditions on which another parameter may depend.
MOST_VALUES = 10_000

When = dict[str, list[Any]]


# ---------------------------------------------------------------------- hyperparameters


def _scaling(declared: Any) -> str:
    return "log" if declared.log else "linear"


def _float(declared: Any, when: When | None = None) -> Parameter:
    return Float(declared.lower, declared.upper, _scaling(declared), when=when)


def _integer(declared: Any, when: When | None = None) -> Parameter:
    return Int(int(declared.lower), int(declared.upper), _scaling(declared), when=when)


def _categorical(declared: Any, when: When | None = None) -> Parameter:
    if declared.weights is not None and len(set(declared.weights)) > 1:
        raise ValueError(
            f"choices must have equal weights, but got weights={list(declared.weights)!r}: "
            "leave weights= out"
        )
    return Categorical(_values(declared), when=when)


def _choices(declared: Any, when: When | None = None) -> Parameter:
    return Categorical(_values(declared), when=when)


def _unconditional(declared: Any, when: When | None = None) -> Any:
    return unsupported(declared)


HYPERPARAMETERS: Mapping[str, Callable[..., Any]] = {
    "UniformFloatHyperparameter": _float,
    "UniformIntegerHyperparameter": _integer,
    "CategoricalHyperparameter": _categorical,
    "OrdinalHyperparameter": _choices,
    "Constant": _choices,
    "NormalFloatHyperparameter": _unconditional,
    "NormalIntegerHyperparameter": _unconditional,
    "BetaFloatHyperparameter": _unconditional,
    "BetaIntegerHyperparameter": _unconditional,
}


def _values(declared: Any) -> list[Any]:
    """Return the values of a hyperparameter that has a few."""
    for name in ("choices", "sequence"):
        if hasattr(declared, name):
            return list(getattr(declared, name))
    if hasattr(declared, "value"):
        return [declared.value]
    if getattr(declared, "size", MOST_VALUES + 1) > MOST_VALUES:
        raise ValueError(
            f"conditions must be on parameters of at most {MOST_VALUES} values, but "
            f"{declared.name!r} has {declared.size}"
        )
    return list(range(int(declared.lower), int(declared.upper) + 1))


# ---------------------------------------------------------------------- spaces


def _space(space: Any) -> dict[str, Any]:
    """Return the mapping that a ``ConfigurationSpace`` stands for."""
    if space.forbidden_clauses:
        raise ValueError(
            "forbidden clauses have no equal here, but got "
            f"{[str(clause) for clause in space.forbidden_clauses]}: raise an error from the "
            "objective for such configurations, which the search learns to avoid"
        )
    converted: dict[str, Any] = {}
    for name, declared in space.items():  # parents before their children
        conditions = space.parent_conditions_of[name]
        try:
            _check_where_inactive(conditions, space)
            when = _when(conditions)
            if when and not all(parent in converted and values for parent, values in when.items()):
                continue  # it is never active, and so in no configuration
            converted[name] = _translated(declared, when)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return converted


def _check_where_inactive(conditions: Any, space: Any) -> None:
    """Refuse what holds where its parent is inactive: in ConfigSpace, nothing is not any value."""
    for condition in conditions:
        for literal in getattr(condition, "dlcs", [condition]):
            name = literal.parent.name
            if type(literal).__name__ == "NotEqualsCondition" and space.parent_conditions_of[name]:
                raise ValueError(
                    f"'!=' must be on a parameter that is always active, but got {literal}, which "
                    f"ConfigSpace takes to hold where {name!r} is inactive too: give an "
                    "InCondition with the other values"
                )


def _translated(declared: Any, when: When | None) -> Any:
    for kind in type(declared).__mro__:
        if kind.__name__ in HYPERPARAMETERS:
            return HYPERPARAMETERS[kind.__name__](declared, when)
    return unsupported(declared)


def _when(conditions: Any) -> When | None:
    """Return the values of each parent under which all conditions hold."""
    found: When = {}
    for condition in conditions:
        for parent, values in _held(condition).items():
            known = found.get(parent, values)
            found[parent] = [value for value in known if value in values]
    return found or None


def _held(condition: Any) -> When:
    parts = getattr(condition, "components", None)
    if parts is not None and type(condition).__name__ == "AndConjunction":
        return _when(parts) or {}
    literals = [condition] if parts is None else condition.dlcs
    parents = {literal.parent.name: literal.parent for literal in literals}
    if len(parents) > 1:
        raise ValueError(
            f"alternatives must be conditions on one parameter, but got {condition}: declare a "
            "sub-space for each, as a list of mappings"
        )
    (parent,) = parents.values()
    values = [v for v in _values(parent) if condition.satisfied_by_value({parent.name: v})]
    return {parent.name: values}


class ConfigSpaceConverter(ClassConverter):
    """A ``ConfigSpace.ConfigurationSpace``, or single hyperparameters of it.

    Examples
    --------
    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from tuneplug import Study
    >>> study = Study(ConfigurationSpace({"kernel": ["rbf", "poly"], "C": (0.1, 10.0)}), seed=0)
    >>> sorted(study.ask().params)
    ['C', 'kernel']
    """

    name: ClassVar[str] = "configspace"
    module: ClassVar[str] = "ConfigSpace"
    conversions: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "ConfigurationSpace": _space,
        **HYPERPARAMETERS,
    }
