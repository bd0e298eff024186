"""tuneplug for scikit-learn: ``WarpedBayesSearchCV``, a drop-in for ``RandomizedSearchCV``."""

from tuneplug_sklearn.progress import Progress
from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = ["Progress", "WarpedBayesSearchCV"]
