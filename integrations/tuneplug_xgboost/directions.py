"""Which way XGBoost's own metrics are better: by exact name, never by how a name begins.

XGBoost's early stopping decides by prefixes, and so has to except ``mape`` from ``map``.  The names
here are those that XGBoost 2.1 to 3.2 prints; an argument after ``@`` and the trailing ``-`` of
ranking metrics (a list without relevant items scores 0 instead of 1) are part of the name.
"""

from __future__ import annotations

import re

__all__ = ["known_direction", "maximized"]

_PLAIN = {
    "aft-nloglik": False,
    "auc": True,
    "aucpr": True,
    "cox-nloglik": False,
    "error": False,
    "expectile": False,
    "gamma-deviance": False,
    "gamma-nloglik": False,
    "interval-regression-accuracy": True,
    "logloss": False,
    "mae": False,
    "mape": False,
    "merror": False,
    "mlogloss": False,
    "mphe": False,
    "poisson-nloglik": False,
    "quantile": False,
    "rmse": False,
    "rmsle": False,
}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_WITH_ARGUMENT = {
    re.compile(rf"ams@{_NUMBER}"): True,
    re.compile(rf"error@{_NUMBER}"): False,
    re.compile(rf"tweedie-nloglik@{_NUMBER}"): False,
    re.compile(r"(?:map|ndcg|pre)(?:@\d+)?-?"): True,
}


def known_direction(metric: str) -> bool | None:
    """Return whether one of XGBoost's own metrics is maximized, None for any other name."""
    if metric in _PLAIN:
        return _PLAIN[metric]
    return next((way for name, way in _WITH_ARGUMENT.items() if name.fullmatch(metric)), None)


def maximized(metric: str, maximize: bool | None) -> bool:
    """Return whether a metric is maximized, by its name and what the user says.

    Raises
    ------
    ValueError
        If the two contradict each other, or neither says.
    """
    known = known_direction(metric)
    if known is None and maximize is None:
        raise ValueError(
            f"maximize must be given for a metric that is not XGBoost's own, but got {metric!r}: "
            "pass maximize=True or maximize=False"
        )
    if known is not None and maximize is not None and maximize != known:
        raise ValueError(
            f"maximize must be {known} for {metric!r}, as it is XGBoost's own metric, but got "
            f"maximize={maximize}: leave it out, or give a metric of your own another name"
        )
    return bool(maximize if known is None else known)
