"""Posterior density of the hyperparameters: its mode by L-BFGS, and samples by slice sampling.

Symbols are those of the package; the targets t(v; gamma) are those of ``output_transform.py``.

    theta = [ln l (p + q), ln sigma_f², ln sigma_n², mu, ln a (p), ln b (p), ln gamma]

theta has ln a and ln b only with ``warping``, and ln gamma only with ``learn_curvature``.  The
negative log posterior, with its analytic gradient, is

    0.5 (t - mu)ᵀ alpha + 0.5 ln|K| + n/2 ln(2 pi)      (Rasmussen & Williams, eq. 5.8 and 5.9)
    - sum_i w_i ln dt_i/dv_i - ln prior(theta)

The weight w_i is 1 / (number of losses that equal the i-th).  Equal losses are one rounded value,
and tell no more about the density of losses than a single one.  With w_i = 1, a plateau at the best
loss drives gamma to its maximum, where the plateau is a pit and all other losses look alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from tuneplug._typing import FloatArray
from tuneplug.surrogate import priors
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters
from tuneplug.surrogate.output_transform import Targets
from tuneplug.surrogate.warping import kumaraswamy_shape_gradients

__all__ = ["HyperparameterPosterior", "density_weights"]

#: Negative log posterior where K is not positive definite in floating point.  L-BFGS needs a finite
#: number to step back from.
INFEASIBLE_VALUE = 1e25


@dataclass(frozen=True)
class _Factorization:
    """Quantities at one theta that the value and its gradient share."""

    kernel: CubeKernel
    targets: Targets
    Z: FloatArray
    k: FloatArray
    dk_dr2: FloatArray
    L: FloatArray
    residual: FloatArray
    alpha: FloatArray


class HyperparameterPosterior:
    """Negative log posterior of the hyperparameters, given observations.

    Parameters
    ----------
    U : ndarray of shape (n, d)
        Snapped points of the cube.
    v : ndarray of shape (n,)
        Scaled losses.  Without ``learn_curvature`` they are standardized only.
    layout : ColumnLayout
    noise_variances : ndarray of shape (n,), or float, default 0
        Known observation-noise variance of each v, added to the learned noise.
    warping : bool, default True
        Whether to learn a Kumaraswamy warp of every ordered column.
    learn_curvature : bool, default True
        Whether to learn the curvature of the output transform.
    """

    def __init__(
        self,
        U: FloatArray,
        v: FloatArray,
        layout: ColumnLayout,
        *,
        noise_variances: FloatArray | float = 0.0,
        warping: bool = True,
        learn_curvature: bool = True,
    ) -> None:
        self.v, self.layout = v, layout
        self.warping, self.learn_curvature = warping, learn_curvature
        self.noise_variances = np.broadcast_to(noise_variances, v.shape)
        self._density_weights = density_weights(v)
        self._X = np.ascontiguousarray(U[:, layout.ordered])
        self._O = layout.one_hot(U)
        self.mean, self.sd, self.low, self.high = np.array(
            [(prior.mean, prior.sd, prior.low, prior.high) for prior in self._priors()]
        ).T

    def _priors(self) -> list[priors.Prior]:
        """Return the prior of each component of theta."""
        n_lengthscales = self.layout.n_lengthscales
        learned = [priors.lengthscale(n_lengthscales)] * n_lengthscales
        learned += [priors.amplitude, priors.noise, priors.mean]
        learned += [priors.warp_shape] * (2 * len(self.layout.ordered)) if self.warping else []
        learned += [priors.curvature] if self.learn_curvature else []
        return learned

    def unpack(self, theta: FloatArray) -> Hyperparameters:
        """Return the hyperparameters that theta stands for."""
        i, p = self.layout.n_lengthscales, len(self.layout.ordered)
        shapes = np.ones((2, p))
        if self.warping:
            shapes = np.exp(theta[i + 3 : i + 3 + 2 * p]).reshape(2, p)
        return Hyperparameters(
            lengthscales=np.exp(theta[:i]),
            amplitude=math.exp(theta[i]),
            noise=math.exp(theta[i + 1]),
            mean=float(theta[i + 2]),
            a=shapes[0],
            b=shapes[1],
            curvature=math.exp(theta[-1]) if self.learn_curvature else 0.0,
        )

    def value(self, theta: FloatArray) -> float:
        """Return the negative log posterior; infinite outside the bounds."""
        if np.any(theta < self.low) or np.any(theta > self.high):
            return math.inf
        factored = self._factorize(theta)
        return INFEASIBLE_VALUE if factored is None else self._value(theta, factored)

    def value_and_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Return the negative log posterior, and its gradient; theta must lie in the bounds."""
        factored = self._factorize(theta)
        if factored is None:
            return INFEASIBLE_VALUE, np.zeros_like(theta)
        return self._value(theta, factored), self._gradient(theta, factored)

    def _factorize(self, theta: FloatArray) -> _Factorization | None:
        """Return the factorization of K, or None if K is not positive definite."""
        hyper = self.unpack(theta)
        kernel = CubeKernel(self.layout, hyper)
        targets = Targets.from_scaled(self.v, hyper.curvature)
        Z = kernel.embed_columns(self._X, self._O)
        k, dk_dr2 = kernel.matrix(Z, Z)
        K = k.copy()
        K.flat[:: len(K) + 1] += hyper.noise + self.noise_variances * targets.dt_dv**2
        L, info = lapack.dpotrf(K.T, lower=1, clean=1, overwrite_a=1)
        if info != 0:
            return None
        residual = targets.t - hyper.mean
        alpha = lapack.dpotrs(L, residual, lower=1)[0]
        return _Factorization(kernel, targets, Z, k, dk_dr2, L, residual, alpha)

    def _value(self, theta: FloatArray, at: _Factorization) -> float:
        z = (theta - self.mean) / self.sd
        log_det = 2.0 * float(np.log(np.diag(at.L)).sum())
        return (
            0.5 * float(at.residual @ at.alpha)
            + 0.5 * log_det
            + 0.5 * len(self.v) * math.log(2.0 * math.pi)
            - float(self._density_weights @ np.log(at.targets.dt_dv))
            + 0.5 * float(z @ z)
        )

    def _gradient(self, theta: FloatArray, at: _Factorization) -> FloatArray:
        G = _covariance_gradient(at)
        d_tau2 = np.diag(G).copy()  # of tau² + sigma_n², one per observation
        d_ln_amplitude = float(np.vdot(G, at.k.T))
        G *= at.dk_dr2.T
        # dr²_ij/dz_i = 2 (z_i - z_j), and z_i enters both K_ij and K_ji, so
        # d/dz_i = 2 sum_j G_ij k'_ij 2 (z_i - z_j) = 4 sum_j (G_ij k'_ij) (z_i - z_j)
        dZ = 4.0 * (G.sum(axis=1)[:, None] * at.Z - G @ at.Z)
        d_ln_noise = at.kernel.hyper.noise * float(d_tau2.sum())
        parts = [
            self._lengthscale_gradient(dZ, at.Z),
            np.array([d_ln_amplitude, d_ln_noise, -float(at.alpha.sum())]),
        ]
        if self.warping:
            parts.append(self._warp_gradient(dZ, at.kernel.hyper))
        if self.learn_curvature:
            parts.append(self._curvature_gradient(d_tau2, at))
        return np.asarray(np.concatenate(parts) + (theta - self.mean) / self.sd / self.sd)

    def _lengthscale_gradient(self, dZ: FloatArray, Z: FloatArray) -> FloatArray:
        """Return d/d(ln l), as dz/d(ln l) = -z."""
        p = len(self.layout.ordered)
        by_column = -(dZ * Z).sum(axis=0)
        by_category = np.bincount(
            self.layout.category_of, by_column[p:], minlength=len(self.layout.categorical)
        )
        return np.concatenate([by_column[:p], by_category])

    def _warp_gradient(self, dZ: FloatArray, hyper: Hyperparameters) -> FloatArray:
        """Return d/d(ln a), then d/d(ln b)."""
        p = len(self.layout.ordered)
        dW = dZ[:, :p] / hyper.lengthscales[:p]
        gradients = kumaraswamy_shape_gradients(self._X, hyper.a, hyper.b)
        return np.concatenate([(dW * dw).sum(axis=0) for dw in gradients])

    def _curvature_gradient(self, d_tau2: FloatArray, at: _Factorization) -> FloatArray:
        """Return d/d(ln gamma), of shape (1,): through t, through tau² (dt/dv)², and ln dt/dv."""
        dt, d_dt_dv = at.targets.curvature_gradient()
        dt_dv = at.targets.dt_dv
        by_dt_dv = 2.0 * d_tau2 * self.noise_variances * dt_dv - self._density_weights / dt_dv
        return np.array([float(at.alpha @ dt) + float(by_dt_dv @ d_dt_dv)])

    def initial_thetas(self) -> list[FloatArray]:
        """Return two starts of the optimization that depend on no observation.

        The first has lengthscales of half the cube; the second is the center of the priors.
        """
        short = self.mean.copy()
        short[: self.layout.n_lengthscales] = math.log(0.5)
        return [short, self.mean]

    def fit_map(self, starts: Sequence[FloatArray], max_iter: int) -> FloatArray:
        """Return the best theta that L-BFGS reaches, with ``max_iter`` iterations per start."""
        results = [
            minimize(
                self.value_and_gradient,
                np.clip(start, self.low, self.high),
                jac=True,
                method="L-BFGS-B",
                bounds=np.column_stack([self.low, self.high]),
                options={"maxiter": max_iter},
            )
            for start in starts
        ]
        return np.asarray(min(results, key=lambda result: float(result.fun)).x)

    def slice_sample(
        self, start: FloatArray, rng: np.random.Generator, *, n: int, burn_in: int, thin: int
    ) -> FloatArray:
        """Return every ``thin``-th of n slice-sampling steps after the first ``burn_in``.

        Each step samples along a random direction, by stepping out and shrinking (Neal, "Slice
        Sampling", Annals of Statistics 2003, figures 3 and 5; random directions: section 5.1).

        Returns
        -------
        ndarray of shape ((n - burn_in) / thin, len(theta))
        """
        theta = np.clip(start, self.low, self.high)
        value, kept = self.value(theta), []
        for step in range(n):
            direction = rng.standard_normal(len(theta))
            direction *= self.sd / np.linalg.norm(direction)
            theta, value = self._slice(theta, value, direction, rng)
            if step >= burn_in and (step - burn_in) % thin == thin - 1:
                kept.append(theta)
        return np.array(kept)

    def _slice(
        self, theta: FloatArray, value: float, direction: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, float]:
        """Return a sample of the slice through theta along a direction, and its value."""
        level = value + rng.exponential()
        left = -rng.random()
        right = left + 1.0
        while self.value(theta + left * direction) < level:
            left -= 1.0
        while self.value(theta + right * direction) < level:
            right += 1.0
        while True:
            x = rng.uniform(left, right)
            proposal = theta + x * direction
            proposal_value = self.value(proposal)
            if proposal_value < level:
                return proposal, proposal_value
            if x < 0.0:
                left = x
            else:
                right = x
            if right - left < 1e-9:  # rounding has shrunk the slice to theta itself
                return theta, value


def density_weights(v: FloatArray) -> FloatArray:
    """Return w, one over the number of equal losses, shape (n,)."""
    _, which, counts = np.unique(v, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[which])


def _covariance_gradient(at: _Factorization) -> FloatArray:
    """Return G = 0.5 (K⁻¹ - alpha alphaᵀ), the gradient of the negative log evidence by K."""
    G: FloatArray = lapack.dpotri(at.L, lower=1)[0]  # the lower triangle of K⁻¹; zeros above
    G = np.add(G, G.T, order="F")
    G.flat[:: len(G) + 1] *= 0.5
    G -= at.alpha[:, None] * at.alpha
    G *= 0.5
    return G
