"""tuneplug for rich: a bar in the terminal or notebook for each study that runs.

Names are loaded when they are first used; rich is imported when a bar is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuneplug_rich.progress import ProgressBar

_HOME = {"ProgressBar": "progress"}

__all__ = ["ProgressBar"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
