"""tuneplug for scikit-learn: ``WarpedBayesSearchCV``, a drop-in for ``RandomizedSearchCV``.

Names are loaded when they are first used, so that what is registered here can be looked at without
importing scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuneplug_sklearn.displays import (
        BestSoFarDisplay,
        FoldScoresDisplay,
        LearnedWarpsDisplay,
        ParallelCoordinatesDisplay,
        TriedSettingsDisplay,
    )
    from tuneplug_sklearn.progress import Progress
    from tuneplug_sklearn.search import WarpedBayesSearchCV

_HOME = {
    "BestSoFarDisplay": "displays",
    "FoldScoresDisplay": "displays",
    "LearnedWarpsDisplay": "displays",
    "ParallelCoordinatesDisplay": "displays",
    "Progress": "progress",
    "TriedSettingsDisplay": "displays",
    "WarpedBayesSearchCV": "search",
}

__all__ = [
    "BestSoFarDisplay",
    "FoldScoresDisplay",
    "LearnedWarpsDisplay",
    "ParallelCoordinatesDisplay",
    "Progress",
    "TriedSettingsDisplay",
    "WarpedBayesSearchCV",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
