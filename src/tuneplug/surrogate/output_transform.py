"""Output transform: losses to standardized targets of the Gaussian process.

Symbols are those of the package.  A loss is scaled to v, 0 at the best and 1 at the median, and
bent with a learned curvature gamma >= 0:

    psi(v) = ln(1 + gamma v) / gamma  for v > 0,    psi(v) = v  for v <= 0
    t = (psi(v) - mean) / sd

gamma -> 0 keeps losses as they are; a large gamma takes their logarithm.  dpsi/dv is 1 at the best
for every gamma: psi never flattens the good end, as the family of Yeo and Johnson does for
lambda > 1.  gamma is learned with all hyperparameters from the evidence of the losses, which
includes the Jacobian of the transform:

    ln p(v) = ln p(t) + sum_i ln dt_i/dv_i        (Snelson et al., "Warped Gaussian Processes",
                                                   NIPS 2003, eq. 5)

A single divergent loss must not set the scale of all others.  So v is soft-clipped first: values
above median + tail, with tail = 2 (median - best) + 2 (interquartile range), are mapped in their
order to values below median + 2 tail.  The interquartile range counts as 100 units at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tuneplug._typing import FloatArray

__all__ = ["LossScaling", "OutputTransform", "Targets", "psi", "psi_derivative"]

#: Weight of both terms of the tail, and the largest interquartile range in units of v.
TAIL_WEIGHT, MAX_IQR = 2.0, 100.0
#: Losses are clipped to this magnitude, because differences of larger ones overflow.
MAX_LOSS = 1e150
#: v is clipped to this magnitude, because squares of larger ones overflow.
MAX_SCALED_LOSS = 1e100
#: Largest part of the tail that is mapped back, and largest exponent of the inverse of psi.
MAX_TAIL, MAX_EXPONENT = 0.99, 200.0
#: Known standard deviations of v are clipped to this: a larger one tells no more.
MAX_VARIANCE_SD = 1e6


@dataclass(frozen=True)
class LossScaling:
    """Robust affine scaling of losses with a soft-clipped upper tail.

    Attributes
    ----------
    best, scale : float
        Loss at v = 0, and loss difference of one unit of v.
    clip_start, tail : float
        In units of v.  Values above ``clip_start`` are mapped, in their order, to values below
        ``clip_start + tail``.
    """

    best: float
    scale: float
    clip_start: float
    tail: float

    @classmethod
    def from_losses(cls, losses: FloatArray) -> LossScaling:
        """Return the scaling of finite losses, shape (n,); smaller is better."""
        losses = np.clip(losses, -MAX_LOSS, MAX_LOSS)
        best, q25, median, q75, worst = np.quantile(losses, [0.0, 0.25, 0.5, 0.75, 1.0])
        gaps = [float(gap) for gap in (median - best, q75 - best, worst - best, 1.0) if gap > 0.0]
        scale = gaps[0]
        with np.errstate(over="ignore"):
            tail = TAIL_WEIGHT * ((median - best) / scale + min((q75 - q25) / scale, MAX_IQR))
        if tail == 0.0:  # at least three quarters of the losses are the best: no robust scale
            return cls(float(best), scale, np.inf, 1.0)
        return cls(float(best), scale, float(median - best) / scale + tail, tail)

    @classmethod
    def identity(cls) -> LossScaling:
        """Return the scaling that keeps losses as they are."""
        return cls(0.0, 1.0, np.inf, 1.0)

    def __call__(self, losses: FloatArray) -> FloatArray:
        """Return v of losses, shape (n,)."""
        with np.errstate(over="ignore"):
            v = (np.clip(losses, -MAX_LOSS, MAX_LOSS) - self.best) / self.scale
        v = np.clip(v, -MAX_SCALED_LOSS, MAX_SCALED_LOSS)
        excess = np.maximum(v - self.clip_start, 0.0)
        soft_excess = self.tail * (excess / (self.tail + excess))
        return np.asarray(np.minimum(v, self.clip_start) + soft_excess)

    def inverse(self, v: FloatArray) -> FloatArray:
        """Return the losses of v; at most those of the first 99 % of the soft-clipped tail."""
        soft_excess = np.clip(v - self.clip_start, 0.0, MAX_TAIL * self.tail)
        excess = self.tail * soft_excess / (self.tail - soft_excess)
        return np.asarray(self.best + self.scale * (np.minimum(v, self.clip_start) + excess))

    def scale_variances(self, variances: FloatArray) -> FloatArray:
        """Return variances of losses as variances of v, at most ``MAX_VARIANCE_SD`` squared."""
        return np.asarray(np.minimum(np.sqrt(variances) / self.scale, MAX_VARIANCE_SD) ** 2)


@dataclass(frozen=True)
class Targets:
    """Standardized targets of scaled losses, for one curvature.

    Attributes
    ----------
    v, t, dt_dv : ndarray of shape (n,)
        Scaled losses, targets, and the derivative of t by v.
    psi, dpsi_dv : ndarray of shape (n,)
        psi(v) and its derivative.
    curvature : float
        gamma.
    mean, sd : float
        Of psi(v).  If all losses are equal, t is 0 and sd counts as 1.
    """

    v: FloatArray
    t: FloatArray
    dt_dv: FloatArray
    psi: FloatArray
    dpsi_dv: FloatArray
    curvature: float
    mean: float
    sd: float

    @classmethod
    def from_scaled(cls, v: FloatArray, curvature: float) -> Targets:
        """Transform and standardize scaled losses."""
        bent, slope = psi(v, curvature), psi_derivative(v, curvature)
        mean = float(bent.mean())
        centered = bent - mean
        sd = math.sqrt(float((centered * centered).mean()))
        if sd == 0.0:
            zeros, ones = np.zeros(len(v)), np.ones(len(v))
            return cls(v, zeros, ones, bent, slope, curvature, mean, 1.0)
        return cls(v, centered / sd, slope / sd, bent, slope, curvature, mean, sd)

    def curvature_gradient(self) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives of t and of dt_dv by ln gamma."""
        if not self.t.any():
            return np.zeros(len(self.v)), np.zeros(len(self.v))
        positive = np.maximum(self.v, 0.0)
        bend = self.curvature * positive
        # dpsi / d ln gamma = v / (1 + gamma v) - psi
        dpsi = positive * self.dpsi_dv - self.psi
        dpsi = np.where(self.v > 0.0, dpsi, 0.0)
        d_ln_sd = float(self.t @ dpsi) / (len(self.v) * self.sd)
        dt = (dpsi - dpsi.mean()) / self.sd - self.t * d_ln_sd
        # d ln(dpsi/dv) / d ln gamma = -gamma v / (1 + gamma v)
        return dt, -self.dt_dv * (bend / (1.0 + bend) + d_ln_sd)


@dataclass(frozen=True)
class OutputTransform:
    """Map from losses to targets, with scaling, curvature and standardization fixed."""

    scaling: LossScaling
    curvature: float
    mean: float
    sd: float

    @classmethod
    def fit(cls, scaling: LossScaling, curvature: float, losses: FloatArray) -> OutputTransform:
        """Return the transform that standardizes the given losses."""
        targets = Targets.from_scaled(scaling(losses), curvature)
        return cls(scaling, curvature, targets.mean, targets.sd)

    def __call__(self, losses: FloatArray, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return targets, and variances of losses as variances of targets; both (n,)."""
        v = self.scaling(losses)
        dt_dv = psi_derivative(v, self.curvature) / self.sd
        t = (psi(v, self.curvature) - self.mean) / self.sd
        return t, self.scaling.scale_variances(variances) * dt_dv**2

    def scaled_losses(self, targets: FloatArray) -> FloatArray:
        """Return v of targets, of any shape; at most the end of the soft-clipped tail."""
        bent = targets * self.sd + self.mean
        v = np.minimum(_psi_inverse(bent, self.curvature), MAX_SCALED_LOSS)
        return np.minimum(v, self.scaling.clip_start + self.scaling.tail)

    def inverse(self, targets: FloatArray) -> FloatArray:
        """Return the losses of targets, of any shape."""
        return self.scaling.inverse(self.scaled_losses(targets))


def psi(v: FloatArray, curvature: float) -> FloatArray:
    """Return psi(v), elementwise."""
    if curvature == 0.0:
        return v
    return np.where(v > 0.0, np.log1p(curvature * np.maximum(v, 0.0)) / curvature, v)


def psi_derivative(v: FloatArray, curvature: float) -> FloatArray:
    """Return dpsi/dv, elementwise."""
    return np.asarray(1.0 / (1.0 + curvature * np.maximum(v, 0.0)))


def _psi_inverse(bent: FloatArray, curvature: float) -> FloatArray:
    """Return v of psi(v), elementwise."""
    if curvature == 0.0:
        return bent
    exponent = np.clip(curvature * bent, 0.0, MAX_EXPONENT)
    return np.where(bent > 0.0, np.expm1(exponent) / curvature, bent)
