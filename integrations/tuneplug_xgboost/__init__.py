"""tuneplug for XGBoost: stop poor trials early in ``train``, ``cv`` and the scikit-learn wrappers.

Public names are imported on first use.  Only ``TrialCallback`` imports XGBoost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import OptionalDependency, lazy_attributes

if TYPE_CHECKING:
    from tuneplug_xgboost.callback import TrialCallback
    from tuneplug_xgboost.monitor import XGBoostMonitor
    from tuneplug_xgboost.search_spaces import recommended_space

_MODULE_OF = {
    "TrialCallback": "callback",
    "XGBoostMonitor": "monitor",
    "recommended_space": "search_spaces",
}

__all__ = ["TrialCallback", "XGBoostMonitor", "recommended_space"]

__getattr__, __dir__ = lazy_attributes(
    __name__, _MODULE_OF, OptionalDependency("XGBoost", "xgboost", "xgboost")
)
