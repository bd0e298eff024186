"""Search spaces declared for scikit-optimize or Optuna, in tuneplug's words.

Neither package is imported.  An object of one of their classes can exist only where its module is
loaded, so the classes are looked up among the loaded modules.

A declaration is taken at its word: uniform is linear scaling, log is log scaling, and both ends
belong to a range there as here.  What the words cannot say (unequal weights of choices, a budget
for one sub-space) is refused, not dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import Converter, Parameter

__all__ = ["OptunaConverter", "SkoptConverter"]

#: The most values that a range with a step may have: each is a choice of its own, and the model
#: looks at all of them for every candidate.
MOST_STEPS = 10_000


class SkoptConverter(Converter):
    """Dimensions of ``skopt.space``."""

    name: ClassVar[str] = "skopt"
    module: ClassVar[str] = "skopt.space"

    def accepts(self, declared: Any) -> bool:
        return _translation(self.module, declared) is not None

    def convert(self, declared: Any) -> Parameter:
        translate = _translation(self.module, declared)
        assert translate is not None, "only what is accepted is converted"
        parameter: Parameter = translate(declared)
        return parameter


class OptunaConverter(SkoptConverter):
    """Distributions of ``optuna.distributions``."""

    name: ClassVar[str] = "optuna"
    module: ClassVar[str] = "optuna.distributions"


def _translation(module: str, declared: Any) -> Callable[[Any], Any] | None:
    loaded = sys.modules.get(module)
    for name, translate in FOREIGN[module].items():
        kind = getattr(loaded, name, None)
        if isinstance(kind, type) and isinstance(declared, kind):
            return translate
    return None


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
