"""Priors and bounds of everything the surrogate learns.

Every positive quantity is learned by its logarithm, with a normal prior on that logarithm (a
log-normal prior on the quantity); the mean is learned as it is.  Targets are standardized, so
amplitude, noise and mean are in units of the targets' variance and standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuneplug.surrogate import warping

__all__ = ["Prior", "amplitude", "curvature", "lengthscale", "mean", "noise", "warp_shape"]


@dataclass(frozen=True)
class Prior:
    """A normal prior with hard bounds on one learned number (a logarithm, or the mean)."""

    mean: float
    sd: float
    low: float
    high: float


def lengthscale(n_dimensions: int) -> Prior:
    """Grow with the dimension, as distances do: LogNormal(-1/2 + ln(d) / 4, 0.7).

    Of the form that Hvarfner et al. propose ("Vanilla Bayesian Optimization Performs Great in High
    Dimensions", ICML 2024, section 5), LogNormal(√2 + ln(d) / 2, √3), but shorter and tighter: with
    few observations their mode lets most lengthscales leave the cube.
    """
    centre = -0.5 + 0.25 * math.log(max(n_dimensions, 1))
    return Prior(centre, 0.7, math.log(0.01), math.log(1e3))


amplitude = Prior(0.0, 1.0, math.log(1e-2), math.log(1e2))
noise = Prior(math.log(1e-4), 2.0, math.log(1e-6), math.log(1.0))
#: Tight: trials gather where losses are good, and a mean learned freely would sink all the rest.
mean = Prior(0.0, 0.3, -5.0, 5.0)
warp_shape = Prior(0.0, warping.PRIOR_SD, math.log(warping.BOUNDS[0]), math.log(warping.BOUNDS[1]))
#: Curvature of the output transform: at 0.05 the losses stay as they are but for a few per cent, at
#: 30 they are taken by their logarithms.
curvature = Prior(math.log(0.3), 1.5, math.log(0.05), math.log(30.0))
