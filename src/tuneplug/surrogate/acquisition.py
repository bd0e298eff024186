"""The logarithm of expected improvement, and its maximization over mixed spaces.

Notation: mu, sd are the posterior mean and standard deviation at a point, best the incumbent,
z = (best - mu) / sd.  Losses are minimized.

    EI = sd h(z),  h(z) = phi(z) + z Phi(z)         (Jones et al. 1998, eq. 15)
    log EI = ln sd + ln h(z)                        (Ament et al., NeurIPS 2023, eq. 8 and 9)

EI and its gradient underflow to zero over most of a cube; their logarithms do not.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr, ndtr

from tuneplug._typing import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.surrogate.feasibility import FeasibilityModel
from tuneplug.surrogate.gp import GaussianProcess

__all__ = ["Acquisition", "log_expected_improvement", "log_h", "log_noise_discount", "maximize"]

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
#: Below this z the asymptotic series of h is exact to double precision.
TAIL = -25.0
#: Finite spaces up to this size are searched exhaustively.
EXHAUSTIVE = 2048
#: Sobol candidates, candidates around each incumbent, and incumbents, of a larger space.
N_SOBOL, N_AROUND, N_INCUMBENTS = 512, 64, 5
#: Starts of the local search, its rounds, and L-BFGS steps in each.
N_STARTS, N_ROUNDS, N_STEPS = 4, 4, 40
#: Values of a discrete coordinate that a line search looks at.
N_LINE = 24


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


def log_expected_improvement(
    mean: FloatArray, variance: FloatArray, best: FloatArray | float
) -> FloatArray:
    """Return log EI for posterior means and variances of one shape."""
    sd = np.sqrt(variance)
    return np.log(sd) + log_h((best - mean) / sd)


def log_noise_discount(variance: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """Return the logarithm of what an observation with noise is worth, and its slope; both (m,).

        1 - tau / sqrt(variance + tau²),  tau² the noise    (Huang et al., "Global optimization of
                                                            stochastic black-box systems", 2006)

    Near 1 where the noise is far smaller than what is unknown, near 0 where looking again at a
    place well known would tell little that is not noise.
    """
    tau = math.sqrt(noise)
    total = np.sqrt(variance + noise)
    value = np.log(variance) - np.log(total) - np.log(total + tau)
    slope = 1.0 / variance - 0.5 / total**2 - 0.5 / (total * (total + tau))
    return value, slope


class Acquisition:
    """What is maximized: EI averaged over gps, times the chance not to fail; its logarithm.

        ln 1/k sum_i EI_i(u) discount_i(u)  +  ln P(no failure at u)

    The discount (``log_noise_discount``) keeps the search from evaluating one place over and over
    if the losses have steps or noise.

    The k terms are the gps (one, or draws of the hyperparameters' posterior; Snoek et al.,
    "Practical Bayesian Optimization", NIPS 2012, section 3.1) and the fantasies that each of them
    carries for trials still running (ibid., eq. 7), each with its own incumbent: the smallest
    posterior mean at a configuration tried or imagined, as single observations may be lucky.

    Parameters
    ----------
    gps : sequence of GaussianProcess
    feasibility : FeasibilityModel, optional
        The chance of a failure, where any trial failed.
    """

    def __init__(
        self, gps: Sequence[GaussianProcess], feasibility: FeasibilityModel | None = None
    ) -> None:
        self.gps, self.feasibility = gps, feasibility
        self.best = [gp.posterior_mean_at_data().min(axis=0) for gp in gps]

    def __call__(self, U: FloatArray) -> FloatArray:
        """Return the acquisition at rows of the cube, shape (m,)."""
        terms = []
        for gp, best in zip(self.gps, self.best, strict=True):
            mean, variance = gp.predict(U)
            mean = mean.reshape(len(U), -1)
            discount = log_noise_discount(variance, gp.hyper.noise)[0]
            terms.append(
                log_expected_improvement(mean, variance[:, None], best) + discount[:, None]
            )
        value = _log_mean_exp(np.hstack(terms))
        if self.feasibility is not None:
            value = value + self.feasibility.log_feasibility(U)
        return value

    def with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the acquisition, (m,), and its gradient in the numeric columns, (m, p)."""
        terms, parts = [], []
        for gp, best in zip(self.gps, self.best, strict=True):
            mean, variance, pullback = gp.predict_with_pullback(U)
            mean, sd = mean.reshape(len(U), -1), np.sqrt(variance)[:, None]
            z = (best - mean) / sd
            lh = log_h(z)
            dlog_h = np.exp(log_ndtr(z) - lh)  # h'(z) / h(z) = Phi(z) / h(z)
            discount, slope = log_noise_discount(variance, gp.hyper.noise)
            terms.append(np.log(sd) + lh + discount[:, None])
            by_variance = (1.0 - z * dlog_h) / (2.0 * sd * sd) + slope[:, None]
            parts.append((pullback, -dlog_h / sd, by_variance))
        value = _log_mean_exp(np.hstack(terms))
        count = sum(term.shape[1] for term in terms)
        gradient = np.zeros((len(U), len(self.gps[0].layout.ordered)))
        for term, (pullback, by_mean, by_variance) in zip(terms, parts, strict=True):
            weight = np.exp(term - value[:, None]) / count
            gradient += pullback(weight * by_mean, (weight * by_variance).sum(axis=1))
        if self.feasibility is not None:
            success, slope = self.feasibility.log_feasibility_with_gradient(U)
            value, gradient = value + success, gradient + slope
        return value, gradient


def _log_mean_exp(terms: FloatArray) -> FloatArray:
    """Return the logarithm of the mean over the second axis of exp(terms)."""
    if terms.shape[1] == 1:
        return terms[:, 0]
    top = terms.max(axis=1)
    return np.asarray(top + np.log(np.exp(terms - top[:, None]).mean(axis=1)))


def maximize(
    score: Acquisition,
    space: SearchSpace,
    taken: Collection[bytes],
    rng: np.random.Generator,
) -> FloatArray | None:
    """Return the snapped row of the cube with the largest score that is not taken.

    Small finite spaces are searched exhaustively.  In others, Sobol candidates and perturbations
    of the best observed rows are ranked, and the best of them improved: continuous coordinates by
    L-BFGS, discrete ones by line search.

    Returns
    -------
    ndarray of shape (d,), or None if no free row was met.
    """
    if space.size <= EXHAUSTIVE:
        pool = np.array(list(space.rows())).reshape(-1, space.n_dimensions)
        return _best_untried(space, [(pool, score(pool))], taken)
    candidates = _candidates(score.gps[0], space, rng)
    values = score(candidates)
    climbed = _local_search(score, space, *_distinct_starts(candidates, values))
    return _best_untried(space, [climbed, (candidates, values)], taken)


def _best_untried(
    space: SearchSpace,
    scored: list[tuple[FloatArray, FloatArray]],
    taken: Collection[bytes],
) -> FloatArray | None:
    rows = np.vstack([rows for rows, _ in scored])
    values = np.concatenate([values for _, values in scored])
    for i in np.argsort(-values, kind="stable"):
        if space.keys(rows[[i]])[0] not in taken:
            return np.asarray(rows[i])
    return None


@functools.lru_cache(maxsize=8)
def _sobol(n: int, d: int) -> FloatArray:
    from scipy.stats import qmc  # heavy to import, needed once a study

    return np.asarray(qmc.Sobol(d, scramble=True, rng=0).random(n))


def _candidates(gp: GaussianProcess, space: SearchSpace, rng: np.random.Generator) -> FloatArray:
    """Sobol rows, and perturbations of the best observed ones at many widths, snapped."""
    low, high = space.bounds.T
    d = space.n_dimensions
    # One Sobol sequence, shifted on the torus: as even as another, and as random.
    anywhere = low + (high - low) * ((_sobol(N_SOBOL, d) + rng.random(d)) % 1.0)
    order = np.argsort(gp.posterior_mean_at_data().reshape(len(gp.U), -1)[:, 0], kind="stable")
    centres = np.repeat(gp.U[order[:N_INCUMBENTS]], N_AROUND, axis=0)
    width = 10.0 ** rng.uniform(-3.0, -0.5, (len(centres), 1))
    moved = centres + width * rng.standard_normal(centres.shape)
    # A label has no neighborhood: it is drawn anew where it is moved at all.
    is_label = np.array([not parameter.ordered for parameter in space.dimensions])
    moved[:, is_label] = rng.random((len(centres), int(is_label.sum())))
    # Move about two coordinates at a time in half of the rows, all of them in the others.
    chance = np.where(np.arange(len(centres)) % 2 == 0, 1.0, min(1.0, 2.0 / d))[:, None]
    chance = np.where(is_label, np.minimum(chance, 0.3), chance)
    around = np.where(rng.random(centres.shape) < chance, moved, centres)
    return space.snap(np.vstack([anywhere, np.clip(around, low, high)]))


def _distinct_starts(rows: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the best rows that are not close to a better one, and their values."""
    starts: list[int] = []
    for i in np.argsort(-values, kind="stable"):
        if all(np.abs(rows[i] - rows[other]).max() > 0.05 for other in starts):
            starts.append(int(i))
        if len(starts) == N_STARTS:
            break
    return rows[starts], values[starts]


Rows = tuple[FloatArray, FloatArray]


def _local_search(
    score: Acquisition, space: SearchSpace, rows: FloatArray, values: FloatArray
) -> Rows:
    """Improve rows by turns in continuous and in discrete coordinates until neither helps."""
    has_discrete = any(math.isfinite(p.size) for p in space.dimensions)
    for _ in range(N_ROUNDS):
        before = values
        rows, values = _optimize_continuous(score, space, rows, values)
        if not has_discrete:
            break
        rows, values = _coordinate_search(score, space, rows, values)
        if float((values - before).max()) < 1e-3:
            break
    return rows, values


def _keep_better(score: Acquisition, old: Rows, new: FloatArray) -> Rows:
    reached = score(new)
    better = reached > old[1]
    return np.where(better[:, None], new, old[0]), np.where(better, reached, old[1])


def _optimize_continuous(
    score: Acquisition, space: SearchSpace, rows: FloatArray, values: FloatArray
) -> Rows:
    """Improve the continuous coordinates of all rows at once: L-BFGS on the sum of their scores."""
    numeric = score.gps[0].layout.ordered
    sizes = np.array([p.size for p in space.dimensions])[numeric]
    used = space.active_mask(rows)[:, numeric]  # the others rest where they are
    at, of = np.nonzero(np.isinf(sizes) & used)
    if len(at) == 0:
        return rows, values
    columns = numeric[of]

    def loss(x: FloatArray) -> tuple[float, FloatArray]:
        moved = rows.copy()
        moved[at, columns] = x
        value, gradient = score.with_gradient(moved)
        return -float(value.sum()), -gradient[at, of]

    result = minimize(
        loss,
        rows[at, columns],
        jac=True,
        method="L-BFGS-B",
        bounds=space.bounds[columns],
        options={"maxiter": N_STEPS},
    )
    moved = rows.copy()
    moved[at, columns] = result.x
    return _keep_better(score, (rows, values), space.snap(moved))


def _coordinate_search(
    score: Acquisition, space: SearchSpace, rows: FloatArray, values: FloatArray
) -> Rows:
    """Try every value, or N_LINE spread ones, of one discrete coordinate at a time."""
    best = []
    for row in rows:
        lines = space.snap(_line_variants(space, row))
        best.append(lines[int(np.argmax(score(lines)))])
    return _keep_better(score, (rows, values), np.array(best))


def _line_variants(space: SearchSpace, row: FloatArray) -> FloatArray:
    """Return variants of a row, each different in one discrete coordinate, not snapped."""
    variants = []
    for j, parameter in enumerate(space.dimensions):
        if math.isfinite(parameter.size):
            points = parameter.levels(N_LINE)
            if parameter.size > N_LINE:
                # The neighbors as well as the spread: steps that double meet the next value on
                # any scale, however wide it is there.
                steps = 2.0 ** np.arange(-4.0, math.log2(parameter.size) - 2.0) / parameter.size
                near = np.clip(np.concatenate([row[j] - steps, row[j] + steps]), 0.0, 1.0)
                points = np.concatenate([points, parameter.snap(near)])
            lines = np.repeat(row[None, :], len(points), axis=0)
            lines[:, j] = points
            variants.append(lines)
    return np.vstack(variants)
