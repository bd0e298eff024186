"""What a parameter of ours is to Optuna: a distribution, and the way there and back.

A parameter keeps its own values where Optuna has a distribution that means the same: that is what
samplers are told of by name, as in ``CmaEsSampler(x0={"eta": 0.1})``, and what a dashboard shows.
Choices that Optuna does not take, or would not tell apart, go by a label.  Any other scale goes by
its place u on the unit interval, on which Optuna samples uniformly what is uniform here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tuneplug import Categorical, Float, Int, Linear, Log
from tuneplug.plugins import Parameter

__all__ = ["Axis", "Choices", "Places", "Values", "axis", "labels", "shown"]

#: Types of choices that Optuna takes.
PLAIN = (bool, int, float, str, type(None))


class Axis(ABC):
    """A parameter in Optuna's words."""

    distribution: BaseDistribution

    @abstractmethod
    def to_optuna(self, u: float) -> Any:
        """Return Optuna's value for a place on the unit interval."""

    @abstractmethod
    def to_unit(self, value: Any) -> float:
        """Return the place on the unit interval of a value of Optuna's."""


@final
@dataclass(frozen=True)
class Values(Axis):
    """A range by its own values."""

    parameter: Parameter
    distribution: FloatDistribution | IntDistribution

    def to_optuna(self, u: float) -> Any:
        return self.parameter.from_unit(np.array([u]))[0]

    def to_unit(self, value: Any) -> float:
        return float(self.parameter.to_unit([value])[0])


@final
@dataclass(frozen=True)
class Choices(Axis):
    """Choices by their labels."""

    parameter: Categorical
    distribution: CategoricalDistribution

    def to_optuna(self, u: float) -> Any:
        return self.distribution.choices[int(self.parameter.index(np.array([u]))[0])]

    def to_unit(self, value: Any) -> float:
        return float(self.parameter.points()[self.distribution.choices.index(value)])


@final
@dataclass(frozen=True)
class Places(Axis):
    """A scale that Optuna has not, by the part of the unit interval that models search."""

    distribution: FloatDistribution

    def to_optuna(self, u: float) -> float:
        return min(max(float(u), self.distribution.low), self.distribution.high)

    def to_unit(self, value: Any) -> float:
        return float(value)


def axis(parameter: Parameter) -> Axis:
    """Return how samplers see a parameter that has more than one value."""
    same = _same(parameter)
    if same is not None:
        return Values(parameter, same)
    if isinstance(parameter, Categorical):
        return Choices(parameter, CategoricalDistribution(labels(parameter.values)))
    return Places(FloatDistribution(*parameter.unit_bounds))


def shown(parameter: Parameter) -> BaseDistribution:
    """Return a distribution that holds the user's own values, to be looked at."""
    same = _same(parameter)
    if same is not None:
        return same
    if isinstance(parameter, Categorical):
        return CategoricalDistribution(labels(parameter.values))
    low, high = parameter.from_unit(np.array([0.0, 1.0]))  # finite: as near as u comes to an end
    return IntDistribution(low, high) if isinstance(low, int) else FloatDistribution(low, high)


def _same(parameter: Parameter) -> FloatDistribution | IntDistribution | None:
    """Return the range of Optuna's that means the same, None if there is none."""
    if parameter.size == 1:
        return None
    if isinstance(parameter, (Float, Int)) and isinstance(parameter.choice.scaling, (Linear, Log)):
        log = isinstance(parameter.choice.scaling, Log)
        if isinstance(parameter, Int):
            return IntDistribution(int(parameter.low), int(parameter.high), log=log)
        return FloatDistribution(float(parameter.low), float(parameter.high), log=log)
    if isinstance(parameter, Categorical) and parameter.ordered:
        return _steps(parameter.values)
    return None


def _steps(values: Sequence[Any]) -> IntDistribution | None:
    """Return the range of which rising whole numbers at one distance are the steps."""
    if not all(type(value) is int for value in values):
        return None
    step = values[1] - values[0]
    even = step > 0 and list(values) == list(range(values[0], values[-1] + 1, step))
    return IntDistribution(values[0], values[-1], step=step) if even else None


def labels(values: Sequence[Any]) -> list[Any]:
    """Return a label for each of distinct values: itself where Optuna takes it, else its repr."""
    found = [_label(value) for value in values]
    if len(set(found)) == len(found):
        return found
    return [f"{number}: {value!r}" for number, value in enumerate(values)]


def _label(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    if type(plain) in PLAIN and not (isinstance(plain, float) and not math.isfinite(plain)):
        return plain
    return repr(plain)
