"""The Matérn-5/2 kernel as a function of the squared distance.

Notation: r² is the squared distance between two points after warping and division by the
lengthscales, s the amplitude (prior variance of the latent function).

    k(r²) = s (1 + √5 r + 5/3 r²) exp(-√5 r)        (Rasmussen & Williams 2006, eq. 4.17)
    dk/d(r²) = -5/6 s (1 + √5 r) exp(-√5 r)         (finite at r = 0)
"""

from __future__ import annotations

import numpy as np

from tuneplug._typing import FloatArray

__all__ = ["matern52", "squared_distances"]


def squared_distances(A: FloatArray, B: FloatArray) -> FloatArray:
    """Return |a_i - b_j|² for rows of A, shape (n, p), and B, shape (m, p); shape (n, m)."""
    square: FloatArray = A @ (-2.0 * B.T)
    square += (A * A).sum(axis=1)[:, None]
    square += (B * B).sum(axis=1)[None, :]
    return np.maximum(square, 0.0, out=square)


def matern52(r2: FloatArray, amplitude: float) -> tuple[FloatArray, FloatArray]:
    """Return k and dk/d(r²) for squared distances of any shape."""
    r = np.sqrt(5.0 * r2)
    decay = np.exp(-r)
    decay *= amplitude
    slope = decay * (1.0 + r)
    r *= r
    r *= decay
    r /= 3.0
    r += slope
    slope *= -5.0 / 6.0
    return r, slope
