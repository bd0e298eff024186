"""tuneplug for LightGBM: poor trials end after a few rounds, in ``train``, ``cv`` and the wrappers.

Names are loaded when they are first used: none imports LightGBM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_lightgbm.callback import TrialCallback
    from tuneplug_lightgbm.monitor import LightGBMMonitor
    from tuneplug_lightgbm.presets import recommended_space

_HOME = {
    "LightGBMMonitor": "monitor",
    "TrialCallback": "callback",
    "recommended_space": "presets",
}

__all__ = ["LightGBMMonitor", "TrialCallback", "recommended_space"]

__getattr__, __dir__ = lazy_attributes(__name__, _HOME)
