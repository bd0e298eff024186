"""Output transform: losses in, standardised targets for the Gaussian process out.

Only the order and spacing of the good half decide where to search next, but a single divergent
loss would set the scale for all.  Losses above the upper limit

    median + 2 * (median - minimum) + 2 * (interquartile range)

are therefore drawn in: beyond it they grow with the logarithm only.  The rest is left as it is.
"""

from __future__ import annotations

import numpy as np

from tuneplug.arrays import FloatArray

__all__ = ["standardise"]

REACH = 2.0


def standardise(losses: FloatArray) -> tuple[FloatArray, float]:
    """Return targets with mean 0 and standard deviation 1, in the order of the losses.

    The second value is the slope of the transform where it is linear: a small step in the loss,
    times this, is a step in the target.

    Parameters
    ----------
    losses : ndarray of shape (n,)
        Finite, smaller is better.
    """
    drawn_in = _draw_in(losses)
    low, high = drawn_in.min(), drawn_in.max()
    if low == high:
        return np.zeros(len(losses)), 1.0
    # By way of [0, 1], so that neither the squares nor a distant zero cost digits.
    unit = (drawn_in - low) / (high - low)
    centred = unit - unit.mean()
    sd = float(centred.std())
    return centred / sd, 1.0 / (float(high - low) * sd)


def _draw_in(losses: FloatArray) -> FloatArray:
    low, q25, median, q75 = np.quantile(losses, [0.0, 0.25, 0.5, 0.75])
    spread = REACH * ((median - low) + (q75 - q25))
    if spread <= 0.0:
        return losses
    excess = np.maximum(losses - (median + spread), 0.0)
    beyond = spread * (np.log(spread + excess) - np.log(spread))
    return np.asarray(np.minimum(losses, median + spread) + beyond)
