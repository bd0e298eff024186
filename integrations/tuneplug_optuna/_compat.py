"""Declare Optuna as an optional dependency."""

from __future__ import annotations

from tuneplug.optional import OptionalDependency

__all__ = ["OPTUNA"]

OPTUNA = OptionalDependency("Optuna", "optuna", "optuna")
