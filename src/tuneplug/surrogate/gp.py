"""An exact Gaussian process over the warped unit cube, learned by maximum a posteriori.

Notation: n observations, d columns of the cube, of which p are numeric (ordered) and c are labels.

    U (n, d)   rows of the cube                 y (n,)   standardised targets
    W (n, p)   numeric columns, warped by a, b  O (n, q) one-hot columns of the labels
    Z (n, p+q) = [W / l, O / (√2 l)]            so that r²_ij = |z_i - z_j|², and two different
                                                choices of one label lie 1 / l² apart (Hamming)
    K = k(r²) + v I + diag(told), with amplitude s in k, learned noise variance v and variances
        that were told with the values;                         alpha = K⁻¹ (y - m), mean m

Everything is learned together by L-BFGS on the negative log posterior with analytic gradients,

    0.5 (y - m)ᵀ alpha + 0.5 ln|K| + n/2 ln(2 pi) - ln prior    (Rasmussen & Williams, eq. 5.8-9)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack, solve_triangular
from scipy.optimize import minimize

from tuneplug.arrays import FloatArray, IndexArray
from tuneplug.space import SearchSpace
from tuneplug.surrogate import priors
from tuneplug.surrogate.kernels import matern52, squared_distances
from tuneplug.warping import kumaraswamy, kumaraswamy_gradients

__all__ = ["GaussianProcess", "Hyperparameters", "Layout", "fit_map"]

SQRT2 = math.sqrt(2.0)


@dataclass(frozen=True)
class Layout:
    """Which columns of the cube are numeric, and which are labels with how many choices."""

    numeric: IndexArray
    labels: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, space: SearchSpace) -> Layout:
        ordered = [parameter.ordered for parameter in space.dimensions]
        labels = [(j, int(p.size)) for j, p in enumerate(space.dimensions) if not p.ordered]
        return cls(np.flatnonzero(ordered), tuple(labels))

    @property
    def label_of(self) -> IndexArray:
        """For each of the q one-hot columns, the number of its label."""
        return np.repeat(np.arange(len(self.labels)), [count for _, count in self.labels])

    def one_hot(self, U: FloatArray) -> FloatArray:
        """Return the one-hot columns of the labels, shape (n, q)."""
        blocks = [
            np.floor(U[:, [column]] * count).clip(0, count - 1) == np.arange(count)
            for column, count in self.labels
        ]
        return np.hstack(blocks).astype(np.float64) if blocks else np.empty((len(U), 0))


@dataclass(frozen=True)
class Hyperparameters:
    """Everything a Gaussian process learns, in its natural units.

    ``lengthscales`` holds the p numeric ones, then one for each label; ``a`` and ``b`` have shape
    (p,) and are 1 where nothing is warped.
    """

    lengthscales: FloatArray
    amplitude: float
    noise: float
    mean: float
    a: FloatArray
    b: FloatArray


class GaussianProcess:
    """A Gaussian process conditioned on observations, with its hyperparameters given.

    Parameters
    ----------
    layout : Layout
    hyper : Hyperparameters
    U : ndarray of shape (n, d)
    y : ndarray of shape (n,)
        Standardised targets.
    told : ndarray of shape (n,), or 0
        Variance of each target that is known beforehand, on top of the noise learned.
    """

    def __init__(
        self,
        layout: Layout,
        hyper: Hyperparameters,
        U: FloatArray,
        y: FloatArray,
        told: FloatArray | float = 0.0,
    ) -> None:
        self.layout, self.hyper, self.U, self.y = layout, hyper, U, y
        self.told = np.broadcast_to(told, y.shape)
        p = len(layout.numeric)
        self._numeric_scale = 1.0 / hyper.lengthscales[:p]
        self._label_scale = 1.0 / (SQRT2 * hyper.lengthscales[p:][layout.label_of])
        self._Z = self._embed(U)
        K = matern52(squared_distances(self._Z, self._Z), hyper.amplitude)[0]
        K[np.diag_indices_from(K)] = hyper.amplitude + hyper.noise + self.told
        self._L = _cholesky(K)
        residual = solve_triangular(self._L, y - hyper.mean, lower=True, check_finite=False)
        self._alpha = solve_triangular(self._L, residual, lower=True, trans=1, check_finite=False)

    def _embed(self, U: FloatArray) -> FloatArray:
        W = kumaraswamy(U[:, self.layout.numeric], self.hyper.a, self.hyper.b)
        return np.hstack([W * self._numeric_scale, self.layout.one_hot(U) * self._label_scale])

    def predict(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the posterior mean and variance of the latent function, each of shape (m,)."""
        k = matern52(squared_distances(self._embed(U), self._Z), self.hyper.amplitude)[0]
        half = solve_triangular(self._L, k.T, lower=True, check_finite=False)
        variance = self.hyper.amplitude - (half * half).sum(axis=0)
        return self.hyper.mean + k @ self._alpha, np.maximum(variance, 1e-12)

    def predict_gradients(
        self, U: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return mean (m,), variance (m,) and their gradients in the numeric columns, (m, p)."""
        hyper, p = self.hyper, len(self.layout.numeric)
        Z = self._embed(U)
        k, slope = matern52(squared_distances(Z, self._Z), hyper.amplitude)
        half = solve_triangular(self._L, k.T, lower=True, check_finite=False)
        solved = solve_triangular(self._L, half, lower=True, trans=1, check_finite=False).T
        mean = hyper.mean + k @ self._alpha
        variance = hyper.amplitude - (half * half).sum(axis=0)
        dw_du = kumaraswamy_gradients(U[:, self.layout.numeric], hyper.a, hyper.b)[0]
        chain = self._numeric_scale * dw_du

        def gradient(weights: FloatArray) -> FloatArray:
            # d/dz_i sum_j c_ij k(r²_ij) = sum_j c_ij slope_ij 2 (z_i - z_j)
            pull = weights * slope
            total = pull.sum(axis=1)[:, None] * Z[:, :p] - pull @ self._Z[:, :p]
            along: FloatArray = 2.0 * total * chain
            return along

        return mean, np.maximum(variance, 1e-12), gradient(self._alpha), -2.0 * gradient(solved)

    def leave_one_out_skill(self) -> float:
        """Return how much better than their mean the process predicts targets it has not seen.

        1 is perfect, 0 no better than the mean of the others, negative worse.  The error at target
        i, were it left out, is alpha_i / (K⁻¹)_ii (Rasmussen & Williams, eq. 5.12), with the
        hyperparameters learned from all.
        """
        n = len(self.y)
        root = solve_triangular(self._L, np.eye(n), lower=True, check_finite=False)
        errors = self._alpha / (root * root).sum(axis=0)
        by_mean = (self.y - self.y.mean()) * n / (n - 1)
        scale = float(by_mean @ by_mean)
        return 1.0 - float(errors @ errors) / scale if scale > 0.0 else 0.0

    def with_believed(self, U: FloatArray) -> GaussianProcess:
        """Condition on rows as if the posterior mean had been observed there (pending trials)."""
        if len(U) == 0:
            return self
        believed = self.predict(U)[0]
        return GaussianProcess(
            self.layout,
            self.hyper,
            np.vstack([self.U, U]),
            np.concatenate([self.y, believed]),
            np.concatenate([self.told, np.zeros(len(U))]),
        )


def _cholesky(K: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor, with the smallest jitter that makes it work."""
    scale = float(np.mean(np.diag(K)))
    for jitter in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        trial = K if jitter == 0.0 else K + jitter * scale * np.eye(len(K))
        L, info = lapack.dpotrf(trial, lower=1, clean=1)
        if info == 0:
            return np.asarray(L)
    raise np.linalg.LinAlgError("the kernel matrix is not positive definite")


class _Posterior:
    """The negative log posterior of the hyperparameters, and its gradient, for L-BFGS.

    The vector is theta = [ln l (p + c), ln s, ln v, m, ln a (p), ln b (p)]; without warping its
    last two parts are absent.
    """

    def __init__(
        self,
        U: FloatArray,
        y: FloatArray,
        layout: Layout,
        warping: bool,
        told: FloatArray | float = 0.0,
    ) -> None:
        self.y, self.layout, self.told, self.warping = y, layout, told, warping
        self.X = np.ascontiguousarray(U[:, layout.numeric])
        self.O = layout.one_hot(U)
        self.p = len(layout.numeric)
        scales = self.p + len(layout.labels)
        lengthscale = priors.lengthscale(scales)
        self.priors = [lengthscale] * scales + [priors.amplitude, priors.noise, priors.mean]
        if warping:
            self.priors += [priors.warp_shape] * (2 * self.p)
        self.mean = np.array([prior.mean for prior in self.priors])
        self.sd = np.array([prior.sd for prior in self.priors])
        self.bounds = [(prior.low, prior.high) for prior in self.priors]

    def unpack(self, theta: FloatArray) -> Hyperparameters:
        scales = self.p + len(self.layout.labels)
        ones = np.ones(self.p)
        shapes = np.exp(theta[scales + 3 :]).reshape(2, self.p) if self.warping else (ones, ones)
        return Hyperparameters(
            lengthscales=np.exp(theta[:scales]),
            amplitude=math.exp(theta[scales]),
            noise=math.exp(theta[scales + 1]),
            mean=float(theta[scales + 2]),
            a=shapes[0],
            b=shapes[1],
        )

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        h, p, n = self.unpack(theta), self.p, len(self.y)
        W = kumaraswamy(self.X, h.a, h.b) if self.warping else self.X
        label_of = self.layout.label_of
        Z = np.hstack([W / h.lengthscales[:p], self.O / (SQRT2 * h.lengthscales[p:][label_of])])
        r2 = squared_distances(Z, Z)
        np.fill_diagonal(r2, 0.0)
        k, slope = matern52(r2, h.amplitude)
        K = k.copy()
        K[np.diag_indices_from(K)] += h.noise + self.told
        L, info = lapack.dpotrf(K, lower=1, clean=1)
        if info != 0:  # not positive definite in floating point: a wall for the line search
            return 1e25, np.zeros_like(theta)
        inverse = lapack.dpotri(L, lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        residual = self.y - h.mean
        alpha = inverse @ residual
        z = (theta - self.mean) / self.sd
        value = (
            0.5 * float(residual @ alpha)
            + float(np.log(np.diag(L)).sum())
            + 0.5 * n * math.log(2.0 * math.pi)
            + 0.5 * float(z @ z)
        )
        G = 0.5 * (inverse - np.outer(alpha, alpha))  # d value / d K
        M = G * slope
        pull = 4.0 * (M.sum(axis=1)[:, None] * Z - M @ Z)  # d value / d Z
        by_column = -(pull * Z).sum(axis=0)  # d / d ln l of each column of Z
        grad_labels = np.bincount(label_of, by_column[p:], minlength=len(self.layout.labels))
        parts = [
            by_column[:p],
            grad_labels,
            [float((G * k).sum()), h.noise * float(np.trace(G)), -float(alpha.sum())],
        ]
        if self.warping:
            _, dw_da, dw_db = kumaraswamy_gradients(self.X, h.a, h.b)
            dW = pull[:, :p] / h.lengthscales[:p]
            parts += [(dW * dw_da).sum(axis=0), (dW * dw_db).sum(axis=0)]
        return value, np.concatenate(parts) + z / self.sd


def fit_map(
    U: FloatArray,
    y: FloatArray,
    layout: Layout,
    *,
    told: FloatArray | float = 0.0,
    warping: bool = True,
    max_iter: int = 60,
) -> GaussianProcess:
    """Learn the hyperparameters and condition on the observations.

    L-BFGS runs from two starts that depend on nothing but the shape of the problem, so that the
    same observations always give the same process: lengthscales of half the cube, and the priors'
    own centre.

    Parameters
    ----------
    U : ndarray of shape (n, d)
        Snapped rows of the cube.
    y : ndarray of shape (n,)
        Standardised targets.
    layout : Layout
    told : ndarray of shape (n,), default 0
        Variance of each target that is known beforehand.
    warping : bool, default True
        Whether to learn a Kumaraswamy warp of every numeric column.
    max_iter : int, default 60
        Limit of L-BFGS iterations of each start.
    """
    posterior = _Posterior(U, y, layout, warping, told)
    scales = len(layout.numeric) + len(layout.labels)
    near = posterior.mean.copy()
    near[:scales] = math.log(0.5)
    best = None
    for start in (near, posterior.mean):
        result = minimize(
            posterior,
            np.clip(start, *np.array(posterior.bounds).T),
            jac=True,
            method="L-BFGS-B",
            bounds=posterior.bounds,
            options={"maxiter": max_iter},
        )
        if best is None or result.fun < best.fun:
            best = result
    assert best is not None
    return GaussianProcess(layout, posterior.unpack(best.x), U, y, told)
