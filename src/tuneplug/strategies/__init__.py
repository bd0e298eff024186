"""Strategies, which suggest the configurations to try."""

from tuneplug.strategies.async_hyperband import AsynchronousHyperband
from tuneplug.strategies.base import Context, Strategy, Suggestion, sample_untried, take_suggestions
from tuneplug.strategies.bayesian import BayesianSearch
from tuneplug.strategies.grid import GridSearch
from tuneplug.strategies.hyperband import HyperbandSearch
from tuneplug.strategies.learned_model import LearnedModel, ParameterImportance
from tuneplug.strategies.learned_warps import WarpCurve
from tuneplug.strategies.multi_fidelity import MultiFidelitySearch
from tuneplug.strategies.random import RandomSearch
from tuneplug.trial import History, Observation

__all__ = [
    "AsynchronousHyperband",
    "BayesianSearch",
    "Context",
    "GridSearch",
    "History",
    "HyperbandSearch",
    "LearnedModel",
    "MultiFidelitySearch",
    "Observation",
    "ParameterImportance",
    "RandomSearch",
    "Strategy",
    "Suggestion",
    "WarpCurve",
    "sample_untried",
    "take_suggestions",
]
