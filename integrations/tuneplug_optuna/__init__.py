"""Optuna and tuneplug, each in the other's place.

Names are loaded when they are first used; those that need Optuna import it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes
from tuneplug_optuna._compat import OPTUNA

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

__getattr__, __dir__ = lazy_attributes(__name__, _HOME, OPTUNA)
