"""Monitors, which lend the training loop of a framework to a search."""

from tuneplug.monitoring.fit_monitor import FitMonitor, MonitoredFit
from tuneplug.trial.reporting import TrialReporter

__all__ = ["FitMonitor", "MonitoredFit", "TrialReporter"]
