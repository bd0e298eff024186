"""From observations to Gaussian processes: what is learned when, and kept until then.

Learning all hyperparameters anew for each suggestion would cost O(n³) many times over.  They are
learned at checkpoints, thirty-two in every doubling of n, and kept between two of them while new
observations enter by row updates of the factor.  A checkpoint starts from the values of the one
before it; every fourth starts afresh.  So whatever is kept from earlier calls is a pure function of
the first observations, and comes out the same, bit for bit, when the history is replayed: at most
four checkpoints have to be learned again.

Beyond ``N_LEARN`` observations the hyperparameters, and beyond ``N_CONDITION`` the process, see the
best quarter and a random rest of those before the checkpoint (the published engine of SageMaker
does so beyond 500), and all that came after it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tuneplug._typing import FloatArray, IndexArray
from tuneplug.surrogate.gp import GaussianProcess, Hyperparameters, Layout
from tuneplug.surrogate.outputs import Frame, OutputTransform, targets
from tuneplug.surrogate.posterior import Posterior

__all__ = ["Inference", "Problem", "checkpoint", "hyperparameter_draws", "learn"]

Inference = Literal["map", "mcmc"]

#: Observations that hyperparameters are learned from, and that a process is conditioned on.
N_LEARN, N_CONDITION = 200, 400
#: Every so many checkpoints, learning starts afresh.
CHAIN = 4
#: L-BFGS steps from each start, afresh and where the last checkpoint's values are a start.
STEPS_AFRESH, STEPS_WARM = 25, 15
#: Slice sampling: steps, those left out at first, and the distance of those kept (the published
#: engine of SageMaker Automatic Model Tuning, Perrone et al., KDD 2021).
SLICE_STEPS, BURN_IN, THIN = 300, 250, 5


@dataclass(frozen=True, eq=False)
class Problem:
    """Observations in trial order, and how to learn from them; compares by content.

    Parameters
    ----------
    layout : Layout
    U : ndarray of shape (n, d)
    losses : ndarray of shape (n,)
    variances : ndarray of shape (n,)
        Variance of each loss that is known beforehand.
    warping, curved : bool
        Whether to learn warps of the inputs, and the curvature of the output.
    inference : {"map", "mcmc"}
    seed : int
        Seeds slice sampling.
    """

    layout: Layout
    U: FloatArray
    losses: FloatArray
    variances: FloatArray
    warping: bool = True
    curved: bool = True
    inference: Inference = "map"
    seed: int = 0

    def __len__(self) -> int:
        return len(self.losses)

    @functools.cached_property
    def _key(self) -> bytes:
        options = (self.warping, self.curved, self.inference, self.seed)
        shape = (self.layout.numeric.tolist(), self.layout.labels, self.U.shape)
        digest = hashlib.blake2b(repr((options, shape)).encode(), digest_size=16)
        for array in (self.U, self.losses, self.variances):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def part(self, rows: slice | IndexArray) -> Problem:
        """Return the problem of some of the observations."""
        return dataclasses.replace(
            self, U=self.U[rows], losses=self.losses[rows], variances=self.variances[rows]
        )

    def subset(self, most: int) -> Problem:
        """Return at most ``most`` observations in trial order: the best quarter, a random rest."""
        n = len(self)
        if n <= most:
            return self
        best = np.argsort(self.losses, kind="stable")[: most // 4]
        # Each trial has its place in the lot for good, so that the rest changes slowly with n.
        lot = np.random.default_rng(0).random(n)
        lot[best] = -1.0
        return self.part(np.sort(np.argsort(lot, kind="stable")[:most]))


def checkpoint(n: int) -> int:
    """Return the last checkpoint at or before n: every n up to 64, then 32 in each doubling.

    >>> [checkpoint(n) for n in (5, 63, 65, 101, 1000)]
    [5, 63, 64, 100, 992]
    """
    return n - n % _step(n)


def _step(n: int) -> int:
    return 1 << max(0, n.bit_length() - 6)


def learn(problem: Problem) -> list[GaussianProcess]:
    """Return one process (``"map"``), or one for each posterior draw (``"mcmc"``).

    Their targets are in units of their own, but of one order: smaller is better.
    """
    at = checkpoint(len(problem))
    rest = problem.part(slice(at, None))
    return [
        gp.extended(rest.U, *transform(rest.losses, rest.variances))
        for gp, transform in _conditioned(problem.part(slice(at)))
    ]


@functools.lru_cache(maxsize=4)
def _conditioned(problem: Problem) -> list[tuple[GaussianProcess, OutputTransform]]:
    """Condition on the observations up to a checkpoint; later ones enter through the transform."""
    frame = Frame.of(problem.losses)
    kept = problem.subset(N_CONDITION)
    posterior = _posterior(kept, frame)
    mode = problem.inference == "map"
    learned = [posterior.unpack(_mode(problem))] if mode else hyperparameter_draws(problem)
    processes = []
    for hyper in learned:
        out = targets(posterior.v, hyper.curvature)
        transform = OutputTransform(frame, hyper.curvature, out.mean, out.sd)
        observed = transform(kept.losses, kept.variances)
        processes.append((GaussianProcess(problem.layout, hyper, kept.U, *observed), transform))
    return processes


def _posterior(problem: Problem, frame: Frame) -> Posterior:
    return Posterior(
        problem.U,
        frame(problem.losses),
        problem.layout,
        told=frame.variances(problem.variances),
        warping=problem.warping,
        curved=problem.curved,
    )


@functools.lru_cache(maxsize=128)
def _mode(problem: Problem) -> FloatArray:
    """Return the most probable theta at a checkpoint."""
    n = len(problem)
    posterior = _posterior(problem.subset(N_LEARN), Frame.of(problem.losses))
    if n < CHAIN or n // _step(n) % CHAIN == 0:
        return posterior.mode(posterior.fixed_starts(), STEPS_AFRESH)
    before = _mode(problem.part(slice(checkpoint(n - 1))))
    return posterior.mode([before, posterior.fixed_starts()[0]], STEPS_WARM)


def hyperparameter_draws(
    problem: Problem, *, n: int = SLICE_STEPS, burn_in: int = BURN_IN, thin: int = THIN
) -> list[Hyperparameters]:
    """Draw (n - burn_in) / thin hyperparameters by slice sampling, from the mode on."""
    posterior = _posterior(problem.subset(N_LEARN), Frame.of(problem.losses))
    rng = np.random.default_rng([problem.seed, len(problem)])
    draws = posterior.draws(_mode(problem), rng, n=n, burn_in=burn_in, thin=thin)
    return [posterior.unpack(theta) for theta in draws]
