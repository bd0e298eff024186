"""Kumaraswamy warp of the unit interval, one per ordered column of the cube.

A warp maps u in [0, 1] to w in [0, 1]; its shapes a and b are positive:

    w = 1 - (1 - u^a)^b

(Kumaraswamy 1980.)  Snoek et al. warp inputs by the Beta distribution ("Input Warping for Bayesian
Optimization of Non-stationary Functions", ICML 2014); SageMaker's engine uses Kumaraswamy's.
a = b = 1 is no warp.  a < 1 stretches the low end as a log scale does.  b < 1 stretches the high
end as a reverse-log scale does.  a, b > 1 stretch the middle.

All functions take and return arrays; a and b broadcast against the last axis of u.
"""

from __future__ import annotations

import numpy as np

from tuneplug._typing import FloatArray

__all__ = [
    "BOUNDS",
    "PRIOR_SD",
    "kumaraswamy",
    "kumaraswamy_derivative",
    "kumaraswamy_inverse",
    "kumaraswamy_shape_gradients",
]


#: Bounds of a and b, and standard deviation of the normal prior of ln a and ln b around 0
#: (the published engine of SageMaker Automatic Model Tuning, Perrone et al., KDD 2021).
BOUNDS = (0.25, 4.0)
PRIOR_SD = 0.75
#: dw/du is evaluated at least this far from 0 and 1, where it is infinite for a < 1 or b < 1.
EDGE = 1e-6


def kumaraswamy(u: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Return w; 0 maps to 0 and 1 to 1 exactly.

    >>> kumaraswamy(np.array([0.0, 0.5, 1.0]), np.array(2.0), np.array(1.0))
    array([0.  , 0.25, 1.  ])
    """
    with np.errstate(divide="ignore"):
        return -np.expm1(b * np.log1p(-(u**a)))


def kumaraswamy_inverse(w: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Return u for a warped w: u = (1 - (1 - w)^(1/b))^(1/a)."""
    with np.errstate(divide="ignore"):
        return (-np.expm1(np.log1p(-w) / b)) ** (1.0 / a)


def kumaraswamy_derivative(u: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Return dw/du, with u clipped to [EDGE, 1 - EDGE]."""
    inner = np.minimum(np.maximum(u, EDGE), 1.0 - EDGE)
    return np.asarray(a * b * (1.0 - inner**a) ** (b - 1.0) * inner ** (a - 1.0))


def kumaraswamy_shape_gradients(
    u: FloatArray, a: FloatArray, b: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return dw/d(ln a) and dw/d(ln b); both are 0 at u = 0 and u = 1, which no shape moves."""
    at_end = (u <= 0.0) | (u >= 1.0)
    log_u = np.log(np.where(at_end, 0.5, u))
    power = np.exp(a * log_u)
    rest = -np.expm1(a * log_u)  # 1 - u^a, without cancellation near u = 1
    dw_dlna = a * b * rest ** (b - 1.0) * power * log_u
    dw_dlnb = -b * rest**b * np.log(rest)
    return np.where(at_end, 0.0, dw_dlna), np.where(at_end, 0.0, dw_dlnb)
