"""Matérn-5/2 kernel on points of the unit cube.

Symbols are those of the package.

    k(r²) = sigma_f² (1 + √5 r + 5/3 r²) exp(-√5 r)     (Rasmussen & Williams 2006, eq. 4.17)
    dk/d(r²) = -5/6 sigma_f² (1 + √5 r) exp(-√5 r)      (finite at r = 0)
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from tuneplug._typing import FloatArray, IndexArray
from tuneplug.space import SearchSpace
from tuneplug.surrogate.warping import kumaraswamy, kumaraswamy_derivative

__all__ = ["ColumnLayout", "CubeKernel", "Hyperparameters", "matern52", "squared_distances"]

SQRT2 = math.sqrt(2.0)


@dataclass(frozen=True)
class ColumnLayout:
    """Ordered and categorical columns of the unit cube.

    Attributes
    ----------
    ordered : int ndarray of shape (p,)
        Indices of the ordered columns.
    categorical : tuple of (int, int)
        Index and number of categories of each of the q categorical columns.
    """

    ordered: IndexArray
    categorical: tuple[tuple[int, int], ...]

    @classmethod
    def from_space(cls, space: SearchSpace) -> ColumnLayout:
        """Return the layout of the columns of a search space."""
        ordered = [parameter.ordered for parameter in space.dimensions]
        categorical = [(j, int(p.size)) for j, p in enumerate(space.dimensions) if not p.ordered]
        return cls(np.flatnonzero(ordered), tuple(categorical))

    @functools.cached_property
    def category_of(self) -> IndexArray:
        """Map each of the c one-hot columns to the number, below q, of its categorical column."""
        return np.repeat(np.arange(len(self.categorical)), [count for _, count in self.categorical])

    @property
    def n_lengthscales(self) -> int:
        """Return p + q."""
        return len(self.ordered) + len(self.categorical)

    def one_hot(self, U: FloatArray) -> FloatArray:
        """Return the one-hot encoding O of the categorical columns, shape (n, c)."""
        blocks = [
            np.floor(U[:, [column]] * count).clip(0, count - 1) == np.arange(count)
            for column, count in self.categorical
        ]
        return np.hstack(blocks).astype(np.float64) if blocks else np.empty((len(U), 0))


@dataclass(frozen=True)
class Hyperparameters:
    """All learned quantities, in their natural units.

    Attributes
    ----------
    lengthscales : ndarray of shape (p + q,)
        l: ordered columns first, then categorical columns.
    amplitude, noise, mean : float
        sigma_f², sigma_n² and mu, in units of the targets.
    a, b : ndarray of shape (p,)
        Shapes of the input warps; 1 if a column is not warped.
    curvature : float, default 0
        gamma; 0 if losses are not transformed.
    """

    lengthscales: FloatArray
    amplitude: float
    noise: float
    mean: float
    a: FloatArray
    b: FloatArray
    curvature: float = 0.0


class CubeKernel:
    """Matérn-5/2 kernel of two points of the cube, for given hyperparameters.

    Parameters
    ----------
    layout : ColumnLayout
    hyper : Hyperparameters
    """

    def __init__(self, layout: ColumnLayout, hyper: Hyperparameters) -> None:
        self.layout, self.hyper = layout, hyper
        p = len(layout.ordered)
        self._ordered_scale = hyper.lengthscales[:p]
        self._one_hot_scale = SQRT2 * hyper.lengthscales[p:][layout.category_of]
        self._warps = bool(np.any(hyper.a != 1.0) or np.any(hyper.b != 1.0))

    def embed(self, U: FloatArray) -> FloatArray:
        """Return the embedding Z of points of the cube."""
        return self.embed_columns(U[:, self.layout.ordered], self.layout.one_hot(U))

    def embed_columns(self, X: FloatArray, one_hot: FloatArray) -> FloatArray:
        """Return the embedding Z, given the ordered and the one-hot columns of points."""
        W = kumaraswamy(X, self.hyper.a, self.hyper.b) if self._warps else X
        if one_hot.shape[1] == 0:
            return np.ascontiguousarray(W / self._ordered_scale)
        return np.hstack([W / self._ordered_scale, one_hot / self._one_hot_scale])

    def embedding_derivative(self, U: FloatArray) -> FloatArray:
        """Return dz/du of the ordered columns, shape (n, p)."""
        X = U[:, self.layout.ordered]
        return kumaraswamy_derivative(X, self.hyper.a, self.hyper.b) / self._ordered_scale

    def matrix(self, Z1: FloatArray, Z2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return k and dk_dr2 of all pairs of embedded points, each of shape (n1, n2).

        If ``Z1 is Z2``, the distance of a point to itself is exactly 0.
        """
        r2 = squared_distances(Z1, Z2)
        if Z1 is Z2:
            r2.flat[:: len(Z1) + 1] = 0.0
        return matern52(r2, self.hyper.amplitude)


def squared_distances(A: FloatArray, B: FloatArray) -> FloatArray:
    """Return |a_i - b_j|² for rows of A, shape (n, k), and B, shape (m, k); shape (n, m)."""
    square: FloatArray = A @ (-2.0 * B.T)
    norms = (A * A).sum(axis=1)
    square += norms[:, None]
    square += norms if A is B else (B * B).sum(axis=1)
    return np.maximum(square, 0.0, out=square)


def matern52(r2: FloatArray, amplitude: float) -> tuple[FloatArray, FloatArray]:
    """Return k and dk_dr2 for squared distances of any shape."""
    r = np.sqrt(5.0 * r2)
    decay = np.exp(-r)
    decay *= amplitude
    dk_dr2 = decay * (1.0 + r)
    r *= r  # from here on the buffer of r holds k
    r *= decay
    r /= 3.0
    r += dk_dr2
    dk_dr2 *= -5.0 / 6.0
    return r, dk_dr2
