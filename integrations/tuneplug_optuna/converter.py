"""Convert spaces declared with Optuna distributions to tuneplug parameters.

The scaling is the declared one: log if ``log=True``, linear otherwise.  Both ends belong to the
range in both libraries.  A range with a step becomes an ordered ``Categorical``.

This module does not import Optuna.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import ClassConverter, unsupported

__all__ = ["OptunaConverter"]

#: Maximum number of values of a range with a step.  Each value becomes a category, and the model
#: evaluates all categories for every suggestion.
MAX_STEPS = 10_000


def _float_distribution(distribution: Any) -> Float | Categorical:
    if distribution.step is None:
        return Float(distribution.low, distribution.high, _log_scaling(distribution))
    # Decimal arithmetic on the digits as written: three steps of 0.1 give 0.3.
    ends = (distribution.low, distribution.high, distribution.step)
    low, high, step = (Decimal(str(end)) for end in ends)
    return _stepped(distribution, low, high, step, float)


def _int_distribution(distribution: Any) -> Int | Categorical:
    if distribution.step == 1:
        return Int(distribution.low, distribution.high, _log_scaling(distribution))
    return _stepped(distribution, distribution.low, distribution.high, distribution.step, int)


def _log_scaling(distribution: Any) -> str:
    return "log" if distribution.log else "linear"


def _stepped(
    distribution: Any, low: Any, high: Any, step: Any, number: Callable[[Any], Any]
) -> Categorical:
    """Return the values of a range with a step; ascending categories keep order and distance."""
    n = int((high - low) // step) + 1
    if n > MAX_STEPS:
        raise ValueError(
            f"a range with a step must have at most {MAX_STEPS} values, but {distribution!r} has "
            f"{n}: use a larger step, or no step"
        )
    return Categorical([number(low + k * step) for k in range(n)])


def _categorical_distribution(distribution: Any) -> Categorical:
    return Categorical(distribution.choices)


class OptunaConverter(ClassConverter):
    """Convert distributions of ``optuna.distributions``."""

    name: ClassVar[str] = "optuna"
    module: ClassVar[str] = "optuna.distributions"
    conversions: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "FloatDistribution": _float_distribution,
        "IntDistribution": _int_distribution,
        "CategoricalDistribution": _categorical_distribution,
        "BaseDistribution": unsupported,
    }
