"""What scikit-learn's own estimators offer through tuneplug's hooks."""

from __future__ import annotations

from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import hookimpl
from tuneplug_sklearn.histogram import HistGradientBoostingMonitor

__all__ = ["tuneplug_fit_monitors"]


@hookimpl
def tuneplug_fit_monitors() -> list[type[FitMonitor]]:
    return [HistGradientBoostingMonitor]
