"""tuneplug for scikit-learn: ``WarpedBayesSearchCV``, a drop-in for ``RandomizedSearchCV``.

Names are imported when first used, so that the registered plugins can be listed without importing
scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.execution import Progress
from tuneplug.optional import OptionalDependency, lazy_attributes

if TYPE_CHECKING:
    from tuneplug_sklearn.comparing import compare_searches
    from tuneplug_sklearn.constraints import Fold
    from tuneplug_sklearn.search import WarpedBayesSearchCV

_MODULE_OF = {
    "Fold": "constraints",
    "WarpedBayesSearchCV": "search",
    "compare_searches": "comparing",
}

__all__ = ["Fold", "Progress", "WarpedBayesSearchCV", "compare_searches"]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    _MODULE_OF,
    OptionalDependency("scikit-learn", "sklearn", "sklearn", ("cloudpickle", "joblib")),
)
