"""Register the fit monitor through the hook."""

from __future__ import annotations

from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import hookimpl
from tuneplug_skorch.monitor import SkorchMonitor

__all__ = ["tuneplug_fit_monitors"]


@hookimpl
def tuneplug_fit_monitors() -> list[type[FitMonitor]]:
    return [SkorchMonitor]
