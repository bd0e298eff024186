"""What is said where Optuna is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tuneplug import MissingDependencyError

__all__ = ["needs_optuna"]


@contextmanager
def needs_optuna(name: str) -> Iterator[None]:
    """Say, where an import within finds no Optuna, what needs it and how it is installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "optuna":
            raise
        raise MissingDependencyError(
            f"{name} needs Optuna: pip install 'tuneplug[optuna]'"
        ) from error
