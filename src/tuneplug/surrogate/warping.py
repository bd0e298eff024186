"""Kumaraswamy warping of the unit cube, one warp for each dimension.

Notation: u in [0, 1] is a scaled coordinate, w in [0, 1] the warped one, a and b > 0 its shape:

    w = 1 - (1 - u^a)^b

(Kumaraswamy 1980; as an input warp: Snoek et al., "Input Warping for Bayesian Optimization of
Non-stationary Functions", ICML 2014, which uses the Beta distribution; SageMaker's engine uses
Kumaraswamy's).  a = b = 1 is no warp; a < 1 stretches the low end as a log scale does, b < 1 the
high end as a reverse-log scale does, a and b > 1 together the middle.

All functions are array-in, array-out; a and b broadcast against the last axis of u.
"""

from __future__ import annotations

import numpy as np

from tuneplug._typing import FloatArray

__all__ = ["BOUNDS", "PRIOR_SD", "kumaraswamy", "kumaraswamy_gradients", "kumaraswamy_inverse"]


#: Bounds of a and b, and the standard deviation of their logarithms' normal prior around 0
#: (the published engine of SageMaker Automatic Model Tuning, Perrone et al., KDD 2021).
BOUNDS = (0.25, 4.0)
PRIOR_SD = 0.75
#: Slopes are taken this far inside the ends, where they would be infinite for a, b < 1.
EDGE = 1e-6


def kumaraswamy(u: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Return w; 0 maps to 0 and 1 to 1 exactly.

    >>> kumaraswamy(np.array([0.0, 0.5, 1.0]), np.array(2.0), np.array(1.0))
    array([0.  , 0.25, 1.  ])
    """
    with np.errstate(divide="ignore"):
        return -np.expm1(b * np.log1p(-(u**a)))


def kumaraswamy_inverse(w: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the u that is warped to w: u = (1 - (1 - w)^(1/b))^(1/a)."""
    with np.errstate(divide="ignore"):
        return (-np.expm1(np.log1p(-w) / b)) ** (1.0 / a)


def kumaraswamy_gradients(
    u: FloatArray, a: FloatArray, b: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return dw/du, dw/d(ln a) and dw/d(ln b).

    At the very ends w is 0 or 1 whatever the shape: there the last two are 0.
    """
    inner = np.clip(u, EDGE, 1.0 - EDGE)
    slope = a * b * (1.0 - inner**a) ** (b - 1.0) * inner ** (a - 1.0)
    at_end = (u <= 0.0) | (u >= 1.0)
    log_u = np.log(np.where(at_end, 0.5, u))
    power = np.exp(a * log_u)
    rest = -np.expm1(a * log_u)  # 1 - u^a, without cancellation near u = 1
    by_a = a * b * rest ** (b - 1.0) * power * log_u
    by_b = -b * rest**b * np.log(rest)
    return slope, np.where(at_end, 0.0, by_a), np.where(at_end, 0.0, by_b)
