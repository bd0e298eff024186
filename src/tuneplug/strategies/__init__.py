"""Strategies: what proposes the next setting."""

from tuneplug.strategies.base import Context, Strategy, Suggestion, WarpCurve
from tuneplug.strategies.bayesian import BayesianSearch
from tuneplug.strategies.grid import GridSearch
from tuneplug.strategies.random import RandomSearch

__all__ = [
    "BayesianSearch",
    "Context",
    "GridSearch",
    "RandomSearch",
    "Strategy",
    "Suggestion",
    "WarpCurve",
]
