"""Feasibility model: probability that a trial does not fail."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tuneplug._typing import FloatArray
from tuneplug.surrogate import priors
from tuneplug.surrogate.classifier import OutcomeClassifier
from tuneplug.surrogate.kernels import ColumnLayout

__all__ = ["FeasibilityModel"]

#: Lower bound of the probability of feasibility.
MIN_FEASIBILITY = 1e-4


class FeasibilityModel(OutcomeClassifier):
    """Probability that a trial at a point of the cube does not fail.

    The lengthscales are the center of their prior.

    Parameters
    ----------
    layout : ColumnLayout
    U : ndarray of shape (n, d)
        Points of ended trials, in trial order.
    failed : bool ndarray of shape (n,)
        Whether each of them failed; must hold both outcomes.
    """

    def __init__(self, layout: ColumnLayout, U: FloatArray, failed: NDArray[np.bool_]) -> None:
        n = layout.n_lengthscales
        lengthscales = np.full(n, math.exp(priors.lengthscale(n).mean))
        super().__init__(layout, U, failed, lengthscales, MIN_FEASIBILITY)
