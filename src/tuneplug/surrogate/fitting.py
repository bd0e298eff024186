"""From observations to Gaussian gps: what is learned when, and kept until then.

Learning all hyperparameters anew for each suggestion would cost O(n³) many times over.  They are
learned at checkpoints, thirty-two in every doubling of n, and kept between two of them while new
observations enter by row updates of the factor.  A checkpoint starts from the values of the one
before it; every fourth starts afresh.  So whatever is kept from earlier calls is a pure function of
the first observations, and comes out the same, bit for bit, when the history is replayed: at most
four checkpoints have to be learned again.

Beyond ``N_FIT`` observations the hyperparameters, and beyond ``N_CONDITION`` the process, see the
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
from tuneplug.surrogate.gp import ColumnLayout, GaussianProcess, Hyperparameters
from tuneplug.surrogate.hyperparameters import HyperparameterPosterior
from tuneplug.surrogate.output_transform import LossScaling, OutputTransform, targets

__all__ = ["Inference", "TrainingData", "fit_surrogate", "refit_size", "sample_hyperparameters"]

Inference = Literal["map", "mcmc"]

#: Observations that hyperparameters are learned from, and that a process is conditioned on.
N_FIT, N_CONDITION = 200, 400
#: Every so many checkpoints, learning starts afresh.
COLD_START_EVERY = 4
#: L-BFGS steps from each start, afresh and where the last checkpoint's values are a start.
MAX_ITER_COLD, MAX_ITER_WARM = 25, 15
#: Slice sampling: steps, those left out at first, and the distance of those kept (the published
#: engine of SageMaker Automatic Model Tuning, Perrone et al., KDD 2021).
SLICE_STEPS, BURN_IN, THIN = 300, 250, 5


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Observations in trial order, and how to learn from them; compares by content.

    Parameters
    ----------
    layout : ColumnLayout
    U : ndarray of shape (n, d)
    losses : ndarray of shape (n,)
    noise_variances : ndarray of shape (n,)
        Variance of each loss that is known beforehand.
    warping, learn_curvature : bool
        Whether to learn warps of the inputs, and the curvature of the output.
    inference : {"map", "mcmc"}
    seed : int
        Seeds slice sampling.
    """

    layout: ColumnLayout
    U: FloatArray
    losses: FloatArray
    noise_variances: FloatArray
    warping: bool = True
    learn_curvature: bool = True
    inference: Inference = "map"
    seed: int = 0

    def __len__(self) -> int:
        return len(self.losses)

    @functools.cached_property
    def _key(self) -> bytes:
        options = (self.warping, self.learn_curvature, self.inference, self.seed)
        shape = (self.layout.ordered.tolist(), self.layout.categorical, self.U.shape)
        digest = hashlib.blake2b(repr((options, shape)).encode(), digest_size=16)
        for array in (self.U, self.losses, self.noise_variances):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrainingData) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def take(self, rows: slice | IndexArray) -> TrainingData:
        """Return the data of some of the observations."""
        return dataclasses.replace(
            self,
            U=self.U[rows],
            losses=self.losses[rows],
            noise_variances=self.noise_variances[rows],
        )

    def subset(self, max_size: int) -> TrainingData:
        """Return at most ``most`` observations in trial order: the best quarter, a random rest."""
        n = len(self)
        if n <= max_size:
            return self
        best = np.argsort(self.losses, kind="stable")[: max_size // 4]
        # Each trial has its place in the lot for good, so that the rest changes slowly with n.
        lot = np.random.default_rng(0).random(n)
        lot[best] = -1.0
        return self.take(np.sort(np.argsort(lot, kind="stable")[:max_size]))


def refit_size(n: int) -> int:
    """Return the last checkpoint at or before n: every n up to 64, then 32 in each doubling.

    >>> [refit_size(n) for n in (5, 63, 65, 101, 1000)]
    [5, 63, 64, 100, 992]
    """
    return n - n % _refit_interval(n)


def _refit_interval(n: int) -> int:
    return 1 << max(0, n.bit_length() - 6)


def fit_surrogate(data: TrainingData) -> list[GaussianProcess]:
    """Return one process (``"map"``), or one for each posterior draw (``"mcmc"``).

    Their targets are in units of their own, but of one order: smaller is better.
    """
    at = refit_size(len(data))
    rest = data.take(slice(at, None))
    return [
        gp.condition_on(rest.U, *transform(rest.losses, rest.noise_variances))
        for gp, transform in _condition(data.take(slice(at)))
    ]


@functools.lru_cache(maxsize=4)
def _condition(data: TrainingData) -> list[tuple[GaussianProcess, OutputTransform]]:
    """Condition on the observations up to a checkpoint; later ones enter through the transform."""
    scaling = LossScaling.from_losses(data.losses)
    kept = data.subset(N_CONDITION)
    posterior = _make_posterior(kept, scaling)
    use_map = data.inference == "map"
    learned = [posterior.unpack(_fit_map(data))] if use_map else sample_hyperparameters(data)
    gps = []
    for hyper in learned:
        out = targets(posterior.v, hyper.curvature)
        transform = OutputTransform(scaling, hyper.curvature, out.mean, out.sd)
        observed = transform(kept.losses, kept.noise_variances)
        gps.append((GaussianProcess(data.layout, hyper, kept.U, *observed), transform))
    return gps


def _make_posterior(data: TrainingData, scaling: LossScaling) -> HyperparameterPosterior:
    return HyperparameterPosterior(
        data.U,
        scaling(data.losses),
        data.layout,
        noise_variances=scaling.scale_variances(data.noise_variances),
        warping=data.warping,
        learn_curvature=data.learn_curvature,
    )


@functools.lru_cache(maxsize=128)
def _fit_map(data: TrainingData) -> FloatArray:
    """Return the most probable theta at a checkpoint."""
    n = len(data)
    posterior = _make_posterior(data.subset(N_FIT), LossScaling.from_losses(data.losses))
    if n < COLD_START_EVERY or n // _refit_interval(n) % COLD_START_EVERY == 0:
        return posterior.fit_map(posterior.initial_thetas(), MAX_ITER_COLD)
    before = _fit_map(data.take(slice(refit_size(n - 1))))
    return posterior.fit_map([before, posterior.initial_thetas()[0]], MAX_ITER_WARM)


def sample_hyperparameters(
    data: TrainingData, *, n: int = SLICE_STEPS, burn_in: int = BURN_IN, thin: int = THIN
) -> list[Hyperparameters]:
    """Draw (n - burn_in) / thin hyperparameters by slice sampling, from the mode on."""
    posterior = _make_posterior(data.subset(N_FIT), LossScaling.from_losses(data.losses))
    rng = np.random.default_rng([data.seed, len(data)])
    draws = posterior.slice_sample(_fit_map(data), rng, n=n, burn_in=burn_in, thin=thin)
    return [posterior.unpack(theta) for theta in draws]
