"""Trials, their results and reports, and the history of a study."""

from tuneplug.trial.history import History, Observation
from tuneplug.trial.learning_curves import CurveKey, LearningCurve, Report, StopThresholds
from tuneplug.trial.parents import OverallBest, Parent
from tuneplug.trial.reporting import Direction, TrialReporter
from tuneplug.trial.result import TrialResult, TrialState
from tuneplug.trial.trial import Claim, Trial
from tuneplug.trial.values import as_constraints, as_real

__all__ = [
    "Claim",
    "CurveKey",
    "Direction",
    "History",
    "LearningCurve",
    "Observation",
    "OverallBest",
    "Parent",
    "Report",
    "StopThresholds",
    "Trial",
    "TrialReporter",
    "TrialResult",
    "TrialState",
    "as_constraints",
    "as_real",
]
