"""Ranges that AWS recommends for XGBoost, as a space ready to search.

Source: "Tune an XGBoost Model", Amazon SageMaker AI developer guide, table "Tunable XGBoost
Hyperparameters", https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html; to the
letter.
"""

from __future__ import annotations

from typing import Literal

from tuneplug import Float, Int

__all__ = ["recommended_space"]

#: Names in the scikit-learn wrappers, where they are others.
_SKLEARN = {
    "alpha": "reg_alpha",
    "eta": "learning_rate",
    "lambda": "reg_lambda",
    "num_boost_round": "n_estimators",
}


def recommended_space(style: Literal["sklearn", "native"] = "sklearn") -> dict[str, Float | Int]:
    """Return the ranges that AWS recommends for tuning its XGBoost algorithm.

    The scaling of each is left to the ``"auto"`` rule.  The ranges are AWS's own, also where one
    may want others:

    - ``n_estimators`` goes up to 4000: a mean fit is long.  Set it to a constant, or let poor
      trials end early.
    - ``max_depth=0`` means no limit of depth; a tree may then become as large as the data, and
      ``tree_method="exact"`` refuses it.
    - ``learning_rate`` begins at 0.1: with thousands of rounds, smaller ones are often better.
    - ``reg_alpha``, ``reg_lambda`` and ``min_child_weight`` act on sums over rows, so that the
      upper halves of their ranges leave nothing to learn from a few hundred rows.

    Parameters
    ----------
    style : {"sklearn", "native"}, default "sklearn"
        Names for ``XGBClassifier`` and ``XGBRegressor``, or for ``xgboost.train``, whose
        ``num_boost_round`` (AWS: ``num_round``) is an argument of its own.

    Returns
    -------
    dict of str to Float or Int

    Raises
    ------
    ValueError
        If there is no such style.

    Examples
    --------
    >>> from tuneplug_xgboost import recommended_space
    >>> recommended_space()["learning_rate"]
    Float(low=0.1, high=0.5, scaling='auto', when=None)
    """
    if style not in ("sklearn", "native"):
        raise ValueError(f"style must be 'sklearn' or 'native', but got {style!r}")
    ranges: dict[str, Float | Int] = {
        "alpha": Float(0.0, 1000.0),
        "colsample_bylevel": Float(0.1, 1.0),
        "colsample_bynode": Float(0.1, 1.0),
        "colsample_bytree": Float(0.5, 1.0),
        "eta": Float(0.1, 0.5),
        "gamma": Float(0.0, 5.0),
        "lambda": Float(0.0, 1000.0),
        "max_delta_step": Int(0, 10),
        "max_depth": Int(0, 10),
        "min_child_weight": Float(0.0, 120.0),
        "num_boost_round": Int(1, 4000),
        "subsample": Float(0.5, 1.0),
    }
    if style == "native":
        return ranges
    return {_SKLEARN.get(name, name): parameter for name, parameter in ranges.items()}
