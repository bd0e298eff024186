"""Scores of a target that ``TransformedTargetRegressor`` transforms, on the transformed target.

A booster evaluates its metrics on the transformed target.  If the transformation only shifts and
scales, an error on one target is a multiple of the error on the other, and orders fits alike.  The
squared error of logarithms is the squared logarithmic error of the target itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tuneplug.optional import is_instance_of
from tuneplug_sklearn.pipelines import target_transformers

__all__ = ["name_on_transformed_target"]

#: Scorers that order fits alike if the target is shifted and scaled.
INVARIANT = (
    "d2_absolute_error_score",
    "neg_mean_absolute_error",
    "neg_mean_squared_error",
    "neg_median_absolute_error",
    "neg_root_mean_squared_error",
    "r2",
)
#: Scorers of logarithmic errors, and the scorer that orders fits alike on logarithms.
OF_LOGARITHMS = ("neg_mean_squared_log_error", "neg_root_mean_squared_log_error")
ON_LOGARITHMS = "neg_root_mean_squared_error"

#: Transformers that shift each column by a constant, and multiply it by another.
LINEAR = ("MaxAbsScaler", "MinMaxScaler", "RobustScaler", "StandardScaler")


def name_on_transformed_target(name: str | None, estimator: Any, y: Any) -> str | None:
    """Return the scorer that orders fits on the transformed target as another one does before it.

    Parameters
    ----------
    name : str or None
        scikit-learn's name of the scorer of the original target.
    estimator : estimator
        Its transformers of the target are fitted.
    y : array-like
        The transformed target.

    Returns
    -------
    str or None
        None if no scorer is known to.  If the target is not transformed, the name itself.
    """
    several = np.ndim(y) > 1 and np.shape(y)[1] > 1
    for transformer in target_transformers(estimator):
        if _functions(transformer) == (None, None):
            continue  # the identity
        if several or name is None:
            return None
        if _functions(transformer) == (np.log1p, np.expm1) and name in OF_LOGARITHMS:
            name = ON_LOGARITHMS
        elif not (_is_linear(transformer) and name in INVARIANT):
            return None
    return name


def _functions(transformer: Any) -> tuple[Any, Any] | None:
    """Return the functions of a ``FunctionTransformer`` and its inverse; None for any other."""
    if not is_instance_of(transformer, "sklearn.preprocessing", "FunctionTransformer"):
        return None
    if transformer.kw_args or transformer.inv_kw_args:
        return None
    return transformer.func, transformer.inverse_func


def _is_linear(transformer: Any) -> bool:
    return is_instance_of(transformer, "sklearn.preprocessing", *LINEAR) and not getattr(
        transformer, "clip", False
    )
