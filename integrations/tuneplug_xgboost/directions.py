"""Directions of XGBoost's own metrics, by full name.

XGBoost's early stopping decides by prefixes, and therefore treats ``mape`` as an exception from
``map``.  The names here are those that XGBoost 2.1 to 3.2 prints.  They include an argument after
``@`` and the trailing ``-`` of ranking metrics, which scores a list without relevant items as 0
instead of 1.
"""

from __future__ import annotations

import re

from tuneplug.trial import Direction

__all__ = ["known_direction"]

_MAXIMIZED = {"auc", "aucpr", "interval-regression-accuracy"}
_MINIMIZED = {
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "expectile",
    "gamma-deviance",
    "gamma-nloglik",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "poisson-nloglik",
    "quantile",
    "rmse",
    "rmsle",
}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_MAXIMIZED_PATTERN = re.compile(rf"ams@{_NUMBER}|(?:map|ndcg|pre)(?:@\d+)?-?")
_MINIMIZED_PATTERN = re.compile(rf"(?:error|tweedie-nloglik)@{_NUMBER}")


def known_direction(metric: str) -> Direction | None:
    """Return the direction of one of XGBoost's own metrics; None for any other name."""
    if metric in _MAXIMIZED or _MAXIMIZED_PATTERN.fullmatch(metric):
        return "maximize"
    if metric in _MINIMIZED or _MINIMIZED_PATTERN.fullmatch(metric):
        return "minimize"
    return None
