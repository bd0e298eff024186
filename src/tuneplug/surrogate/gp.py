"""An exact Gaussian process over the warped unit cube, its hyperparameters given.

Notation: n observations, d columns of the cube, of which p are numeric (ordered) and c are labels.

    U (n, d)   rows of the cube                 y (n,) or (n, s)  standardized targets, s sets
    W (n, p)   numeric columns, warped by a, b  O (n, q) one-hot columns of the labels
    Z (n, p+q) = [W / l, O / (√2 l)]            so that r²_ij = |z_i - z_j|², and two different
                                                choices of one label lie 1 / l² apart (Hamming)
    K = k(r²) + v I + diag(noise_variances) = L Lᵀ, with the amplitude in k, learned noise v and
        known noise variances of the targets;               alpha = K⁻¹ (y - m), mean m
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from tuneplug._typing import FloatArray, IndexArray
from tuneplug.space import SearchSpace
from tuneplug.surrogate.kernels import matern52, squared_distances
from tuneplug.surrogate.warping import kumaraswamy, kumaraswamy_gradients

__all__ = ["ColumnLayout", "GaussianProcess", "Hyperparameters", "Pullback"]

SQRT2 = math.sqrt(2.0)
#: Posterior variances are kept above this, in units of the targets' variance.
MIN_VARIANCE = 1e-12

#: Takes derivatives of any function by the means, (m,) or (m, s), and by the variances, (m,), and
#: returns its gradients in the numeric columns of the rows, (m, p).
Pullback = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class ColumnLayout:
    """Which columns of the cube are numeric, and which are labels with how many choices."""

    ordered: IndexArray
    categorical: tuple[tuple[int, int], ...]

    @classmethod
    def from_space(cls, space: SearchSpace) -> ColumnLayout:
        ordered = [parameter.ordered for parameter in space.dimensions]
        labels = [(j, int(p.size)) for j, p in enumerate(space.dimensions) if not p.ordered]
        return cls(np.flatnonzero(ordered), tuple(labels))

    @property
    def category_of(self) -> IndexArray:
        """For each of the q one-hot columns, the number of its label."""
        return np.repeat(np.arange(len(self.categorical)), [count for _, count in self.categorical])

    def one_hot(self, U: FloatArray) -> FloatArray:
        """Return the one-hot columns of the labels, shape (n, q)."""
        blocks = [
            np.floor(U[:, [column]] * count).clip(0, count - 1) == np.arange(count)
            for column, count in self.categorical
        ]
        return np.hstack(blocks).astype(np.float64) if blocks else np.empty((len(U), 0))


@dataclass(frozen=True)
class Hyperparameters:
    """Everything a Gaussian process learns, in its natural units.

    ``lengthscales`` holds the p numeric ones, then one for each label; ``a`` and ``b`` have shape
    (p,) and are 1 where nothing is warped.  ``curvature`` is that of the output transform.
    """

    lengthscales: FloatArray
    amplitude: float
    noise: float
    mean: float
    a: FloatArray
    b: FloatArray
    curvature: float = 0.0


class GaussianProcess:
    """A Gaussian process conditioned on observations.

    Parameters
    ----------
    layout : ColumnLayout
    hyper : Hyperparameters
    U : ndarray of shape (n, d)
    y : ndarray of shape (n,) or (n, s)
        Standardized targets, or s sets of them that share their places and variances.
    noise_variances : ndarray of shape (n,), or 0
        Variance of each target that is known beforehand, on top of the noise learned.
    """

    def __init__(
        self,
        layout: ColumnLayout,
        hyper: Hyperparameters,
        U: FloatArray,
        y: FloatArray,
        noise_variances: FloatArray | float = 0.0,
        *,
        prefix: GaussianProcess | None = None,
    ) -> None:
        self.layout, self.hyper, self.U = layout, hyper, U
        self.noise_variances = np.broadcast_to(noise_variances, len(U))
        p = len(layout.ordered)
        self._ordered_scale = 1.0 / hyper.lengthscales[:p]
        self._categorical_scale = 1.0 / (SQRT2 * hyper.lengthscales[p:][layout.category_of])
        self._Z = self._embed(U)
        self._L: FloatArray = self._factor(prefix)
        self._observe(y)

    def _observe(self, y: FloatArray) -> None:
        self.y = y
        self._alpha = self._solve(self._solve(y - self.hyper.mean), transposed=True)

    def _factor(self, prefix: GaussianProcess | None) -> FloatArray:
        """Return L, given a process of the first rows: only the later ones cost a factorization."""
        done = 0 if prefix is None else len(prefix.U)
        Z = self._Z[done:]
        K22 = matern52(squared_distances(Z, Z), self.hyper.amplitude)[0]
        K22[np.diag_indices_from(K22)] = (
            self.hyper.amplitude + self.hyper.noise + self.noise_variances[done:]
        )
        if prefix is None:
            return _cholesky(K22)
        k = matern52(squared_distances(self._Z[:done], Z), self.hyper.amplitude)[0]
        half = prefix._solve(k)
        L = np.zeros((len(self.U), len(self.U)), order="F")
        L[:done, :done], L[done:, :done] = prefix._L, half.T
        L[done:, done:] = _cholesky(K22 - half.T @ half)
        return L

    def _solve(self, right: FloatArray, *, transposed: bool = False) -> FloatArray:
        """Return L⁻¹ right, or L⁻ᵀ right."""
        if len(self.U) == 0 or right.size == 0:
            return right
        return np.asarray(lapack.dtrtrs(self._L, right, lower=1, trans=int(transposed))[0])

    def _embed(self, U: FloatArray) -> FloatArray:
        W = kumaraswamy(U[:, self.layout.ordered], self.hyper.a, self.hyper.b)
        return np.hstack(
            [W * self._ordered_scale, self.layout.one_hot(U) * self._categorical_scale]
        )

    def condition_on(
        self, U: FloatArray, y: FloatArray, noise_variances: FloatArray | float = 0.0
    ) -> GaussianProcess:
        """Observe more rows: the factor is updated by rows, at O(n² m) for m new ones."""
        if len(U) == 0:
            return self
        return GaussianProcess(
            self.layout,
            self.hyper,
            np.vstack([self.U, U]),
            np.concatenate([self.y, y]),
            np.concatenate([self.noise_variances, np.broadcast_to(noise_variances, len(U))]),
            prefix=self,
        )

    def fantasize(self, U: FloatArray, base_samples: FloatArray) -> GaussianProcess:
        """Observe rows whose targets are not known yet, at s joint draws from the posterior.

        Parameters
        ----------
        U : ndarray of shape (m, d)
        base_samples : ndarray of shape (m, s)
            Independent standard normal numbers; zeros put the posterior mean in the rows' place.
        """
        if len(U) == 0:
            return self
        n = len(self.U)
        there = copy.copy(self.condition_on(U, self.predict(U)[0]))
        # L's last block is a root of the joint covariance of what will be seen at the new rows.
        imagined = there.y[n:, None] + there._L[n:, n:] @ base_samples
        there._observe(
            np.vstack([np.repeat(self.y[:, None], base_samples.shape[1], axis=1), imagined])
        )
        return there

    def posterior_mean_at_data(self) -> FloatArray:
        """Return the posterior mean at the observed rows, of the shape of y."""
        return self.y - ((self.hyper.noise + self.noise_variances) * self._alpha.T).T

    def predict(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the posterior mean of the latent function, (m,) or (m, s), and variance, (m,)."""
        k = matern52(squared_distances(self._Z, self._embed(U)), self.hyper.amplitude)[0]
        half = self._solve(k)
        variance = self.hyper.amplitude - np.einsum("ij,ij->j", half, half)
        return self.hyper.mean + k.T @ self._alpha, np.maximum(variance, MIN_VARIANCE)

    def predict_with_pullback(self, U: FloatArray) -> tuple[FloatArray, FloatArray, Pullback]:
        """Return what ``predict`` does, and the function that leads derivatives back to U."""
        hyper, p = self.hyper, len(self.layout.ordered)
        Z = self._embed(U)
        k, slope = matern52(squared_distances(Z, self._Z), hyper.amplitude)
        half = self._solve(k.T)
        variance = hyper.amplitude - np.einsum("ij,ij->j", half, half)
        dw_du = kumaraswamy_gradients(U[:, self.layout.ordered], hyper.a, hyper.b)[0]
        chain = 2.0 * self._ordered_scale * dw_du

        def pullback(by_mean: FloatArray, by_variance: FloatArray) -> FloatArray:
            solved = self._solve(half, transposed=True).T  # K⁻¹ k, one row for each of U
            by_k = by_mean.reshape(len(U), -1) @ self._alpha.reshape(len(self.U), -1).T
            by_k -= 2.0 * by_variance[:, None] * solved
            by_k *= slope  # d/dz_i sum_j c_ij k(r²_ij) = sum_j c_ij slope_ij 2 (z_i - z_j)
            total = by_k.sum(axis=1)[:, None] * Z[:, :p] - by_k @ self._Z[:, :p]
            return np.asarray(total * chain)

        return hyper.mean + k @ self._alpha, np.maximum(variance, MIN_VARIANCE), pullback


def _cholesky(K: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor, with the smallest jitter that makes it work."""
    scale = float(np.mean(np.diag(K)))
    for jitter in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        trial = K if jitter == 0.0 else K + jitter * scale * np.eye(len(K))
        L, info = lapack.dpotrf(trial, lower=1, clean=1)
        if info == 0:
            return np.asarray(L)
    raise np.linalg.LinAlgError("the kernel matrix is not positive definite")
