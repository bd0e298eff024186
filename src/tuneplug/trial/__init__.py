"""Trials, what they report, and the history of them all."""

from tuneplug.trial.learning_curves import CurveKey, LearningCurve, Report, StopThresholds
from tuneplug.trial.trial import (
    Direction,
    History,
    Observation,
    Trial,
    TrialResult,
    TrialState,
    as_real,
)

__all__ = [
    "CurveKey",
    "Direction",
    "History",
    "LearningCurve",
    "Observation",
    "Report",
    "StopThresholds",
    "Trial",
    "TrialReporter",
    "TrialResult",
    "TrialState",
    "as_real",
]
