"""Register the fit monitor through the hook."""

from __future__ import annotations

from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import hookimpl
from tuneplug_catboost.monitor import CatBoostMonitor

__all__ = ["tuneplug_fit_monitors"]


@hookimpl
def tuneplug_fit_monitors() -> list[type[FitMonitor]]:
    return [CatBoostMonitor]
