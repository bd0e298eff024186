"""tuneplug for LightGBM: poor trials end after a few rounds, in ``train``, ``cv`` and the wrappers.

Names are loaded when they are first used: none imports LightGBM.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
