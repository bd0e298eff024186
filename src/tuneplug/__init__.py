"""tuneplug: hyperparameter tuning with a warped Gaussian process.

Names are loaded when they are first used, so that ``import tuneplug`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_names

if TYPE_CHECKING:
    from tuneplug.categorical import Categorical
    from tuneplug.errors import (
        AllTrialsFailedError,
        MissingDependencyError,
        NoCompletedTrialError,
        PluginError,
        SpaceError,
        SpaceExhausted,
        StorageError,
        TrialError,
        TrialTakenError,
        TuneplugError,
        UnknownNameError,
    )
    from tuneplug.parameters import Float, Int
    from tuneplug.scaling import Linear, Log, ReverseLog, Scaling, choose_scaling
    from tuneplug.space import SearchSpace
    from tuneplug.study import Study
    from tuneplug.trial import Trial, TrialState

__version__ = "0.1.0"

_HOME = {
    "AllTrialsFailedError": "errors",
    "Categorical": "categorical",
    "Float": "parameters",
    "Int": "parameters",
    "Linear": "scaling",
    "Log": "scaling",
    "MissingDependencyError": "errors",
    "NoCompletedTrialError": "errors",
    "PluginError": "errors",
    "ReverseLog": "scaling",
    "Scaling": "scaling",
    "SearchSpace": "space",
    "SpaceError": "errors",
    "SpaceExhausted": "errors",
    "StorageError": "errors",
    "Study": "study",
    "Trial": "trial",
    "TrialError": "errors",
    "TrialState": "trial",
    "TrialTakenError": "errors",
    "TuneplugError": "errors",
    "UnknownNameError": "errors",
    "choose_scaling": "scaling",
}

__all__ = [
    "AllTrialsFailedError",
    "Categorical",
    "Float",
    "Int",
    "Linear",
    "Log",
    "MissingDependencyError",
    "NoCompletedTrialError",
    "PluginError",
    "ReverseLog",
    "Scaling",
    "SearchSpace",
    "SpaceError",
    "SpaceExhausted",
    "StorageError",
    "Study",
    "Trial",
    "TrialError",
    "TrialState",
    "TrialTakenError",
    "TuneplugError",
    "UnknownNameError",
    "choose_scaling",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
