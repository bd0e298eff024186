"""tuneplug for CatBoost: stop poor trials early in ``fit`` and ``train``.

Public names are imported on first use.  None of them imports CatBoost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_catboost.callback import TrialCallback
    from tuneplug_catboost.monitor import CatBoostMonitor
    from tuneplug_catboost.search_spaces import recommended_space

_MODULE_OF = {
    "CatBoostMonitor": "monitor",
    "TrialCallback": "callback",
    "recommended_space": "search_spaces",
}

__all__ = ["CatBoostMonitor", "TrialCallback", "recommended_space"]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
