"""Where trials fail: a Gaussian process of a yes-or-no outcome, nothing about it learned.

A step has no lengthscale: learned ones shrink until every failure stands for itself.  They are
held at the centre of their prior instead, with noise enough to let single failures among successes
fade.  Least squares on the two outcomes is the simplest classifier with a Gaussian process
(Rasmussen & Williams, section 6.5).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tuneplug.arrays import FloatArray
from tuneplug.surrogate import priors
from tuneplug.surrogate.gp import GaussianProcess, Hyperparameters, Layout

__all__ = ["failure_process"]

NOISE = 0.03
#: The latest trials that are looked at.
N_LATEST = 400


def failure_process(layout: Layout, U: FloatArray, failed: NDArray[np.bool_]) -> GaussianProcess:
    """Return a process whose target is larger where trials failed.

    Parameters
    ----------
    layout : Layout
    U : ndarray of shape (n, d)
        Rows of ended trials, in trial order.
    failed : bool ndarray of shape (n,)
        Which of them failed; not all, and not none.
    """
    p, scales = len(layout.numeric), len(layout.numeric) + len(layout.labels)
    centre = math.exp(priors.lengthscale(scales).mean)
    hyper = Hyperparameters(np.full(scales, centre), 1.0, NOISE, 0.0, np.ones(p), np.ones(p))
    # The latest of both outcomes, so that neither is ever lost sight of.
    kept = np.sort(
        np.concatenate([np.flatnonzero(outcome)[-N_LATEST // 2 :] for outcome in (failed, ~failed)])
    )
    y = failed[kept].astype(np.float64)
    return GaussianProcess(layout, hyper, U[kept], (y - y.mean()) / y.std())
