"""When a trial ends before its own end, and a search before its budget is spent."""

from tuneplug.curves import Curve, StopTest
from tuneplug.stopping.base import StoppingRule
from tuneplug.stopping.completion import CompletionRule, Convergence, Patience, Target
from tuneplug.stopping.halving import AsynchronousHalving, HyperbandRule
from tuneplug.stopping.median import MedianRule

__all__ = [
    "AsynchronousHalving",
    "CompletionRule",
    "Convergence",
    "Curve",
    "HyperbandRule",
    "MedianRule",
    "Patience",
    "StopTest",
    "StoppingRule",
    "Target",
]
