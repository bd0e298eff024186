"""The logarithm of expected improvement, and its maximisation over mixed spaces.

Notation: mu, sd are the posterior mean and standard deviation at a point, best the incumbent,
z = (best - mu) / sd.  Losses are minimised.

    EI = sd h(z),  h(z) = phi(z) + z Phi(z)         (Jones et al. 1998, eq. 15)
    log EI = ln sd + ln h(z)                        (Ament et al., NeurIPS 2023, eq. 8 and 9)

EI and its gradient underflow to zero over most of a cube; their logarithms do not.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr, ndtr

from tuneplug.arrays import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.surrogate.gp import GaussianProcess

__all__ = ["log_expected_improvement", "log_h", "maximise"]


LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
#: Below this z the asymptotic series of h is exact to double precision.
TAIL = -25.0


def log_h(z: FloatArray) -> FloatArray:
    """Return ln(phi(z) + z Phi(z)), accurate for every z.

    >>> log_h(np.array([-1e6, 0.0]))
    array([-5.00000000e+11, -9.18938533e-01])
    """
    z = np.asarray(z, dtype=np.float64)
    result = np.empty_like(z)
    near, tail = z > -1.0, z <= TAIL
    x = z[near]
    result[near] = np.log(np.exp(-0.5 * x * x - LOG_SQRT_2PI) + x * ndtr(x))
    x = z[~near & ~tail]  # 1 - |z| Phi(z) / phi(z), through the scaled complementary error function
    mills = math.sqrt(math.pi / 2.0) * erfcx(-x / math.sqrt(2.0))
    result[~near & ~tail] = -0.5 * x * x - LOG_SQRT_2PI + np.log1p(x * mills)
    x = z[tail]
    q = 1.0 / (x * x)  # h = phi / z² (1 - 3/z² + 15/z⁴ - 105/z⁶ + 945/z⁸ - ...)
    series = q * (-3.0 + q * (15.0 + q * (-105.0 + q * (945.0 - 10395.0 * q))))
    result[tail] = -0.5 * x * x - LOG_SQRT_2PI - 2.0 * np.log(-x) + np.log1p(series)
    return result


def log_expected_improvement(mean: FloatArray, variance: FloatArray, best: float) -> FloatArray:
    """Return log EI for posterior means and variances of shape (m,)."""
    sd = np.sqrt(variance)
    return np.log(sd) + log_h((best - mean) / sd)


class _LogEI:
    """log EI of a process over rows of the cube, with its gradient in the numeric columns."""

    def __init__(self, gp: GaussianProcess, best: float) -> None:
        self.gp, self.best = gp, best

    def __call__(self, U: FloatArray) -> FloatArray:
        return log_expected_improvement(*self.gp.predict(U), self.best)

    def with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, variance, d_mean, d_variance = self.gp.predict_gradients(U)
        sd = np.sqrt(variance)
        z = (self.best - mean) / sd
        lh = log_h(z)
        hazard = np.exp(log_ndtr(z) - lh)  # h'(z) / h(z) = Phi(z) / h(z)
        d_sd = d_variance / (2.0 * sd[:, None])
        gradient = (d_sd * (1.0 - z * hazard)[:, None] - hazard[:, None] * d_mean) / sd[:, None]
        return np.log(sd) + lh, gradient


#: Finite spaces up to this size are searched exhaustively.
EXHAUSTIVE = 2048
#: Random candidates, candidates around each incumbent, and incumbents, of a larger space.
N_RANDOM, N_AROUND, N_INCUMBENTS = 768, 64, 5
#: Starts of the local search.
N_STARTS = 4
#: Values of a discrete coordinate that a line search looks at.
N_LINE = 24


def maximise(
    gp: GaussianProcess,
    space: SearchSpace,
    best: float,
    taken: Collection[bytes],
    rng: np.random.Generator,
) -> FloatArray | None:
    """Return the snapped row of the cube with the largest log EI that is not taken.

    Small finite spaces are searched exhaustively.  In others, random candidates and perturbations
    of the best observed rows are ranked, and the best of them improved: continuous coordinates by
    L-BFGS, discrete ones by line search.

    Returns
    -------
    ndarray of shape (d,), or None if no free row was met.
    """
    score = _LogEI(gp, best)
    if space.size <= EXHAUSTIVE:
        pool = np.array(list(space.rows())).reshape(-1, space.n_dimensions)
        return _best_free(space, [(pool, score(pool))], taken)
    candidates = _candidates(gp, space, rng)
    values = score(candidates)
    climbed = [_climb(score, space, start) for start in _distinct_starts(candidates, values)]
    return _best_free(space, [(candidates, values), *climbed], taken)


def _best_free(
    space: SearchSpace,
    scored: list[tuple[FloatArray, FloatArray]],
    taken: Collection[bytes],
) -> FloatArray | None:
    rows = np.vstack([rows for rows, _ in scored])
    values = np.concatenate([values for _, values in scored])
    keys = space.keys(rows)
    for i in np.argsort(-values, kind="stable"):
        if keys[i] not in taken:
            return np.asarray(rows[i])
    return None


def _candidates(gp: GaussianProcess, space: SearchSpace, rng: np.random.Generator) -> FloatArray:
    """Random rows, and perturbations of the best observed ones at many widths, snapped."""
    low, high = space.bounds.T
    d = space.n_dimensions
    anywhere = low + (high - low) * rng.random((N_RANDOM, d))
    order = np.argsort(gp.y, kind="stable")[:N_INCUMBENTS]
    centres = np.repeat(gp.U[order], N_AROUND, axis=0)
    width = 10.0 ** rng.uniform(-3.0, -0.5, (len(centres), 1))
    moved = centres + width * rng.standard_normal(centres.shape)
    # A label has no neighbourhood: it is drawn anew where it is moved at all.
    is_label = np.array([not parameter.ordered for parameter in space.dimensions])
    moved[:, is_label] = rng.random((len(centres), int(is_label.sum())))
    # Move about two coordinates at a time in half of the rows, all of them in the others.
    chance = np.where(np.arange(len(centres)) % 2 == 0, 1.0, min(1.0, 2.0 / d))[:, None]
    chance = np.where(is_label, np.minimum(chance, 0.3), chance)
    around = np.where(rng.random(centres.shape) < chance, moved, centres)
    return space.snap(np.vstack([anywhere, np.clip(around, low, high)]))


def _distinct_starts(rows: FloatArray, values: FloatArray) -> list[FloatArray]:
    """Return the best rows that are not close to a better one."""
    starts: list[FloatArray] = []
    for i in np.argsort(-values, kind="stable"):
        if all(np.abs(rows[i] - other).max() > 0.05 for other in starts):
            starts.append(rows[i])
        if len(starts) == N_STARTS:
            break
    return starts


def _climb(score: _LogEI, space: SearchSpace, start: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Improve a row by turns in its continuous and its discrete coordinates until neither helps."""
    discrete = [j for j, p in enumerate(space.dimensions) if math.isfinite(p.size)]
    row, value = start, float(score(start[None, :])[0])
    for _ in range(4):
        before = value
        for step in (_climb_continuous, _climb_discrete):
            if step is _climb_discrete and not discrete:
                continue
            moved, reached = step(score, space, row)
            if reached > value:
                row, value = moved, reached
        if not discrete or value - before < 1e-3:
            break
    return row[None, :], np.array([value])


def _climb_continuous(
    score: _LogEI, space: SearchSpace, row: FloatArray
) -> tuple[FloatArray, float]:
    numeric = score.gp.layout.numeric
    sizes = np.array([p.size for p in space.dimensions])[numeric]
    used = space.in_use(row[None, :])[0, numeric]  # the others rest where they are
    continuous = np.flatnonzero(np.isinf(sizes) & used)
    if len(continuous) == 0:
        return row, -math.inf
    columns = numeric[continuous]

    def loss(x: FloatArray) -> tuple[float, FloatArray]:
        at = row.copy()
        at[columns] = x
        value, gradient = score.with_gradient(at[None, :])
        return -float(value[0]), -gradient[0, continuous]

    result = minimize(
        loss,
        row[columns],
        jac=True,
        method="L-BFGS-B",
        bounds=space.bounds[columns],
        options={"maxiter": 25},
    )
    moved = row.copy()
    moved[columns] = result.x
    moved = space.snap(moved[None, :])
    return moved[0], float(score(moved)[0])


def _climb_discrete(score: _LogEI, space: SearchSpace, row: FloatArray) -> tuple[FloatArray, float]:
    """Try every value, or N_LINE spread ones, of one discrete coordinate at a time."""
    variants = []
    for j, parameter in enumerate(space.dimensions):
        if math.isfinite(parameter.size):
            points = parameter.levels(N_LINE)
            if parameter.size > N_LINE:
                # The neighbours as well as the spread: steps that double meet the next value on
                # any scale, however wide it is there.
                steps = 2.0 ** np.arange(-4.0, math.log2(parameter.size) - 2.0) / parameter.size
                near = np.clip(np.concatenate([row[j] - steps, row[j] + steps]), 0.0, 1.0)
                points = np.concatenate([points, parameter.snap(near)])
            lines = np.repeat(row[None, :], len(points), axis=0)
            lines[:, j] = points
            variants.append(lines)
    rows = space.snap(np.vstack(variants))
    values = score(rows)
    top = int(np.argmax(values))
    return rows[top], float(values[top])
