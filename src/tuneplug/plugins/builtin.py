"""What tuneplug itself offers by name, registered through the hooks that plugins use."""

from __future__ import annotations

from tuneplug.plugins.spec import hookimpl
from tuneplug.strategies import BayesianSearch, GridSearch, RandomSearch, Strategy

__all__ = ["tuneplug_strategies"]


@hookimpl
def tuneplug_strategies() -> list[type[Strategy]]:
    return [BayesianSearch, GridSearch, RandomSearch]
