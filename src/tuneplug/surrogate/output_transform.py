"""Output transform: losses in, standardized targets for the Gaussian process out.

Notation: v are losses measured from the best, in units of the median's distance to it, so that the
best has v = 0 and the median v = 1; c >= 0 is the curvature that is learned.

    psi(v) = ln(1 + c v) / c  for v > 0,    psi(v) = v  for v <= 0
    t = (psi(v) - mean) / sd

c -> 0 leaves the losses as they are; a large c gives their logarithm.  The slope at the best is 1
whatever c: the good end is never flattened, as Yeo and Johnson's family would for lambda > 1, and
the bad end gives way.  c is learned with all else by the evidence of the losses, which counts the
Jacobian of the transform:

    ln p(v) = ln p(t) + sum_i ln dt_i/dv_i        (Snelson et al., "Warped Gaussian Processes",
                                                   NIPS 2003, eq. 5)

A single divergent loss would still set the scale for all.  Losses beyond the upper clip_start
median + 2 (median - best) + 2 (interquartile range) are therefore drawn in first, in their order,
to at most twice that tail.  The interquartile range counts for 100 units at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuneplug._typing import FloatArray

__all__ = ["LossScaling", "OutputTransform", "Targets", "psi", "psi_derivative", "targets"]

TAIL, MAX_IQR = 2.0, 100.0
#: Losses beyond this size count as this: their differences would overflow.
MAX_LOSS = 1e150
#: The same for v, whose squares are summed.
MAX_SCALED_LOSS = 1e100
#: A standard deviation of this many units says as much as any larger one: nothing is known.
MAX_VARIANCE_SD = 1e6


@dataclass(frozen=True)
class LossScaling:
    """Where the losses lie: the units of v, and the clip_start from which they are drawn in.

    Attributes
    ----------
    best, scale : float
        The loss at v = 0, and the loss between v = 0 and v = 1.
    clip_start, tail : float
        In units of v: beyond ``clip_start``, v is drawn in to less than ``clip_start + tail``.
    """

    best: float
    scale: float
    clip_start: float
    tail: float

    @classmethod
    def from_losses(cls, losses: FloatArray) -> LossScaling:
        """Return the frame of finite losses, shape (n,), of which smaller is better."""
        losses = np.clip(losses, -MAX_LOSS, MAX_LOSS)
        best, q25, median, q75, worst = np.quantile(losses, [0.0, 0.25, 0.5, 0.75, 1.0])
        gaps = [float(gap) for gap in (median - best, q75 - best, worst - best, 1.0) if gap > 0.0]
        scale = gaps[0]
        with np.errstate(over="ignore"):
            tail = TAIL * ((median - best) / scale + min((q75 - q25) / scale, MAX_IQR))
        if tail == 0.0:  # half of the losses are the best: nothing to measure the others by
            return cls(float(best), scale, np.inf, 1.0)
        return cls(float(best), scale, float(median - best) / scale + tail, tail)

    def __call__(self, losses: FloatArray) -> FloatArray:
        """Return v for losses of shape (n,)."""
        with np.errstate(over="ignore"):
            v = (np.clip(losses, -MAX_LOSS, MAX_LOSS) - self.best) / self.scale
        v = np.clip(v, -MAX_SCALED_LOSS, MAX_SCALED_LOSS)
        excess = np.maximum(v - self.clip_start, 0.0)
        clipped: FloatArray = np.minimum(v, self.clip_start) + self.tail * (
            excess / (self.tail + excess)
        )
        return clipped

    def scale_variances(self, variances: FloatArray) -> FloatArray:
        """Return variances of losses as variances of v; beyond ``MAX_VARIANCE_SD``, as that."""
        return np.asarray(np.minimum(np.sqrt(variances) / self.scale, MAX_VARIANCE_SD) ** 2)


@dataclass(frozen=True)
class Targets:
    """The targets of one curvature, shape (n,), and what learning the curvature needs.

    Attributes
    ----------
    t : ndarray of shape (n,)
    dt_dv : ndarray of shape (n,)
        dt/dv.
    dt_dlnc, d2t_dv_dlnc : ndarray of shape (n,)
        Derivatives of t and of the slope by ln c.
    mean, sd : float
        Of psi(v).
    """

    t: FloatArray
    dt_dv: FloatArray
    dt_dlnc: FloatArray
    d2t_dv_dlnc: FloatArray
    mean: float
    sd: float


@dataclass(frozen=True)
class OutputTransform:
    """What turns losses into targets once its frame, curvature, mean and scale are known."""

    scaling: LossScaling
    curvature: float
    mean: float
    sd: float

    def __call__(self, losses: FloatArray, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return targets, and the variances of losses as variances of targets; all (n,)."""
        v = self.scaling(losses)
        slope = psi_derivative(v, self.curvature) / self.sd
        t = (psi(v, self.curvature) - self.mean) / self.sd
        return t, self.scaling.scale_variances(variances) * slope**2


def psi(v: FloatArray, curvature: float) -> FloatArray:
    """Return psi(v), elementwise."""
    if curvature == 0.0:
        return v
    return np.where(v > 0.0, np.log1p(curvature * np.maximum(v, 0.0)) / curvature, v)


def psi_derivative(v: FloatArray, curvature: float) -> FloatArray:
    """Return the derivative of psi by v, elementwise."""
    return np.asarray(1.0 / (1.0 + curvature * np.maximum(v, 0.0)))


def targets(v: FloatArray, curvature: float) -> Targets:
    """Transform and standardize; equal losses give zeros."""
    above = np.maximum(v, 0.0)
    transformed, slope = psi(v, curvature), psi_derivative(v, curvature)
    # by ln c: psi' = v / (1 + c v) - psi, and slope' = -c v / (1 + c v)²
    dpsi = np.where(v > 0.0, above * slope - transformed, 0.0)
    mean, sd = float(transformed.mean()), float(transformed.std())
    if sd == 0.0:
        zero = np.zeros(len(v))
        return Targets(zero, np.ones(len(v)), zero, zero, mean, 1.0)
    t = (transformed - mean) / sd
    growth = float(t @ dpsi) / (len(v) * sd)  # d ln sd / d ln c
    dt = (dpsi - dpsi.mean()) / sd - t * growth
    slope = slope / sd
    dslope = -slope * (curvature * above / (1.0 + curvature * above) + growth)
    return Targets(t, slope, dt, dslope, mean, sd)
