"""Register the progress bar through tuneplug's hooks."""

from __future__ import annotations

from tuneplug.plugins import hookimpl
from tuneplug_rich.progress import ProgressBar

__all__ = ["tuneplug_observers"]


@hookimpl
def tuneplug_observers() -> list[type[ProgressBar]]:
    return [ProgressBar]
