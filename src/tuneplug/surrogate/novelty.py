"""Novelty model: probability that a trial has a loss that no other trial has.

A known loss is no improvement, but a process with smooth samples expects one beside each point of a
plateau.  Where losses have steps, equal losses show how far the plateaus reach.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tuneplug._typing import FloatArray
from tuneplug.surrogate.classifier import OutcomeClassifier
from tuneplug.surrogate.kernels import ColumnLayout

__all__ = ["NoveltyModel", "tied"]

#: Lower bound of the probability of a new loss.
MIN_NOVELTY = 0.01


def tied(U: FloatArray, losses: FloatArray) -> NDArray[np.bool_]:
    """Return, for each loss, whether another point has an equal one.

    A loss that was observed again at its own point, as by two parents, is no sign of a plateau.
    """
    distinct = np.unique(np.column_stack([losses, U]), axis=0)[:, 0]
    values, counts = np.unique(distinct, return_counts=True)
    return np.asarray(counts[np.searchsorted(values, losses)] > 1)


class NoveltyModel(OutcomeClassifier):
    """Probability that the loss at a point of the cube is new.

    Parameters
    ----------
    layout : ColumnLayout
    U : ndarray of shape (n, d)
        Points of trials with a loss, in trial order.
    losses : ndarray of shape (n,)
        Some, but not all of them must have an equal one at another point.
    lengthscales : ndarray of shape (layout.n_lengthscales,)
        Those of the process of the losses, without a warp: they tell which parameters matter.
    """

    def __init__(
        self, layout: ColumnLayout, U: FloatArray, losses: FloatArray, lengthscales: FloatArray
    ) -> None:
        super().__init__(layout, U, tied(U, losses), lengthscales, MIN_NOVELTY)
