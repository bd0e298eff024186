"""Maximization of the acquisition over mixed spaces, without points that were tried before.

Finite spaces of up to ``MAX_EXHAUSTIVE`` points are searched exhaustively.  In all others, Sobol
points and perturbations of the best observed points are ranked.  The best of them start a local
search, which alternates between L-BFGS in the continuous coordinates and a coordinate search in the
discrete ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection

import numpy as np
from scipy.optimize import minimize

from tuneplug._typing import FloatArray
from tuneplug.space import Parameter, SearchSpace
from tuneplug.surrogate.acquisition import Acquisition

__all__ = ["maximize"]

MAX_EXHAUSTIVE = 2048
#: Number of Sobol points, of perturbations per incumbent, and of incumbents.
N_SOBOL, N_AROUND, N_INCUMBENTS = 512, 64, 5
#: Number of starts of the local search, of its rounds, and of L-BFGS iterations in each round.
N_STARTS, N_ROUNDS, MAX_ITER = 4, 4, 40
#: Number of spread values that the coordinate search tries per discrete coordinate.
N_LINE = 24
#: Maximum number of categories that the coordinate search tries, besides those of the starts.
N_CATEGORIES = 1024
#: Starts are at least this far apart in some coordinate.
MIN_START_DISTANCE = 0.05
#: The local search ends when no start gains this much of the acquisition, a logarithm, in a round.
MIN_GAIN = 1e-3

#: Points of the cube, (m, d), and their values of the acquisition, (m,).
Scored = tuple[FloatArray, FloatArray]


def maximize(
    acquisition: Acquisition,
    space: SearchSpace,
    tried: Collection[bytes],
    rng: np.random.Generator,
) -> FloatArray | None:
    """Return the untried, snapped point with the largest acquisition that the search finds.

    Parameters
    ----------
    acquisition : Acquisition
    space : SearchSpace
    tried : collection of bytes
        Keys of the points to leave out.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (d,), or None
        None if the search meets tried points only.
    """
    if space.size <= MAX_EXHAUSTIVE:
        return _search_all(acquisition, space, tried)
    candidates = _candidates(acquisition, space, rng)
    values = acquisition(candidates)
    optimized = _local_search(acquisition, space, _distinct_starts(candidates, values))
    return _best_untried(space, [optimized, (candidates, values)], tried)


def _search_all(
    acquisition: Acquisition, space: SearchSpace, tried: Collection[bytes]
) -> FloatArray | None:
    """Return the best untried point; those outside of the bounds come last."""
    points = np.array(list(space.rows())).reshape(-1, space.n_dimensions)
    values = acquisition(points)
    low, high = space.bounds.T
    inside = np.all((points >= low) & (points <= high), axis=1)
    best = _best_untried(space, [(points[inside], values[inside])], tried)
    return _best_untried(space, [(points, values)], tried) if best is None else best


def _best_untried(
    space: SearchSpace, scored: list[Scored], tried: Collection[bytes]
) -> FloatArray | None:
    points = np.vstack([points for points, _ in scored])
    values = np.concatenate([values for _, values in scored])
    for i in np.argsort(-values, kind="stable"):
        if space.keys(points[[i]])[0] not in tried:
            return np.asarray(points[i])
    return None


@functools.lru_cache(maxsize=8)
def _sobol(n: int, d: int) -> FloatArray:
    from scipy.stats import qmc  # slow to import, and not needed before the first model suggestion

    return np.asarray(qmc.Sobol(d, scramble=True, rng=0).random(n))


def _candidates(
    acquisition: Acquisition, space: SearchSpace, rng: np.random.Generator
) -> FloatArray:
    """Return Sobol points of the whole space and perturbations of the incumbents, snapped."""
    low, high = space.bounds.T
    # A random shift on the torus makes one cached Sobol sequence as good as a new one.
    shifted = (_sobol(N_SOBOL, space.n_dimensions) + rng.random(space.n_dimensions)) % 1.0
    around = np.clip(_perturbed_incumbents(acquisition, space, rng), low, high)
    return space.snap(np.vstack([low + (high - low) * shifted, around]))


def _perturbed_incumbents(
    acquisition: Acquisition, space: SearchSpace, rng: np.random.Generator
) -> FloatArray:
    """Return perturbations, at many widths, of the best observed points."""
    centers = np.repeat(acquisition.centers(N_INCUMBENTS), N_AROUND, axis=0)
    width = 10.0 ** rng.uniform(-3.0, -0.5, (len(centers), 1))
    moved = centers + width * rng.standard_normal(centers.shape)
    # Categories have no neighbors: a categorical coordinate that moves is drawn anew.
    categorical = np.array([not parameter.ordered for parameter in space.dimensions])
    moved[:, categorical] = rng.random((len(centers), int(categorical.sum())))
    # Half of the perturbations move all coordinates; the others move two of them on average.
    chance = np.where(np.arange(len(centers)) % 2 == 0, 1.0, min(1.0, 2.0 / space.n_dimensions))
    moves = np.where(categorical, np.minimum(chance[:, None], 0.3), chance[:, None])
    return np.where(rng.random(centers.shape) < moves, moved, centers)


def _distinct_starts(points: FloatArray, values: FloatArray) -> Scored:
    """Return the best points that are not close to a better one, and their values."""
    starts: list[int] = []
    for i in np.argsort(-values, kind="stable"):
        distances = (np.abs(points[i] - points[other]).max() for other in starts)
        if all(distance > MIN_START_DISTANCE for distance in distances):
            starts.append(int(i))
        if len(starts) == N_STARTS:
            break
    return points[starts], values[starts]


def _local_search(acquisition: Acquisition, space: SearchSpace, scored: Scored) -> Scored:
    """Optimize continuous and discrete coordinates in turns, until neither gains."""
    has_discrete = any(math.isfinite(parameter.size) for parameter in space.dimensions)
    for _ in range(N_ROUNDS):
        before = scored[1]
        scored = _optimize_continuous(acquisition, space, scored)
        if not has_discrete:
            break
        scored = _coordinate_search(acquisition, space, scored)
        if float((scored[1] - before).max()) < MIN_GAIN:
            break
    return scored


def _keep_better(acquisition: Acquisition, old: Scored, new_points: FloatArray) -> Scored:
    """Replace each point whose new point has a larger acquisition."""
    points, values = old
    new_values = acquisition(new_points)
    better = new_values > values
    return np.where(better[:, None], new_points, points), np.where(better, new_values, values)


def _optimize_continuous(acquisition: Acquisition, space: SearchSpace, scored: Scored) -> Scored:
    """Optimize the active continuous coordinates of all points at once.

    The points are independent, so L-BFGS maximizes the sum of their acquisitions.
    """
    points = scored[0]
    ordered = acquisition.gps[0].layout.ordered
    continuous = np.isinf([float(space.dimensions[j].size) for j in ordered])
    row, position = np.nonzero(continuous & space.active_mask(points)[:, ordered])
    if len(row) == 0:
        return scored
    column = ordered[position]

    def moved_to(x: FloatArray) -> FloatArray:
        moved = points.copy()
        moved[row, column] = x
        return moved

    def negative_sum(x: FloatArray) -> tuple[float, FloatArray]:
        values, gradient = acquisition.with_gradient(moved_to(x))
        return -float(values.sum()), -gradient[row, position]

    result = minimize(
        negative_sum,
        points[row, column],
        jac=True,
        method="L-BFGS-B",
        bounds=space.bounds[column],
        options={"maxiter": MAX_ITER},
    )
    return _keep_better(acquisition, scored, space.snap(moved_to(result.x)))


def _coordinate_search(acquisition: Acquisition, space: SearchSpace, scored: Scored) -> Scored:
    """Replace each point by its best variant in one discrete coordinate, if that is better."""
    best = []
    for point in scored[0]:
        variants = space.snap(_line_variants(space, point, scored[0]))
        best.append(variants[int(np.argmax(acquisition(variants)))])
    return _keep_better(acquisition, scored, np.array(best))


def _line_variants(space: SearchSpace, point: FloatArray, starts: FloatArray) -> FloatArray:
    """Return variants of a point, each of which differs in one discrete coordinate; not snapped."""
    variants = []
    for j, parameter in enumerate(space.dimensions):
        if math.isfinite(parameter.size):
            values = _line_values(parameter, point[j], starts[:, j])
            lines = np.repeat(point[None, :], len(values), axis=0)
            lines[:, j] = values
            variants.append(lines)
    return np.vstack(variants)


def _line_values(parameter: Parameter, at: float, starts: FloatArray) -> FloatArray:
    """Return the values of a discrete coordinate that the coordinate search tries."""
    size = float(parameter.size)
    if not parameter.ordered and size > N_CATEGORIES:
        spread = parameter.snap(np.linspace(0.0, 1.0, N_CATEGORIES))
        return np.unique(np.concatenate([spread, starts]))
    values = parameter.levels(N_LINE)
    if size <= N_LINE:
        return values
    # Doubling steps reach the neighboring value on any scale, however far it is.
    steps = 2.0 ** np.arange(-4.0, math.log2(size) - 2.0) / size
    near = np.clip(np.concatenate([at - steps, at + steps]), *parameter.unit_bounds)
    return np.concatenate([values, parameter.snap(near)])
