"""What a distribution of Optuna's is to us: a parameter, and the way there and back.

As the converter has it, but for ranges with a step: those are ranges of whole numbers here, however
many, and the number of steps is turned into the value on the way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, final

from optuna.distributions import (
    BaseDistribution,
    FloatDistribution,
    IntDistribution,
)

from tuneplug import Int
from tuneplug.plugins import Parameter
from tuneplug_optuna.converter import OptunaConverter

__all__ = ["Column", "Steps", "Values", "column"]


class Column(ABC):
    """A distribution in our words."""

    parameter: Parameter

    @abstractmethod
    def to_optuna(self, value: Any) -> Any:
        """Return Optuna's value for one of the parameter."""

    @abstractmethod
    def to_ours(self, value: Any) -> Any:
        """Return the parameter's value for one of Optuna's."""


@final
@dataclass(frozen=True)
class Values(Column):
    """A range, or choices, by their own values."""

    parameter: Parameter

    def to_optuna(self, value: Any) -> Any:
        return value

    def to_ours(self, value: Any) -> Any:
        return value


@final
class Steps(Column):
    """A range with a step, by the number of steps from its beginning."""

    def __init__(self, distribution: FloatDistribution | IntDistribution) -> None:
        self._distribution = distribution
        # Decimals as written, so that three steps of 0.1 are 0.3: as Optuna counts.
        low, high, step = distribution.low, distribution.high, distribution.step
        self._low, self._step = Decimal(str(low)), Decimal(str(step))
        self.parameter: Parameter = Int(
            0, int((Decimal(str(high)) - self._low) // self._step), "linear"
        )

    def to_optuna(self, value: Any) -> Any:
        found = self._low + int(value) * self._step
        return int(found) if isinstance(self._distribution, IntDistribution) else float(found)

    def to_ours(self, value: Any) -> Any:
        return round((Decimal(str(value)) - self._low) / self._step)


def column(distribution: BaseDistribution) -> Column:
    """Return how we see a distribution."""
    if isinstance(distribution, IntDistribution) and distribution.step != 1:
        return Steps(distribution)
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return Steps(distribution)
    parameter: Parameter = OptunaConverter().convert(distribution)
    return Values(parameter)
