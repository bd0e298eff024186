"""Optuna, which need not be installed."""

from __future__ import annotations

from tuneplug.optional import Framework

__all__ = ["OPTUNA"]

OPTUNA = Framework("Optuna", "optuna", "optuna")
