"""tuneplug for rich: a bar in the terminal or notebook for each study that runs.

Names are loaded when they are first used; rich is imported when a bar is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_rich.progress import ProgressBar

_HOME = {"ProgressBar": "progress"}

__all__ = ["ProgressBar"]

__getattr__, __dir__ = lazy_attributes(__name__, _HOME)
