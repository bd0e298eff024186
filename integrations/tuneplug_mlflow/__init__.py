"""tuneplug for MLflow: a run for each study, and below it one for each of its trials.

Names are loaded when they are first used; MLflow is imported when an observer is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_mlflow.observer import MLflowObserver, log_study

_HOME = {"MLflowObserver": "observer", "log_study": "observer"}

__all__ = ["MLflowObserver", "log_study"]

__getattr__, __dir__ = lazy_attributes(__name__, _HOME)
