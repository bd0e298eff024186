"""MLflow adapter: one run per study, with one nested run per trial.

Names are loaded on first use.  MLflow is imported when an observer is created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_mlflow.observer import MLflowObserver, log_study

_MODULE_OF = {"MLflowObserver": "observer", "log_study": "observer"}

__all__ = ["MLflowObserver", "log_study"]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
