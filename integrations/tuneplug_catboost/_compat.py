"""Undocumented names of CatBoost.

The rest of this package uses documented names only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from catboost import CatBoostError
from catboost.core import is_maximizable_metric, is_minimizable_metric

from tuneplug.trial import Direction

__all__ = ["drop_params", "known_direction", "temporary_params"]


def known_direction(metric: str) -> Direction | None:
    """Return the direction of one of CatBoost's own metrics; None for any other name.

    Metrics that are best at a value between their limits have no direction.
    """
    try:
        if is_maximizable_metric(metric):
            return "maximize"
        return "minimize" if is_minimizable_metric(metric) else None
    except CatBoostError:  # raised for names that are not CatBoost's own
        return None


def drop_params(estimator: Any, names: Iterable[str]) -> None:
    """Remove parameters from an estimator.

    A parameter that ``set_params`` sets to None stays, and scikit-learn's ``clone`` then fails.
    """
    for name in names:
        estimator._init_params.pop(name, None)
    estimator._canonized_params = None


@contextmanager
def temporary_params(estimator: Any, params: Mapping[str, Any]) -> Iterator[None]:
    """Context manager: give an estimator parameters for one fit.

    ``set_params`` raises an error after the fit.
    """
    before = estimator._init_params
    estimator._init_params = {**before, **params}
    estimator._canonized_params = None
    try:
        yield
    finally:
        estimator._init_params = before
        estimator._canonized_params = None
