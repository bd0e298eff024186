"""Search space of the ranges that AWS recommends for CatBoost.

Source: "Tune a CatBoost model", Amazon SageMaker AI developer guide, table "Tunable CatBoost
hyperparameters", https://docs.aws.amazon.com/sagemaker/latest/dg/catboost-tuning.html.  The ranges
are unchanged.
"""

from __future__ import annotations

from tuneplug import Float, Int

__all__ = ["recommended_space"]


def recommended_space() -> dict[str, Float | Int]:
    """Return the ranges that AWS recommends for tuning its CatBoost algorithm.

    All parameters use ``scaling="auto"``.  The ranges are AWS's own.  You may want to change these:

    - ``learning_rate`` ends at 0.01.  The 1000 rounds that CatBoost trains by default are then
      often too few.
    - ``l2_leaf_reg`` is an integer.  CatBoost takes any number that is not negative.

    Returns
    -------
    dict of str to Float or Int

    Examples
    --------
    >>> from tuneplug_catboost import recommended_space
    >>> recommended_space()["depth"]
    Int(low=4, high=10, scaling='auto', when=None)
    """
    return {
        "learning_rate": Float(0.001, 0.01),
        "depth": Int(4, 10),
        "l2_leaf_reg": Int(2, 10),
        "random_strength": Float(0.0, 10.0),
    }
