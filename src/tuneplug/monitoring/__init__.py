"""Monitors, which lend the training loop of a framework to a search."""

from tuneplug.monitoring.fit_monitor import FitMonitor, MonitoredFit

__all__ = ["FitMonitor", "MonitoredFit"]
