"""Search space of the ranges that AWS recommends for LightGBM.

Source: "Tune a LightGBM model", Amazon SageMaker AI developer guide, table "Tunable LightGBM
hyperparameters", https://docs.aws.amazon.com/sagemaker/latest/dg/lightgbm-tuning.html.  The ranges
are unchanged.
"""

from __future__ import annotations

from typing import Literal

from tuneplug import Float, Int

__all__ = ["recommended_space"]

#: Names in the scikit-learn wrappers that differ from the native names.
_SKLEARN = {
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "feature_fraction": "colsample_bytree",
    "min_data_in_leaf": "min_child_samples",
}


def recommended_space(style: Literal["sklearn", "native"] = "sklearn") -> dict[str, Float | Int]:
    """Return the ranges that AWS recommends for tuning its LightGBM algorithm.

    All parameters use ``scaling="auto"``.  The ranges are AWS's own.  You may want to change these:

    - ``learning_rate`` ends at 0.01.  The 100 rounds that ``LGBMClassifier`` trains by default are
      then too few.  Set ``n_estimators``, which the table does not contain, to 1000 or more.
    - ``max_depth`` starts at 15.  With at most 100 leaves, it rarely has an effect.
    - ``subsample`` (``bagging_fraction``) has no effect if ``subsample_freq`` is 0.

    Parameters
    ----------
    style : {"sklearn", "native"}, default "sklearn"
        "sklearn" uses the names of ``LGBMClassifier`` and ``LGBMRegressor``, "native" those of
        ``lightgbm.train``.

    Returns
    -------
    dict of str to Float or Int

    Raises
    ------
    ValueError
        If ``style`` is another string.

    Examples
    --------
    >>> from tuneplug_lightgbm import recommended_space
    >>> recommended_space()["num_leaves"]
    Int(low=10, high=100, scaling='auto', when=None)
    """
    if style not in ("sklearn", "native"):
        raise ValueError(f"style must be 'sklearn' or 'native', but got {style!r}")
    ranges: dict[str, Float | Int] = {
        "learning_rate": Float(0.001, 0.01),
        "num_leaves": Int(10, 100),
        "feature_fraction": Float(0.1, 1.0),
        "bagging_fraction": Float(0.1, 1.0),
        "bagging_freq": Int(0, 10),
        "max_depth": Int(15, 100),
        "min_data_in_leaf": Int(10, 200),
    }
    if style == "native":
        return ranges
    return {_SKLEARN.get(name, name): parameter for name, parameter in ranges.items()}
