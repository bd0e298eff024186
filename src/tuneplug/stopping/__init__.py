"""Stopping rules end trials early, and completion rules end searches early."""

from tuneplug.stopping.base import StoppingRule, early_stop_variance
from tuneplug.stopping.completion import (
    CompletionRule,
    Convergence,
    Patience,
    Target,
    check_completion,
    completion_reason,
)
from tuneplug.stopping.halving import AsynchronousHalving, HyperbandRule
from tuneplug.stopping.median import MedianRule
from tuneplug.stopping.savings import Savings
from tuneplug.trial.learning_curves import LearningCurve, Report, StopThresholds

__all__ = [
    "AsynchronousHalving",
    "CompletionRule",
    "Convergence",
    "HyperbandRule",
    "LearningCurve",
    "MedianRule",
    "Patience",
    "Report",
    "Savings",
    "StopThresholds",
    "StoppingRule",
    "Target",
    "check_completion",
    "completion_reason",
    "early_stop_variance",
]
