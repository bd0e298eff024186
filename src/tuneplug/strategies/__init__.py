"""Strategies: what proposes the next setting."""

from tuneplug.strategies.base import Context, Strategy, Suggestion
from tuneplug.strategies.bayesian import BayesianSearch
from tuneplug.strategies.grid import GridSearch
from tuneplug.strategies.hyperband import HyperbandSearch
from tuneplug.strategies.random import RandomSearch
from tuneplug.strategies.warps import WarpCurve

__all__ = [
    "BayesianSearch",
    "Context",
    "GridSearch",
    "HyperbandSearch",
    "RandomSearch",
    "Strategy",
    "Suggestion",
    "WarpCurve",
]
