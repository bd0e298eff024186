"""What tuneplug itself offers by name, registered through the hooks that plugins use."""

from __future__ import annotations

from tuneplug.plugins.converters import Converter, ScipyConverter
from tuneplug.plugins.hookspecs import hookimpl
from tuneplug.space.scaling import Linear, Log, ReverseLog, Scaling
from tuneplug.stopping import AsynchronousHalving, MedianRule, StoppingRule
from tuneplug.storage import MemoryStorage, SqliteStorage, Storage
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch, Strategy

__all__ = [
    "tuneplug_converters",
    "tuneplug_scalings",
    "tuneplug_stopping_rules",
    "tuneplug_storages",
    "tuneplug_strategies",
]


@hookimpl
def tuneplug_strategies() -> list[type[Strategy]]:
    return [BayesianSearch, GridSearch, HyperbandSearch, RandomSearch]


@hookimpl
def tuneplug_scalings() -> list[type[Scaling]]:
    return [Linear, Log, ReverseLog]


@hookimpl
def tuneplug_stopping_rules() -> list[type[StoppingRule]]:
    return [AsynchronousHalving, MedianRule]


@hookimpl
def tuneplug_storages() -> list[type[Storage]]:
    return [MemoryStorage, SqliteStorage]


@hookimpl
def tuneplug_converters() -> list[type[Converter]]:
    return [ScipyConverter]
