"""matplotlib adapter: displays of studies and fitted searches, in scikit-learn's convention.

    XDisplay.from_study(study, ...)            draws a study and returns the display
    XDisplay.from_storage(storage, name, ...)  draws a stored study
    XDisplay.from_estimator(search, ...)       draws a fitted search, scikit-learn's own too
    XDisplay(results, ...).plot(ax=None)       draws data; sets ``ax_``, ``figure_`` and the artists

Names are loaded on first use.  matplotlib is imported when a display is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_matplotlib.best_so_far import BestSoFarDisplay
    from tuneplug_matplotlib.comparison import ComparisonDisplay
    from tuneplug_matplotlib.contour import ContourDisplay
    from tuneplug_matplotlib.fold_scores import FoldScoresDisplay
    from tuneplug_matplotlib.importance import ImportanceDisplay
    from tuneplug_matplotlib.learned_warps import LearnedWarpsDisplay
    from tuneplug_matplotlib.learning_curves import LearningCurvesDisplay
    from tuneplug_matplotlib.parallel_coordinates import ParallelCoordinatesDisplay
    from tuneplug_matplotlib.results import Results
    from tuneplug_matplotlib.slices import SliceDisplay
    from tuneplug_matplotlib.timeline import TimelineDisplay
    from tuneplug_matplotlib.tried_configurations import TriedConfigurationsDisplay

_MODULE_OF = {
    "BestSoFarDisplay": "best_so_far",
    "ComparisonDisplay": "comparison",
    "ContourDisplay": "contour",
    "FoldScoresDisplay": "fold_scores",
    "ImportanceDisplay": "importance",
    "LearnedWarpsDisplay": "learned_warps",
    "LearningCurvesDisplay": "learning_curves",
    "ParallelCoordinatesDisplay": "parallel_coordinates",
    "Results": "results",
    "SliceDisplay": "slices",
    "TimelineDisplay": "timeline",
    "TriedConfigurationsDisplay": "tried_configurations",
}

__all__ = [
    "BestSoFarDisplay",
    "ComparisonDisplay",
    "ContourDisplay",
    "FoldScoresDisplay",
    "ImportanceDisplay",
    "LearnedWarpsDisplay",
    "LearningCurvesDisplay",
    "ParallelCoordinatesDisplay",
    "Results",
    "SliceDisplay",
    "TimelineDisplay",
    "TriedConfigurationsDisplay",
]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
