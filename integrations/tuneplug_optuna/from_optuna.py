"""Convert Optuna distributions to parameters.

``OptunaConverter`` gives the parameter, except for ranges with a step.  Such a range becomes an
``Int`` over the number of steps, so it may have any number of values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, final

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from tuneplug import Int
from tuneplug.plugins import Parameter
from tuneplug_optuna.converter import OptunaConverter

__all__ = ["SameValueParam", "SteppedParam", "StudyParam", "study_param"]


class StudyParam(ABC):
    """The parameter that stands for one distribution of an Optuna study."""

    parameter: Parameter

    @abstractmethod
    def to_optuna(self, value: Any) -> Any:
        """Return the Optuna value for a value of the parameter."""

    @abstractmethod
    def from_optuna(self, value: Any) -> Any:
        """Return the value of the parameter for an Optuna value."""


@final
@dataclass(frozen=True)
class SameValueParam(StudyParam):
    """A range without a step, or categories: both libraries use the same values."""

    parameter: Parameter

    def to_optuna(self, value: Any) -> Any:
        return value

    def from_optuna(self, value: Any) -> Any:
        return value


@final
class SteppedParam(StudyParam):
    """A range with a step: the parameter counts the steps from the lower end."""

    def __init__(self, distribution: FloatDistribution | IntDistribution) -> None:
        self._distribution = distribution
        # Decimal arithmetic on the digits as written, as in Optuna: three steps of 0.1 give 0.3.
        low, high, step = distribution.low, distribution.high, distribution.step
        self._low, self._step = Decimal(str(low)), Decimal(str(step))
        n_steps = int((Decimal(str(high)) - self._low) // self._step)
        self.parameter: Parameter = Int(0, n_steps, "linear")

    def to_optuna(self, value: Any) -> Any:
        found = self._low + int(value) * self._step
        return int(found) if isinstance(self._distribution, IntDistribution) else float(found)

    def from_optuna(self, value: Any) -> Any:
        return round((Decimal(str(value)) - self._low) / self._step)


def study_param(distribution: BaseDistribution) -> StudyParam:
    """Return the parameter of a distribution, with the conversion of its values."""
    if isinstance(distribution, IntDistribution) and distribution.step != 1:
        return SteppedParam(distribution)
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return SteppedParam(distribution)
    parameter: Parameter = OptunaConverter().convert(distribution)
    return SameValueParam(parameter)
