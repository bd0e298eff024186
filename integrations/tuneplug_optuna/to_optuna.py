"""Convert parameters to Optuna distributions.

A sampler and a storage need different distributions.  For a sampler (``SamplerParam``), a parameter
keeps its values if Optuna has an equivalent distribution, so options such as
``CmaEsSampler(x0={"eta": 0.1})`` work.  Any other scaling is sampled as its coordinate u on the
unit interval, where Optuna samples uniformly.  A storage (``StorageParam``) always shows the user's
values.  In both, a category that Optuna does not accept or cannot distinguish is given as a label.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tuneplug import Categorical, Float, Int, Linear, Log, SearchSpace
from tuneplug.plugins import Parameter

__all__ = [
    "LabeledParam",
    "RangeParam",
    "SamplerParam",
    "SamplerSpace",
    "StorageParam",
    "UnitIntervalParam",
    "sampler_param",
    "storage_params",
]

FloatArray = NDArray[np.float64]

#: Types of categories that Optuna accepts.
CATEGORY_TYPES = (bool, int, float, str, type(None))
#: Coordinate of an inactive parameter, and of a parameter that is not sampled yet.
INACTIVE_COORDINATE = 0.5

# ---------------------------------------------------------------------- for samplers


class SamplerParam(ABC):
    """A parameter as an Optuna sampler sees it."""

    distribution: BaseDistribution

    @abstractmethod
    def to_optuna(self, u: float) -> Any:
        """Return the Optuna value for a coordinate u in [0, 1]."""

    @abstractmethod
    def to_unit(self, value: Any) -> float:
        """Return the coordinate u in [0, 1] of an Optuna value."""


@final
@dataclass(frozen=True)
class RangeParam(SamplerParam):
    """A range for which Optuna has an equivalent distribution."""

    parameter: Parameter
    distribution: FloatDistribution | IntDistribution

    def to_optuna(self, u: float) -> Any:
        return self.parameter.from_unit(np.array([u]))[0]

    def to_unit(self, value: Any) -> float:
        return float(self.parameter.to_unit([value])[0])


@final
@dataclass(frozen=True)
class LabeledParam(SamplerParam):
    """Categories, each given as its label."""

    parameter: Categorical
    distribution: CategoricalDistribution

    def to_optuna(self, u: float) -> Any:
        return self.distribution.choices[int(self.parameter.index(np.array([u]))[0])]

    def to_unit(self, value: Any) -> float:
        return float(self.parameter.points()[self.distribution.choices.index(value)])


@final
@dataclass(frozen=True)
class UnitIntervalParam(SamplerParam):
    """A scaling that Optuna does not have: values are coordinates within ``unit_bounds``."""

    distribution: FloatDistribution

    def to_optuna(self, u: float) -> float:
        return min(max(float(u), self.distribution.low), self.distribution.high)

    def to_unit(self, value: Any) -> float:
        return float(value)


def sampler_param(parameter: Parameter) -> SamplerParam:
    """Return a parameter of more than one value as a sampler sees it."""
    equivalent = _equivalent_range(parameter)
    if equivalent is not None:
        return RangeParam(parameter, equivalent)
    if isinstance(parameter, Categorical):
        return LabeledParam(parameter, CategoricalDistribution(_category_labels(parameter.values)))
    return UnitIntervalParam(FloatDistribution(*parameter.unit_bounds))


@final
class SamplerSpace:
    """A search space as an Optuna sampler sees it: one ``SamplerParam`` per dimension."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._params: dict[str, SamplerParam] = {
            name: sampler_param(parameter)
            for name, parameter in zip(space.column_names, space.dimensions, strict=True)
        }

    def encode(self, point: FloatArray) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return Optuna values and distributions of the parameters active at a point (d,)."""
        active = self.space.active_mask(point)
        zipped = zip(self._params.items(), point, active, strict=True)
        used = {name: (param, u) for (name, param), u, on in zipped if on}
        values = {name: param.to_optuna(u) for name, (param, u) in used.items()}
        return values, {name: param.distribution for name, (param, _) in used.items()}

    def sample(self, trial: optuna.Trial) -> FloatArray:
        """Return the point (d,) that the sampler of an Optuna trial suggests."""
        point = np.full(self.space.n_dimensions, INACTIVE_COORDINATE)
        for j, (name, param) in enumerate(self._params.items()):
            # The condition of a parameter depends on earlier dimensions only.
            if self.space.active_mask(point)[j]:
                point[j] = param.to_unit(_suggest(trial, name, param.distribution))
        snapped: FloatArray = self.space.snap(point)
        return snapped


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        low, high, log = distribution.low, distribution.high, distribution.log
        return trial.suggest_int(name, low, high, step=distribution.step, log=log)
    assert isinstance(distribution, FloatDistribution), "a SamplerParam has no other distribution"
    return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)


# ---------------------------------------------------------------------- for storages


@final
@dataclass(frozen=True)
class StorageParam:
    """A parameter as an Optuna storage shows it."""

    name: str  # in the storage
    distribution: BaseDistribution  # over the user's values, or over labels of categories
    categorical: Categorical | None  # the categories behind the labels

    def to_optuna(self, value: Any) -> Any:
        """Return the value to store for a value of the parameter."""
        distribution = self.distribution
        if self.categorical is None or not isinstance(distribution, CategoricalDistribution):
            return value
        position = self.categorical.position(value)
        assert position is not None, "the value of a trial is one of the categories"
        return distribution.choices[position]


def storage_params(space: SearchSpace) -> list[Mapping[str, StorageParam]]:
    """Return, per sub-space, the stored parameters by their names in the sub-space."""
    found: list[dict[str, StorageParam]] = [{} for _ in space.subspaces]
    for name in space.names:
        declared = {
            k: subspace[name] for k, subspace in enumerate(space.subspaces) if name in subspace
        }
        for k, param in _by_sub_space(name, declared).items():
            found[k][name] = param
    return list(found)


def _by_sub_space(name: str, declared: Mapping[int, Parameter]) -> dict[int, StorageParam]:
    """Return the stored parameter of one name in each sub-space that declares it.

    Optuna allows one type of distribution and one list of categories for a name.  Sub-spaces that
    all declare categories share the union of them.  Other parameters that differ are stored
    separately, as ``name[sub-space]``.
    """
    parameters = list(declared.values())
    first = parameters[0]
    if all(other.same_as(first) for other in parameters):
        return dict.fromkeys(declared, _storage_param(name, first))
    categoricals = [one for one in parameters if isinstance(one, Categorical)]
    if len(categoricals) == len(parameters):
        union = Categorical([value for one in categoricals for value in one.values])
        return dict.fromkeys(declared, _storage_param(name, union))
    return {k: _storage_param(f"{name}[{k}]", one) for k, one in declared.items()}


def _storage_param(name: str, parameter: Parameter) -> StorageParam:
    categorical = parameter if isinstance(parameter, Categorical) else None
    return StorageParam(name, _storage_distribution(parameter), categorical)


def _storage_distribution(parameter: Parameter) -> BaseDistribution:
    """Return a distribution over the user's values; it is displayed, never sampled."""
    equivalent = _equivalent_range(parameter)
    if equivalent is not None:
        return equivalent
    if isinstance(parameter, Categorical):
        return CategoricalDistribution(_category_labels(parameter.values))
    low, high = parameter.from_unit(np.array([0.0, 1.0]))  # finite, also for unbounded parameters
    return IntDistribution(low, high) if isinstance(low, int) else FloatDistribution(low, high)


# ---------------------------------------------------------------------- for both


def _equivalent_range(parameter: Parameter) -> FloatDistribution | IntDistribution | None:
    """Return the equivalent range of Optuna; None if Optuna has no such range."""
    if parameter.size == 1:
        return None
    if isinstance(parameter, (Float, Int)) and isinstance(parameter.choice.scaling, (Linear, Log)):
        log = isinstance(parameter.choice.scaling, Log)
        if isinstance(parameter, Int):
            return IntDistribution(int(parameter.low), int(parameter.high), log=log)
        return FloatDistribution(float(parameter.low), float(parameter.high), log=log)
    if isinstance(parameter, Categorical) and parameter.ordered:
        return _stepped_range(parameter.values)
    return None


def _stepped_range(values: Sequence[Any]) -> IntDistribution | None:
    """Return a range with a step for ascending, evenly spaced integers; None for other values."""
    if not all(type(value) is int for value in values):
        return None
    step = values[1] - values[0]
    even = step > 0 and list(values) == list(range(values[0], values[-1] + 1, step))
    return IntDistribution(values[0], values[-1], step=step) if even else None


def _category_labels(values: Sequence[Any]) -> list[Any]:
    """Return a distinct label for each category.

    The label is the category itself if Optuna accepts it, otherwise its ``repr``.  If two labels
    would be equal (1 and True), all labels are of the form ``"index: repr"``.
    """
    found = [_label(value) for value in values]
    if len(set(found)) == len(found):
        return found
    return [f"{index}: {value!r}" for index, value in enumerate(values)]


def _label(value: Any) -> Any:
    builtin = value.item() if isinstance(value, np.generic) else value
    finite = not isinstance(builtin, float) or math.isfinite(builtin)
    return builtin if type(builtin) in CATEGORY_TYPES and finite else repr(builtin)
