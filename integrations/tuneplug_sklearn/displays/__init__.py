"""Displays of fitted searches, in scikit-learn's convention.

    XDisplay.from_estimator(search, ...)    reads a fitted search, draws it, returns the display
    XDisplay(plain data).plot(ax=None)      draws data at hand; sets ``ax_``, ``figure_``, artists

A candidate is a row of ``cv_results_``, numbered from 0.  Its score is its mean test score, where
larger is better; NaN means that it has none: a fit failed, or it was stopped early.  n counts
candidates, k folds, d the columns of the space.

Any search of scikit-learn will do, except for ``LearnedWarpsDisplay``.  matplotlib is imported when
something is drawn, never before.
"""

from tuneplug_sklearn.displays.best_so_far import BestSoFarDisplay
from tuneplug_sklearn.displays.fold_scores import FoldScoresDisplay
from tuneplug_sklearn.displays.learned_warps import LearnedWarpsDisplay
from tuneplug_sklearn.displays.parallel_coordinates import ParallelCoordinatesDisplay
from tuneplug_sklearn.displays.tried_configurations import TriedConfigurationsDisplay

__all__ = [
    "BestSoFarDisplay",
    "FoldScoresDisplay",
    "LearnedWarpsDisplay",
    "ParallelCoordinatesDisplay",
    "TriedConfigurationsDisplay",
]
