"""Optuna's distributions in tuneplug's words.

A declaration is taken at its word: ``log`` is log scaling, else linear, and both ends belong to a
range there as here.  A range with a step becomes the choices it has, which keep their order and
distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import ClassConverter, unsupported

__all__ = ["OptunaConverter"]

#: The most values that a range with a step may have: each is a choice of its own, and the model
#: looks at all of them for every candidate.
MOST_STEPS = 10_000


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


class OptunaConverter(ClassConverter):
    """Distributions of ``optuna.distributions``."""

    name: ClassVar[str] = "optuna"
    module: ClassVar[str] = "optuna.distributions"
    conversions: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "FloatDistribution": _float_distribution,
        "IntDistribution": _int_distribution,
        "CategoricalDistribution": _choices,
        "BaseDistribution": unsupported,
    }
