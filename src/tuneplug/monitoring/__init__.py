"""Fit monitors and fit reporters, which connect the training loop of a library to a search."""

from tuneplug.monitoring.fit_monitor import FitMonitor, MonitoredFit, Scoring
from tuneplug.monitoring.fit_reporter import FitReporter, SearchFitReporter
from tuneplug.monitoring.metric_selection import (
    Entry,
    MetricError,
    check_metric_options,
    select_metric,
)
from tuneplug.monitoring.score_metrics import ScoreMetrics, evaluation_weights
from tuneplug.monitoring.score_reporter import ScoreReporter, portion_ends
from tuneplug.trial.reporting import TrialReporter

__all__ = [
    "Entry",
    "FitMonitor",
    "FitReporter",
    "MetricError",
    "MonitoredFit",
    "ScoreMetrics",
    "ScoreReporter",
    "Scoring",
    "SearchFitReporter",
    "TrialReporter",
    "check_metric_options",
    "evaluation_weights",
    "portion_ends",
    "select_metric",
]
