"""Priors and bounds of all quantities that the surrogate learns.

Symbols are those of the package.  Every positive quantity has a normal prior on its logarithm (a
log-normal prior on itself); mu has a normal prior.  Targets are standardized, so amplitude, noise
and mean are in units of the targets' variance and standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuneplug.surrogate import warping

__all__ = ["Prior", "amplitude", "curvature", "lengthscale", "mean", "noise", "warp_shape"]


@dataclass(frozen=True)
class Prior:
    """Normal prior, with bounds, of one component of theta."""

    mean: float
    sd: float
    low: float
    high: float


def lengthscale(n_dimensions: int) -> Prior:
    """Return the prior of a lengthscale: LogNormal(-1/2 + ln(d) / 4, 0.7).

    It grows with the dimension because distances do.  The form is that of Hvarfner et al. ("Vanilla
    Bayesian Optimization Performs Great in High Dimensions", ICML 2024, section 5), whose prior is
    LogNormal(√2 + ln(d) / 2, √3).  This one is shorter and tighter: with few observations, the mode
    under theirs makes most columns irrelevant.
    """
    center = -0.5 + 0.25 * math.log(max(n_dimensions, 1))
    return Prior(center, 0.7, math.log(0.01), math.log(1e3))


amplitude = Prior(0.0, 1.0, math.log(1e-2), math.log(1e2))
noise = Prior(math.log(1e-4), 2.0, math.log(1e-6), math.log(1.0))
#: Tight: most trials lie where losses are small, so a free mean would predict small losses far from
#: all trials.
mean = Prior(0.0, 0.3, -5.0, 5.0)
warp_shape = Prior(0.0, warping.PRIOR_SD, math.log(warping.BOUNDS[0]), math.log(warping.BOUNDS[1]))
#: gamma = 0.05 changes losses by a few per cent; gamma = 30 takes their logarithm.
curvature = Prior(math.log(0.3), 1.5, math.log(0.05), math.log(30.0))
