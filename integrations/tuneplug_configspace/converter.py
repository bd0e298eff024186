"""Convert ConfigSpace hyperparameters and spaces to tuneplug parameters and spaces.

Conditions become ``when=``: for each parent, the values for which all conditions on it hold.
Features without an equivalent raise an error: forbidden clauses, unequal weights of categories, and
a disjunction of conditions on several parents.  A parameter that is never active is left out.
Default values are ignored; pass them to ``Study.enqueue`` to try them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import ClassConverter, Parameter, unsupported

__all__ = ["ConfigSpaceConverter"]

#: Maximum number of values of an integer parent of a condition; each value is checked.
MAX_VALUES = 10_000

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
            f"categories must have equal weights, but got weights={list(declared.weights)!r}: "
            "leave weights= out"
        )
    return Categorical(_values(declared), when=when)


def _sequence(declared: Any, when: When | None = None) -> Parameter:
    return Categorical(_values(declared), when=when)


def _unsupported(declared: Any, when: When | None = None) -> Any:
    return unsupported(declared)


HYPERPARAMETERS: Mapping[str, Callable[..., Any]] = {
    "UniformFloatHyperparameter": _float,
    "UniformIntegerHyperparameter": _integer,
    "CategoricalHyperparameter": _categorical,
    "OrdinalHyperparameter": _sequence,
    "Constant": _sequence,
    "NormalFloatHyperparameter": _unsupported,
    "NormalIntegerHyperparameter": _unsupported,
    "BetaFloatHyperparameter": _unsupported,
    "BetaIntegerHyperparameter": _unsupported,
}


def _values(declared: Any) -> list[Any]:
    """Return all values of a hyperparameter."""
    for name in ("choices", "sequence"):
        if hasattr(declared, name):
            return list(getattr(declared, name))
    if hasattr(declared, "value"):
        return [declared.value]
    if getattr(declared, "size", MAX_VALUES + 1) > MAX_VALUES:
        raise ValueError(
            f"the parent of a condition must have at most {MAX_VALUES} values, but "
            f"{declared.name!r} has {declared.size}"
        )
    return list(range(int(declared.lower), int(declared.upper) + 1))


# ---------------------------------------------------------------------- spaces


def _space(space: Any) -> dict[str, Any]:
    """Return a ``ConfigurationSpace`` as a mapping of names to parameters."""
    if space.forbidden_clauses:
        raise ValueError(
            "forbidden clauses are not supported, but got "
            f"{[str(clause) for clause in space.forbidden_clauses]}: raise an error from the "
            "objective for such configurations, and the search learns to avoid them"
        )
    converted: dict[str, Any] = {}
    for name, declared in space.items():  # parents before their children
        conditions = space.parent_conditions_of[name]
        try:
            _check_inactive_parents(conditions, space)
            when = _when(conditions)
            if when and not all(parent in converted and values for parent, values in when.items()):
                continue  # never active
            converted[name] = _convert(declared, when)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return converted


def _check_inactive_parents(conditions: Any, space: Any) -> None:
    """Raise if a condition holds for an inactive parent: in ConfigSpace, ``!=`` does."""
    for condition in conditions:
        for literal in getattr(condition, "dlcs", [condition]):
            name = literal.parent.name
            if type(literal).__name__ == "NotEqualsCondition" and space.parent_conditions_of[name]:
                raise ValueError(
                    f"the parent of '!=' must always be active, but got {literal}, which in "
                    f"ConfigSpace also holds if {name!r} is inactive: use an InCondition with the "
                    "other values"
                )


def _convert(declared: Any, when: When | None) -> Any:
    for kind in type(declared).__mro__:
        if kind.__name__ in HYPERPARAMETERS:
            return HYPERPARAMETERS[kind.__name__](declared, when)
    return unsupported(declared)


def _when(conditions: Any) -> When | None:
    """Return, for each parent, the values for which all conditions on it hold."""
    found: When = {}
    for condition in conditions:
        for parent, values in _values_by_parent(condition).items():
            known = found.get(parent, values)
            found[parent] = [value for value in known if value in values]
    return found or None


def _values_by_parent(condition: Any) -> When:
    parts = getattr(condition, "components", None)
    if parts is not None and type(condition).__name__ == "AndConjunction":
        return _when(parts) or {}
    literals = [condition] if parts is None else condition.dlcs
    parents = {literal.parent.name: literal.parent for literal in literals}
    if len(parents) > 1:
        raise ValueError(
            f"an OrConjunction must have a single parent, but got {condition}: declare one "
            "sub-space per alternative, as a list of mappings"
        )
    (parent,) = parents.values()
    values = [v for v in _values(parent) if condition.satisfied_by_value({parent.name: v})]
    return {parent.name: values}


class ConfigSpaceConverter(ClassConverter):
    """Convert a ``ConfigSpace.ConfigurationSpace``, or single hyperparameters.

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
