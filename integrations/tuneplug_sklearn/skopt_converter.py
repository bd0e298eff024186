"""Convert search spaces declared for scikit-optimize.

The prior decides the scaling: uniform is linear, log-uniform is log.  Ranges include both ends in
both libraries.  Unequal weights of categories have no equivalent and raise an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import ClassConverter, unsupported

__all__ = ["SkoptConverter"]

#: ``prior=`` of Real and Integer to scaling.
PRIORS = {"uniform": "linear", "log-uniform": "log"}


def _prior_scaling(dimension: Any) -> str:
    if dimension.prior not in PRIORS:
        raise ValueError(
            f"prior must be one of {sorted(PRIORS)}, but got {dimension.prior!r}: declare a "
            "tuneplug.Float or Int with its scaling"
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
            f"categories must have equal weights, but got prior={list(weights)!r}: omit prior="
        )
    # scikit-optimize turns elements of an array into NumPy scalars.
    return Categorical([c.item() if isinstance(c, np.generic) else c for c in dimension.categories])


class SkoptConverter(ClassConverter):
    """Converts dimensions of ``skopt.space``."""

    name: ClassVar[str] = "skopt"
    module: ClassVar[str] = "skopt.space"
    conversions: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "Real": _real,
        "Integer": _integer,
        "Categorical": _categorical,
        "Dimension": unsupported,
    }
