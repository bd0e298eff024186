"""When a trial ends before its own end, and a search before its budget is spent."""

from tuneplug.curves import Curve, Report, StopTest
from tuneplug.stopping.base import StoppingRule, unsaid_variance
from tuneplug.stopping.completion import CompletionRule, Convergence, Patience, Target
from tuneplug.stopping.halving import AsynchronousHalving, HyperbandRule
from tuneplug.stopping.median import MedianRule
from tuneplug.stopping.savings import Savings

__all__ = [
    "AsynchronousHalving",
    "CompletionRule",
    "Convergence",
    "Curve",
    "HyperbandRule",
    "MedianRule",
    "Patience",
    "Report",
    "Savings",
    "StopTest",
    "StoppingRule",
    "Target",
    "unsaid_variance",
]
