"""Exact Gaussian process over the warped unit cube, for given hyperparameters.

Symbols are those of the package.  y has shape (n,), or (n, s) for s sets of targets that share
points and noise variances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.linalg import lapack

from tuneplug._typing import FloatArray
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters

__all__ = ["GaussianProcess", "MeanFunction", "Pullback"]

#: Lower bound of posterior variances, in units of the targets' variance.
MIN_VARIANCE = 1e-12

#: Maps the derivatives of a scalar per point by the posterior means, (m,) or (m, s), and by the
#: posterior variances, (m,), to its gradients in the ordered columns of the points, (m, p).
Pullback = Callable[[FloatArray, FloatArray], FloatArray]


class MeanFunction(Protocol):
    """A prior mean beside the learned constant."""

    def __call__(self, U: FloatArray) -> FloatArray:
        """Return the mean at points of the cube, shape (m,)."""

    def with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the mean, (m,), and its gradient in the ordered columns, (m, p)."""


class GaussianProcess:
    """Gaussian process conditioned on observations.

    Parameters
    ----------
    kernel : CubeKernel
    U : ndarray of shape (n, d)
    y : ndarray of shape (n,) or (n, s)
        Standardized targets.
    noise_variances : ndarray of shape (n,), or float, default 0
        tau²: known observation-noise variance of each target, added to the learned noise.
    prefix : GaussianProcess or None, default None
        Process of the same kernel on the first rows of U and ``noise_variances``; its Cholesky
        factor is reused.
    prior : MeanFunction or None, default None
        Prior mean that is added to the learned constant; ``condition_on`` and ``fantasize`` keep
        it.

    Raises
    ------
    numpy.linalg.LinAlgError
        If K is not positive definite, even with a jitter.
    """

    def __init__(
        self,
        kernel: CubeKernel,
        U: FloatArray,
        y: FloatArray,
        noise_variances: FloatArray | float = 0.0,
        *,
        prefix: GaussianProcess | None = None,
        prior: MeanFunction | None = None,
    ) -> None:
        self.kernel, self.U, self.y, self.prior = kernel, U, y, prior
        self.noise_variances = np.broadcast_to(noise_variances, len(U))
        self._Z = self._embed(prefix)
        self._L: FloatArray = self._factor(prefix)
        centered = y - self.hyper.mean
        if prior is not None:
            centered = (centered.T - prior(U)).T
        self._alpha = self._solve(self._solve(centered), transposed=True)

    @property
    def layout(self) -> ColumnLayout:
        return self.kernel.layout

    @property
    def hyper(self) -> Hyperparameters:
        return self.kernel.hyper

    def _embed(self, prefix: GaussianProcess | None) -> FloatArray:
        if prefix is None:
            return self.kernel.embed(self.U)
        return np.vstack([prefix._Z, self.kernel.embed(self.U[len(prefix.U) :])])

    def _factor(self, prefix: GaussianProcess | None) -> FloatArray:
        """Return the lower Cholesky factor L of K, extending the factor of the first rows.

        K = [K11  K12]    L = [L11   0 ]    L11 from the prefix,  L21ᵀ = L11⁻¹ K12,
            [K21  K22]        [L21  L22]    L22 L22ᵀ = K22 - L21 L21ᵀ
        """
        n1 = 0 if prefix is None else len(prefix.U)
        if prefix is not None and n1 == len(self.U):
            return prefix._L
        Z2 = self._Z[n1:]
        K22 = self.kernel.matrix(Z2, Z2)[0]
        K22[np.diag_indices_from(K22)] += self.hyper.noise + self.noise_variances[n1:]
        if prefix is None:
            return _cholesky(K22)
        L21_T = prefix._solve(self.kernel.matrix(prefix._Z, Z2)[0])
        L = np.zeros((len(self.U), len(self.U)), order="F")
        L[:n1, :n1], L[n1:, :n1] = prefix._L, L21_T.T
        L[n1:, n1:] = _cholesky(K22 - L21_T.T @ L21_T)
        return L

    def _solve(self, right: FloatArray, *, transposed: bool = False) -> FloatArray:
        """Return L⁻¹ right, or L⁻ᵀ right."""
        if len(self.U) == 0 or right.size == 0:
            return right
        return np.asarray(lapack.dtrtrs(self._L, right, lower=1, trans=int(transposed))[0])

    def condition_on(
        self, U: FloatArray, y: FloatArray, noise_variances: FloatArray | float = 0.0
    ) -> GaussianProcess:
        """Return the process with m more observations, at a cost of O(n² m)."""
        if len(U) == 0:
            return self
        return GaussianProcess(
            self.kernel,
            np.vstack([self.U, U]),
            np.concatenate([self.y, y]),
            np.concatenate([self.noise_variances, np.broadcast_to(noise_variances, len(U))]),
            prefix=self,
            prior=self.prior,
        )

    def fantasize(self, U: FloatArray, base_samples: FloatArray) -> GaussianProcess:
        """Return the process conditioned on s joint posterior samples at pending points.

        Parameters
        ----------
        U : ndarray of shape (m, d)
        base_samples : ndarray of shape (m, s)
            Independent standard normal numbers.  Zeros condition on the posterior mean.
        """
        if len(U) == 0:
            return self
        n = len(self.U)
        grown = self.condition_on(U, self.predict(U)[0])
        # L22 L22ᵀ is the joint posterior covariance of noisy observations at the pending points.
        fantasies = grown.y[n:, None] + grown._L[n:, n:] @ base_samples
        observed = np.repeat(self.y[:, None], base_samples.shape[1], axis=1)
        y = np.vstack([observed, fantasies])
        noise = grown.noise_variances
        return GaussianProcess(self.kernel, grown.U, y, noise, prefix=grown, prior=self.prior)

    def posterior_mean_at_data(self) -> FloatArray:
        """Return the posterior mean at the observed points, of the shape of y."""
        return self.y - ((self.hyper.noise + self.noise_variances) * self._alpha.T).T

    def leave_one_out_means(self) -> FloatArray:
        """Return the mean of each target given all others, shape (n,), for y of shape (n,).

        y_i - alpha_i / (K⁻¹)_ii        (Rasmussen & Williams, eq. 5.12)
        """
        inverse = lapack.dpotri(self._L, lower=1)[0]
        return np.asarray(self.y - self._alpha / np.diag(inverse))

    def predict(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the posterior mean of the latent function, (m,) or (m, s), and variance, (m,)."""
        k = self.kernel.matrix(self._Z, self.kernel.embed(U))[0]
        return self._mean(U, k.T @ self._alpha), self._variance(self._solve(k))

    def predict_mean(self, U: FloatArray) -> FloatArray:
        """Return the posterior mean as ``predict`` does, without the cost of a variance."""
        k = self.kernel.matrix(self._Z, self.kernel.embed(U))[0]
        return self._mean(U, k.T @ self._alpha)

    def predict_mean_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the posterior mean, (m,), and its gradient in the ordered columns, (m, p).

        y must have shape (n,).
        """
        p, Z = len(self.layout.ordered), self.kernel.embed(U)
        k, dk_dr2 = self.kernel.matrix(Z, self._Z)
        dk = dk_dr2 * self._alpha
        dz = 2.0 * (dk.sum(axis=1)[:, None] * Z[:, :p] - dk @ self._Z[:, :p])
        gradient = dz * self.kernel.embedding_derivative(U)
        if self.prior is None:
            return self.hyper.mean + k @ self._alpha, gradient
        prior, d_prior = self.prior.with_gradient(U)
        return self.hyper.mean + prior + k @ self._alpha, gradient + d_prior

    def predict_with_pullback(self, U: FloatArray) -> tuple[FloatArray, FloatArray, Pullback]:
        """Return posterior mean and variance as ``predict`` does, and their pullback to U."""
        p, Z = len(self.layout.ordered), self.kernel.embed(U)
        k, dk_dr2 = self.kernel.matrix(Z, self._Z)
        half = self._solve(k.T)
        dz_du = self.kernel.embedding_derivative(U)
        mean = self.hyper.mean + k @ self._alpha
        d_prior: FloatArray | None = None
        if self.prior is not None:
            prior, d_prior = self.prior.with_gradient(U)
            mean = (mean.T + prior).T

        def pullback(d_mean: FloatArray, d_variance: FloatArray) -> FloatArray:
            solved = self._solve(half, transposed=True).T  # K⁻¹ k, one row per point
            dk = d_mean.reshape(len(U), -1) @ self._alpha.reshape(len(self.U), -1).T
            dk -= 2.0 * d_variance[:, None] * solved
            # r²_ij = |z_i - z_j|², so d/dz_i sum_j c_ij k(r²_ij) = sum_j c_ij k'_ij 2 (z_i - z_j)
            dk *= dk_dr2
            dz = 2.0 * (dk.sum(axis=1)[:, None] * Z[:, :p] - dk @ self._Z[:, :p])
            gradient = np.asarray(dz * dz_du)
            if d_prior is None:
                return gradient
            return np.asarray(gradient + d_mean.reshape(len(U), -1).sum(axis=1)[:, None] * d_prior)

        return mean, self._variance(half), pullback

    def squared_norm(self, residual: FloatArray) -> float:
        """Return rᵀ K⁻¹ r of a residual at the observed points, shape (n,)."""
        half = self._solve(residual)
        return float(half @ half)

    def _mean(self, U: FloatArray, correction: FloatArray) -> FloatArray:
        """Return the constant plus the prior mean plus kᵀ alpha, of the shape of the latter."""
        mean = self.hyper.mean + correction
        return np.asarray(mean if self.prior is None else (mean.T + self.prior(U)).T)

    def _variance(self, half: FloatArray) -> FloatArray:
        """Return sigma_f² - |L⁻¹ k|² per point, given L⁻¹ k of shape (n, m)."""
        variance = self.hyper.amplitude - np.einsum("ij,ij->j", half, half)
        return np.asarray(np.maximum(variance, MIN_VARIANCE))


def _cholesky(K: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor of K plus the smallest sufficient jitter."""
    scale = float(np.mean(np.diag(K)))
    for jitter in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        jittered = K if jitter == 0.0 else K + jitter * scale * np.eye(len(K))
        L, info = lapack.dpotrf(jittered, lower=1, clean=1)
        if info == 0:
            return np.asarray(L)
    raise np.linalg.LinAlgError(
        f"K must be positive definite, but is not with {jitter:g} of its mean diagonal added to it"
    )
