"""Register the Optuna adapter through tuneplug's hooks."""

from __future__ import annotations

from tuneplug.plugins import Converter, hookimpl
from tuneplug.strategies import Strategy
from tuneplug_optuna.converter import OptunaConverter
from tuneplug_optuna.strategy import OptunaStrategy

__all__ = ["tuneplug_converters", "tuneplug_strategies"]


@hookimpl
def tuneplug_converters() -> type[Converter]:
    return OptunaConverter


@hookimpl
def tuneplug_strategies() -> type[Strategy]:
    return OptunaStrategy
