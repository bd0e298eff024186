"""tuneplug for LightGBM: stop poor trials early in ``train``, ``cv`` and the scikit-learn wrappers.

Public names are imported on first use.  None of them imports LightGBM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_lightgbm.callback import TrialCallback
    from tuneplug_lightgbm.monitor import LightGBMMonitor
    from tuneplug_lightgbm.search_spaces import recommended_space

_MODULE_OF = {
    "LightGBMMonitor": "monitor",
    "TrialCallback": "callback",
    "recommended_space": "search_spaces",
}

__all__ = ["LightGBMMonitor", "TrialCallback", "recommended_space"]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
