"""rich adapter: a progress bar in the terminal or notebook for each running study.

Names are loaded on first use.  rich is imported when a bar is created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_rich.progress import ProgressBar

_MODULE_OF = {"ProgressBar": "progress"}

__all__ = ["ProgressBar"]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
