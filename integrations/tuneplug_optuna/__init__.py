"""Optuna adapter: samplers in both directions, a storage mirror, studies as parents.

Names are loaded on first use.  Names that need Optuna import it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes
from tuneplug_optuna._compat import OPTUNA

if TYPE_CHECKING:
    from tuneplug_optuna.converter import OptunaConverter
    from tuneplug_optuna.parent import as_parent
    from tuneplug_optuna.sampler import TunePlugSampler
    from tuneplug_optuna.storage_mirror import OptunaMirror, mirror
    from tuneplug_optuna.strategy import OptunaStrategy

_MODULE_OF = {
    "OptunaConverter": "converter",
    "OptunaMirror": "storage_mirror",
    "OptunaStrategy": "strategy",
    "TunePlugSampler": "sampler",
    "as_parent": "parent",
    "mirror": "storage_mirror",  # a module named mirror would hide the function
}

__all__ = [
    "OptunaConverter",
    "OptunaMirror",
    "OptunaStrategy",
    "TunePlugSampler",
    "as_parent",
    "mirror",
]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF, OPTUNA)
