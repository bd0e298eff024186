"""Declare the optional dependencies."""

from __future__ import annotations

from tuneplug.optional import OptionalDependency

__all__ = ["OPTUNA", "PANDAS"]

OPTUNA = OptionalDependency("Optuna", "optuna", "optuna")
PANDAS = OptionalDependency("pandas", "pandas", "pandas")
