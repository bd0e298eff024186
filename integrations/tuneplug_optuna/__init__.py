"""Optuna and tuneplug, each in the other's place.

Names are loaded when they are first used; those that need Optuna import it then.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuneplug_optuna.converter import OptunaConverter
    from tuneplug_optuna.mirroring import OptunaMirror, mirror
    from tuneplug_optuna.sampler import TunePlugSampler
    from tuneplug_optuna.strategy import OptunaStrategy

_HOME = {
    "OptunaConverter": "converter",
    "OptunaMirror": "mirroring",
    "OptunaStrategy": "strategy",
    "TunePlugSampler": "sampler",
    "mirror": "mirroring",
}

__all__ = ["OptunaConverter", "OptunaMirror", "OptunaStrategy", "TunePlugSampler", "mirror"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tuneplug_optuna._compat import needs_optuna

    with needs_optuna(name):
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
