"""Comparisons: strategies in paired replications, because one run proves nothing."""

from tuneplug.comparison.comparing import compare
from tuneplug.comparison.plan import seed_of_replication
from tuneplug.comparison.result import Comparison
from tuneplug.comparison.statistics import JobsToMatch, PairedTest

__all__ = ["Comparison", "JobsToMatch", "PairedTest", "compare", "seed_of_replication"]
