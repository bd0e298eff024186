"""The posterior of everything a Gaussian process learns: its mode, and draws from it.

Notation as in ``gp.py``; targets t(v; c) as in ``outputs.py``.  The vector is

    theta = [ln l (p + c), ln s, ln v, m, ln a (p), ln b (p), ln c]

of which ln a and ln b are absent without warping, and ln c without an output transform.  The
negative log posterior, with analytic gradients in all of theta, is

    0.5 (t - m)ᵀ alpha + 0.5 ln|K| + n/2 ln(2 pi)   (Rasmussen & Williams, eq. 5.8 and 5.9)
    - sum_i ln dt_i/dv_i - ln prior(theta)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from tuneplug._typing import FloatArray
from tuneplug.surrogate import priors
from tuneplug.surrogate.gp import SQRT2, ColumnLayout, Hyperparameters
from tuneplug.surrogate.kernels import matern52, squared_distances
from tuneplug.surrogate.output_transform import targets
from tuneplug.surrogate.warping import kumaraswamy, kumaraswamy_gradients

__all__ = ["HyperparameterPosterior"]

#: The value of a point where K is not positive definite in floating point: a wall for a search.
INFEASIBLE_VALUE = 1e25


class HyperparameterPosterior:
    """The negative log posterior of the hyperparameters, given observations.

    Parameters
    ----------
    U : ndarray of shape (n, d)
        Snapped rows of the cube.
    v : ndarray of shape (n,)
        Scaled losses; without ``learn_curvature``, targets that are used as they are.
    layout : ColumnLayout
    noise_variances : ndarray of shape (n,), default 0
        Variance of each v that is known beforehand.
    warping : bool, default True
        Whether to learn a Kumaraswamy warp of every numeric column.
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
        self.v, self.layout, self.warping, self.learn_curvature = (
            v,
            layout,
            warping,
            learn_curvature,
        )
        self.noise_variances = np.broadcast_to(noise_variances, v.shape)
        self.X = np.ascontiguousarray(U[:, layout.ordered])
        self.O = layout.one_hot(U)
        self.p = len(layout.ordered)
        self.scales = self.p + len(layout.categorical)
        learned = [priors.lengthscale(self.scales)] * self.scales
        learned += [priors.amplitude, priors.noise, priors.mean]
        learned += [priors.warp_shape] * (2 * self.p) if warping else []
        learned += [priors.curvature] if learn_curvature else []
        self.mean, self.sd, self.low, self.high = np.array(
            [(prior.mean, prior.sd, prior.low, prior.high) for prior in learned]
        ).T

    def unpack(self, theta: FloatArray) -> Hyperparameters:
        scales, p = self.scales, self.p
        shapes = np.ones((2, p))
        if self.warping:
            shapes = np.exp(theta[scales + 3 : scales + 3 + 2 * p]).reshape(2, p)
        return Hyperparameters(
            lengthscales=np.exp(theta[:scales]),
            amplitude=math.exp(theta[scales]),
            noise=math.exp(theta[scales + 1]),
            mean=float(theta[scales + 2]),
            a=shapes[0],
            b=shapes[1],
            curvature=math.exp(theta[-1]) if self.learn_curvature else 0.0,
        )

    def value(self, theta: FloatArray) -> float:
        """Return the negative log posterior alone; infinite outside of the bounds."""
        if np.any(theta < self.low) or np.any(theta > self.high):
            return math.inf
        return self._evaluate(theta, with_gradient=False)[0]

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Return the negative log posterior and its gradient."""
        return self._evaluate(theta, with_gradient=True)

    def _evaluate(self, theta: FloatArray, *, with_gradient: bool) -> tuple[float, FloatArray]:
        h, p, n = self.unpack(theta), self.p, len(self.v)
        out = targets(self.v, h.curvature)
        W = kumaraswamy(self.X, h.a, h.b) if self.warping else self.X
        category_of = self.layout.category_of
        Z = np.hstack([W / h.lengthscales[:p], self.O / (SQRT2 * h.lengthscales[p:][category_of])])
        r2 = squared_distances(Z, Z)
        np.fill_diagonal(r2, 0.0)
        k, dk_dr2 = matern52(r2, h.amplitude)
        K = k.copy()
        K[np.diag_indices_from(K)] += h.noise + self.noise_variances * out.dt_dv**2
        L, info = lapack.dpotrf(K.T, lower=1, clean=1, overwrite_a=1)
        if info != 0:
            return INFEASIBLE_VALUE, np.zeros_like(theta)
        residual = out.t - h.mean
        alpha = lapack.dpotrs(L, residual, lower=1)[0]
        z = (theta - self.mean) / self.sd
        value = (
            0.5 * float(residual @ alpha)
            + float(np.log(np.diag(L)).sum())
            + 0.5 * n * math.log(2.0 * math.pi)
            - float(np.log(out.dt_dv).sum())
            + 0.5 * float(z @ z)
        )
        if not with_gradient:
            return value, z
        G = lapack.dpotri(L, lower=1, overwrite_c=1)[0]  # its lower triangle; zeros above
        G += np.tril(G, -1).T
        G -= alpha[:, None] * alpha
        G *= 0.5  # d value / d K
        diagonal = np.diag(G).copy()
        by_amplitude = float(np.vdot(G, k.T))
        G *= dk_dr2.T
        pull = 4.0 * (G.sum(axis=1)[:, None] * Z - G @ Z)  # d value / d Z
        by_column = -(pull * Z).sum(axis=0)  # d / d ln l of each column of Z
        by_category = np.bincount(
            category_of, by_column[p:], minlength=len(self.layout.categorical)
        )
        scalars = [by_amplitude, h.noise * float(diagonal.sum()), -float(alpha.sum())]
        parts = [by_column[:p], by_category, np.array(scalars)]
        if self.warping:
            _, dw_da, dw_db = kumaraswamy_gradients(self.X, h.a, h.b)
            dW = pull[:, :p] / h.lengthscales[:p]
            parts += [(dW * dw_da).sum(axis=0), (dW * dw_db).sum(axis=0)]
        if self.learn_curvature:
            by_dt_dv = 2.0 * diagonal * self.noise_variances * out.dt_dv - 1.0 / out.dt_dv
            parts.append([float(alpha @ out.dt_dlnc) + float(by_dt_dv @ out.d2t_dv_dlnc)])
        return value, np.concatenate(parts) + z / self.sd

    def fit_map(self, starts: Sequence[FloatArray], max_iter: int) -> FloatArray:
        """Return the best theta that L-BFGS reaches from the starts in ``max_iter`` steps each."""
        results = [
            minimize(
                self,
                np.clip(start, self.low, self.high),
                jac=True,
                method="L-BFGS-B",
                bounds=np.column_stack([self.low, self.high]),
                options={"maxiter": max_iter},
            )
            for start in starts
        ]
        return np.asarray(min(results, key=lambda result: float(result.fun)).x)

    def initial_thetas(self) -> list[FloatArray]:
        """Return two starts that depend on nothing but the shape of the problem.

        Lengthscales of half the cube, and the priors' own centre.
        """
        near = self.mean.copy()
        near[: self.scales] = math.log(0.5)
        return [near, self.mean]

    def slice_sample(
        self, start: FloatArray, rng: np.random.Generator, *, n: int, burn_in: int, thin: int
    ) -> FloatArray:
        """Return every ``thin``-th of n steps of slice sampling, those of the burn-in left out.

        Each step samples along a random direction, stepping out and shrinking (Neal, "Slice
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
        level = value + rng.exponential()
        left = -rng.random()
        right = left + 1.0
        while self.value(theta + left * direction) < level:
            left -= 1.0
        while self.value(theta + right * direction) < level:
            right += 1.0
        while True:
            x = rng.uniform(left, right)
            moved = theta + x * direction
            reached = self.value(moved)
            if reached < level:
                return moved, reached
            if x < 0.0:
                left = x
            else:
                right = x
            if right - left < 1e-9:  # rounding: the slice is the point itself
                return theta, value
