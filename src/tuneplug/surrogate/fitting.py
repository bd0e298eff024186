"""Fitting of Gaussian processes to observations, and the cache of fits.

Fitting hyperparameters costs O(n³) many times over, so they are not refitted for every suggestion.
They are refitted at checkpoints: at every n up to 64, then at 32 sizes in each doubling of n.
Between checkpoints, new observations extend the Cholesky factor.  A fit starts from the
hyperparameters of the checkpoint before; every fourth checkpoint is a cold start.  So a fit is a
pure function of the first observations: replaying a history gives the same bits, and refits at most
four checkpoints.

Large histories are thinned before a checkpoint to their best quarter and a random rest: beyond
``MAX_FIT`` observations for hyperparameters, beyond ``MAX_CONDITION`` for the process (the
published engine of SageMaker does so beyond 500).  All observations after the checkpoint are used.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tuneplug._typing import FloatArray, IndexArray
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.hyperparameters import HyperparameterPosterior
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters
from tuneplug.surrogate.output_transform import LossScaling, OutputTransform

__all__ = [
    "Inference",
    "TrainingData",
    "clear_cache",
    "fit_surrogate",
    "fit_with_transforms",
    "refit_size",
    "sample_hyperparameters",
]

Inference = Literal["map", "mcmc"]

#: Largest number of observations to fit hyperparameters to, and to condition the process on.
MAX_FIT, MAX_CONDITION = 200, 400
#: Number of checkpoints from one cold start to the next.
COLD_START_EVERY = 4
#: L-BFGS iterations per start: at a cold start, and from the checkpoint before.
MAX_ITER_COLD, MAX_ITER_WARM = 25, 15
#: Slice sampling: steps, discarded first steps, and distance of kept steps (the published engine of
#: SageMaker Automatic Model Tuning, Perrone et al., KDD 2021).
SLICE_STEPS, BURN_IN, THIN = 300, 250, 5


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Observations in trial order, and the options of a fit; compares and hashes by content.

    Parameters
    ----------
    layout : ColumnLayout
    U : ndarray of shape (n, d)
    losses : ndarray of shape (n,)
    noise_variances : ndarray of shape (n,)
        Known observation-noise variance of each loss.
    warping, learn_curvature : bool, default True
        Whether to learn input warps, and the curvature of the output transform.
    inference : {"map", "mcmc"}, default "map"
    seed : int, default 0
        Seed of slice sampling.
    robust : bool, default True
        Whether losses are scaled by their quantiles and the upper tail is soft-clipped.
    """

    layout: ColumnLayout
    U: FloatArray
    losses: FloatArray
    noise_variances: FloatArray
    warping: bool = True
    learn_curvature: bool = True
    inference: Inference = "map"
    seed: int = 0
    robust: bool = True

    def __len__(self) -> int:
        return len(self.losses)

    @functools.cached_property
    def _key(self) -> bytes:
        options = (self.warping, self.learn_curvature, self.inference, self.seed, self.robust)
        shape = (self.layout.ordered.tolist(), self.layout.categorical, self.U.shape)
        digest = hashlib.blake2b(repr((options, shape)).encode(), digest_size=16)
        for array in (self.U, self.losses, self.noise_variances):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrainingData) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def scaling(self) -> LossScaling:
        """The scaling of losses to v."""
        return LossScaling.from_losses(self.losses) if self.robust else LossScaling.identity()

    def take(self, rows: slice | IndexArray) -> TrainingData:
        """Return the data of some of the observations."""
        return dataclasses.replace(
            self,
            U=self.U[rows],
            losses=self.losses[rows],
            noise_variances=self.noise_variances[rows],
        )

    def subset(self, max_size: int) -> TrainingData:
        """Return at most ``max_size`` observations, in order: the best quarter, a random rest."""
        n = len(self)
        if n <= max_size:
            return self
        best = np.argsort(self.losses, kind="stable")[: max_size // 4]
        # The rank of a trial does not depend on n, so that the subset changes slowly with n.
        rank = np.random.default_rng(0).random(n)
        rank[best] = -1.0
        return self.take(np.sort(np.argsort(rank, kind="stable")[:max_size]))


def refit_size(n: int) -> int:
    """Return the last checkpoint at or before n.

    >>> [refit_size(n) for n in (5, 63, 65, 101, 1000)]
    [5, 63, 64, 100, 992]
    """
    return n - n % _refit_interval(n)


def _refit_interval(n: int) -> int:
    return 1 << max(0, n.bit_length() - 6)


def fit_surrogate(data: TrainingData) -> list[GaussianProcess]:
    """Return one process (``"map"``), or one per posterior sample (``"mcmc"``).

    Each process standardizes its own targets; smaller is better in all of them.
    """
    return [gp for gp, _ in fit_with_transforms(data)]


def fit_with_transforms(data: TrainingData) -> list[tuple[GaussianProcess, OutputTransform]]:
    """Return the processes of ``fit_surrogate``, each with the transform of losses to targets."""
    n = refit_size(len(data))
    rest = data.take(slice(n, None))
    return [
        (gp.condition_on(rest.U, *transform(rest.losses, rest.noise_variances)), transform)
        for gp, transform in _fit_at_checkpoint(data.take(slice(n)))
    ]


def clear_cache() -> None:
    """Forget all fits."""
    _fit_at_checkpoint.cache_clear()
    _fit_map.cache_clear()


@functools.lru_cache(maxsize=4)
def _fit_at_checkpoint(data: TrainingData) -> list[tuple[GaussianProcess, OutputTransform]]:
    """Return processes at a checkpoint, and the transforms for the losses after it."""
    scaling, kept = data.scaling, data.subset(MAX_CONDITION)
    fits = []
    for hyper in _fit_hyperparameters(data):
        transform = OutputTransform.fit(scaling, hyper.curvature, kept.losses)
        observed = transform(kept.losses, kept.noise_variances)
        fits.append((GaussianProcess(CubeKernel(data.layout, hyper), kept.U, *observed), transform))
    return fits


def _fit_hyperparameters(data: TrainingData) -> list[Hyperparameters]:
    if data.inference == "mcmc":
        return sample_hyperparameters(data)
    return [_posterior(data).unpack(_fit_map(data))]


def _posterior(data: TrainingData) -> HyperparameterPosterior:
    """Return the posterior at a checkpoint; thinned losses keep the scaling of all losses."""
    scaling, kept = data.scaling, data.subset(MAX_FIT)
    return HyperparameterPosterior(
        kept.U,
        scaling(kept.losses),
        kept.layout,
        noise_variances=scaling.scale_variances(kept.noise_variances),
        warping=kept.warping,
        learn_curvature=kept.learn_curvature,
    )


@functools.lru_cache(maxsize=128)
def _fit_map(data: TrainingData) -> FloatArray:
    """Return the most probable theta at a checkpoint."""
    n, posterior = len(data), _posterior(data)
    if n < COLD_START_EVERY or n // _refit_interval(n) % COLD_START_EVERY == 0:
        return posterior.fit_map(posterior.initial_thetas(), MAX_ITER_COLD)
    before = _fit_map(data.take(slice(refit_size(n - 1))))
    return posterior.fit_map([before], MAX_ITER_WARM)


def sample_hyperparameters(
    data: TrainingData, *, n: int = SLICE_STEPS, burn_in: int = BURN_IN, thin: int = THIN
) -> list[Hyperparameters]:
    """Draw (n - burn_in) / thin hyperparameters by slice sampling that starts at the mode."""
    posterior = _posterior(data)
    rng = np.random.default_rng([data.seed, len(data)])
    thetas = posterior.slice_sample(_fit_map(data), rng, n=n, burn_in=burn_in, thin=thin)
    return [posterior.unpack(theta) for theta in thetas]
