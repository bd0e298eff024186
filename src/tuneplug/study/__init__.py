"""Studies: the trials of a search, and the loop that runs them."""

from tuneplug.study.failures import N_ALIKE, exception_of
from tuneplug.study.options import resolve_timeout
from tuneplug.study.study import Study

__all__ = ["N_ALIKE", "Study", "exception_of", "resolve_timeout"]
