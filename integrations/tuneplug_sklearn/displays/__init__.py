"""Displays of fitted searches, in scikit-learn's convention.

    XDisplay.from_estimator(search, ...)    draws a fitted search and returns the display
    XDisplay(plain data).plot(ax=None)      draws data; sets ``ax_``, ``figure_`` and the artists

A candidate is a row of ``cv_results_``, numbered from 0.  Its score is its mean test score; larger
is better.  The score is NaN if a fit failed or was stopped early.  Shapes: n candidates, k folds, d
columns of the space.

Every search of scikit-learn works, except with ``LearnedWarpsDisplay``.  matplotlib is imported
when a display is drawn.
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
