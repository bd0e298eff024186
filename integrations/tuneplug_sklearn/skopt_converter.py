"""Search spaces declared for scikit-optimize, in tuneplug's words.

A declaration is taken at its word: uniform is linear scaling, log is log scaling, and both ends
belong to a range there as here.  What the words cannot say (unequal weights of choices) is refused,
not dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import ClassConverter, unsupported

__all__ = ["SkoptConverter"]

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


class SkoptConverter(ClassConverter):
    """Dimensions of ``skopt.space``."""

    name: ClassVar[str] = "skopt"
    module: ClassVar[str] = "skopt.space"
    conversions: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "Real": _real,
        "Integer": _integer,
        "Categorical": _categorical,
        "Dimension": unsupported,
    }
