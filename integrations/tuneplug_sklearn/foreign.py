"""Search spaces declared for scikit-optimize or Optuna, in tuneplug's words.

Neither package is imported.  An object of one of their classes can exist only where its module is
loaded, so the classes are looked up among the loaded modules.

A declaration is taken at its word: uniform is linear scaling, log is log scaling, and both ends
belong to a range there as here.  What the words cannot say (unequal weights of choices, a budget
for one sub-space) is refused, not dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from tuneplug import Categorical, Float, Int, SpaceError

__all__ = ["translated"]

#: The most values that a range with a step may have: each is a choice of its own, and the model
#: looks at all of them for every candidate.
MOST_STEPS = 10_000


def translated(param_distributions: Any) -> Any:
    """Return a search space with foreign declarations replaced, and all else as it is.

    Parameters
    ----------
    param_distributions : dict, list of dict, or SearchSpace
        What ``WarpedBayesSearchCV`` takes.  It is not changed; without anything foreign in it, it
        is what is returned.

    Raises
    ------
    SpaceError
        A ``ValueError`` that lists each foreign declaration without an equal here.
    """
    faults: list[str] = []
    if isinstance(param_distributions, Mapping):
        space: Any = _branch(param_distributions, "", faults)
    elif isinstance(param_distributions, (list, tuple)):
        several = len(param_distributions) > 1
        space = [
            _element(element, f"[{number}] " if several else "", faults)
            for number, element in enumerate(param_distributions)
        ]
        if all(new is old for new, old in zip(space, param_distributions, strict=True)):
            space = param_distributions
    else:
        return param_distributions
    if faults:
        count = f"{len(faults)} fault" + "s" * (len(faults) > 1)
        raise SpaceError(f"the search space has {count}:\n" + "\n".join(f"  - {f}" for f in faults))
    return space


def _element(element: Any, prefix: str, faults: list[str]) -> Any:
    """Translate one entry of a list of sub-spaces."""
    if isinstance(element, tuple) and len(element) == 2 and isinstance(element[0], Mapping):
        faults.append(
            f"{prefix}sub-spaces must share one budget, but got a tuple of a dict and "
            f"n_iter={element[1]!r}: give the dict alone, and the sum of all budgets as n_iter="
        )
        return element
    return _branch(element, prefix, faults) if isinstance(element, Mapping) else element


def _branch(branch: Mapping[str, Any], prefix: str, faults: list[str]) -> Mapping[str, Any]:
    """Translate one sub-space, and add what has no equal to the faults."""
    new = {}
    for name, declared in branch.items():
        try:
            new[name] = _parameter(declared)
        except ValueError as error:
            faults.append(f"{prefix}{name}: {error}")
            new[name] = declared
    return new if any(new[name] is not branch[name] for name in branch) else branch


def _parameter(declared: Any) -> Any:
    for module, translations in FOREIGN.items():
        loaded = sys.modules.get(module)
        for name, translate in translations.items():
            kind = getattr(loaded, name, None)
            if isinstance(kind, type) and isinstance(declared, kind):
                return translate(declared)
    return declared


# ---------------------------------------------------------------------- scikit-optimize

#: ``prior=`` of Real and Integer, as scaling.
PRIORS = {"uniform": "linear", "log-uniform": "log"}


def _prior_scaling(dimension: Any) -> str:
    if dimension.prior not in PRIORS:
        raise ValueError(
            f"prior must be one of {sorted(PRIORS)}, but got {dimension.prior!r}: declare a "
            "tuneplug.Float or Int with the scaling that you mean"
        )
    return PRIORS[dimension.prior]


def _real(dimension: Any) -> Float:
    return Float(dimension.low, dimension.high, _prior_scaling(dimension))


def _integer(dimension: Any) -> Int:
    return Int(dimension.low, dimension.high, _prior_scaling(dimension))


def _categorical(dimension: Any) -> Categorical:
    weights = dimension.prior
    if weights is not None and len({float(weight) for weight in weights}) > 1:
        raise ValueError(
            f"choices must have equal weights, but got prior={list(weights)!r}: leave prior= out"
        )
    # Elements of an array have become NumPy scalars there; here they are Python's, as in a list.
    return Categorical([c.item() if isinstance(c, np.generic) else c for c in dimension.categories])


# ---------------------------------------------------------------------- Optuna


def _float_distribution(distribution: Any) -> Float | Categorical:
    if distribution.step is None:
        return Float(distribution.low, distribution.high, _log_scaling(distribution))
    # Decimals as written, so that three steps of 0.1 are 0.3.
    ends = (distribution.low, distribution.high, distribution.step)
    low, high, step = (Decimal(str(end)) for end in ends)
    return _steps(distribution, low, high, step, float)


def _int_distribution(distribution: Any) -> Int | Categorical:
    if distribution.step == 1:
        return Int(distribution.low, distribution.high, _log_scaling(distribution))
    return _steps(distribution, distribution.low, distribution.high, distribution.step, int)


def _log_scaling(distribution: Any) -> str:
    return "log" if distribution.log else "linear"


def _steps(
    distribution: Any, low: Any, high: Any, step: Any, number: Callable[[Any], Any]
) -> Categorical:
    """Return the values of a range with a step: rising choices keep their order and distance."""
    n = int((high - low) // step) + 1
    if n > MOST_STEPS:
        raise ValueError(
            f"a range with a step must have at most {MOST_STEPS} values, but {distribution!r} has "
            f"{n}: use a larger step, or none"
        )
    return Categorical([number(low + k * step) for k in range(n)])


def _choices(distribution: Any) -> Categorical:
    return Categorical(distribution.choices)


# ---------------------------------------------------------------------- both


def _unknown(declared: Any) -> Any:
    raise ValueError(
        f"{type(declared).__module__}.{type(declared).__qualname__} has no equal here: declare a "
        "tuneplug.Float, Int or Categorical, a list of choices or a scipy distribution"
    )


#: Public classes of other packages, by module; the base class of each package comes last.
FOREIGN: dict[str, dict[str, Callable[[Any], Any]]] = {
    "skopt.space": {
        "Real": _real,
        "Integer": _integer,
        "Categorical": _categorical,
        "Dimension": _unknown,
    },
    "optuna.distributions": {
        "FloatDistribution": _float_distribution,
        "IntDistribution": _int_distribution,
        "CategoricalDistribution": _choices,
        "BaseDistribution": _unknown,
    },
}
