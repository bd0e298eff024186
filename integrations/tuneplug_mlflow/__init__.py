"""tuneplug for MLflow: a run for each study, and below it one for each of its trials.

Names are loaded when they are first used; MLflow is imported when an observer is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuneplug_mlflow.observer import MLflowObserver, log_study

_HOME = {"MLflowObserver": "observer", "log_study": "observer"}

__all__ = ["MLflowObserver", "log_study"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
