"""tuneplug for scikit-learn: ``WarpedBayesSearchCV``, a drop-in for ``RandomizedSearchCV``."""

from tuneplug_sklearn.displays import (
    BestSoFarDisplay,
    FoldScoresDisplay,
    LearnedWarpsDisplay,
    ParallelCoordinatesDisplay,
    TriedSettingsDisplay,
)
from tuneplug_sklearn.progress import Progress
from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = [
    "BestSoFarDisplay",
    "FoldScoresDisplay",
    "LearnedWarpsDisplay",
    "ParallelCoordinatesDisplay",
    "Progress",
    "TriedSettingsDisplay",
    "WarpedBayesSearchCV",
]
