"""Samples of the posterior as functions, which can be evaluated at any number of points.

A joint sample at m points costs O(m³).  A sample of the prior as a sum of random cosines, corrected
by the observations, costs O(m) (Wilson et al., "Efficiently sampling functions from Gaussian
process posteriors", ICML 2020):

    f(z) = sqrt(2 sigma_f² / s) sum_j w_j cos(ω_j z + c_j)
    sample(z) = mu + f(z) + k(z, Z) K⁻¹ (y - mu - f(Z) - e)

The frequencies of a Matérn-5/2 kernel have a multivariate t distribution of 5 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.surrogate.gp import GaussianProcess

__all__ = ["sample_functions"]

#: Number of random cosines of a sample, and degrees of freedom of the frequencies.
N_FEATURES, DEGREES = 256, 5.0


def sample_functions(
    gp: GaussianProcess, n: int, rng: np.random.Generator
) -> Callable[[FloatArray], FloatArray]:
    """Return n samples of the latent function as one function of points: (m, d) to (m, n).

    y of the process must have shape (N,).
    """
    amplitude = gp.hyper.amplitude
    size = gp.kernel.embed(gp.U).shape[1]
    scale = np.sqrt(DEGREES / rng.chisquare(DEGREES, N_FEATURES))
    frequencies = rng.standard_normal((size, N_FEATURES)) * scale
    phases = rng.uniform(0.0, 2.0 * math.pi, N_FEATURES)
    weights = rng.standard_normal((N_FEATURES, n)) * math.sqrt(2.0 * amplitude / N_FEATURES)

    def prior(U: FloatArray) -> FloatArray:
        return np.asarray(np.cos(gp.kernel.embed(U) @ frequencies + phases) @ weights)

    sd = np.sqrt(gp.hyper.noise + gp.noise_variances)[:, None]
    simulated = prior(gp.U) + sd * rng.standard_normal((len(gp.U), n))
    # The process of residuals: its mean is mu + prior mean + k K⁻¹ (y - mu - f(Z) - e).
    residuals = GaussianProcess(
        gp.kernel,
        gp.U,
        gp.y[:, None] - simulated,
        gp.noise_variances,
        prefix=gp,
        prior=gp.prior,
    )
    return lambda U: prior(U) + residuals.predict_mean(U)
