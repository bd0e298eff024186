"""Studies: the trials of a search, and the loop that runs them."""

from tuneplug.study.failures import N_ALIKE, brief_exception, exception_of
from tuneplug.study.options import resolve_timeout
from tuneplug.study.study import Study
from tuneplug.study.warm_start import WarmStartType, read_parents

__all__ = [
    "N_ALIKE",
    "Study",
    "WarmStartType",
    "brief_exception",
    "exception_of",
    "read_parents",
    "resolve_timeout",
]
