"""Search space of the ranges that AWS recommends for XGBoost.

Source: "Tune an XGBoost Model", Amazon SageMaker AI developer guide, table "Tunable XGBoost
Hyperparameters", https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html.  The ranges
are unchanged.
"""

from __future__ import annotations

from typing import Literal

from tuneplug import Float, Int

__all__ = ["recommended_space"]

#: Names in the scikit-learn wrappers that differ from the native names.
_SKLEARN = {
    "alpha": "reg_alpha",
    "eta": "learning_rate",
    "lambda": "reg_lambda",
    "num_boost_round": "n_estimators",
}


def recommended_space(style: Literal["sklearn", "native"] = "sklearn") -> dict[str, Float | Int]:
    """Return the ranges that AWS recommends for tuning its XGBoost algorithm.

    All parameters use ``scaling="auto"``.  The ranges are AWS's own.  You may want to change these:

    - ``n_estimators`` goes up to 4000, so that the average fit is long.  Set it to a constant, or
      stop poor trials early.
    - ``max_depth=0`` means unlimited depth.  A tree may then become as large as the data, and
      ``tree_method="exact"`` does not support it.
    - ``learning_rate`` starts at 0.1.  With thousands of rounds, smaller values are often better.
    - ``reg_alpha``, ``reg_lambda`` and ``min_child_weight`` act on sums over rows.  With a few
      hundred rows, the upper halves of their ranges prevent any learning.

    Parameters
    ----------
    style : {"sklearn", "native"}, default "sklearn"
        "sklearn" uses the names of ``XGBClassifier`` and ``XGBRegressor``, "native" those of
        ``xgboost.train``.  There, ``num_boost_round`` (AWS: ``num_round``) is a separate argument.

    Returns
    -------
    dict of str to Float or Int

    Raises
    ------
    ValueError
        If ``style`` is another string.

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
