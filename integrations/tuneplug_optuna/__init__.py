"""Optuna and tuneplug, each in the other's place."""

from __future__ import annotations

from tuneplug_optuna.converter import OptunaConverter

__all__ = ["OptunaConverter"]
