"""Studies: the trials of a search, and the loop that runs them."""

from tuneplug.study.study import Study

__all__ = ["Study"]
