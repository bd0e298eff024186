"""What the model of a search has learned of the objective, in the user's units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuneplug._numerics import default_errstate
from tuneplug._typing import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.surrogate.fitting import TrainingData, fit_with_transforms
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.output_transform import OutputTransform
from tuneplug.surrogate.pathwise import sample_functions

__all__ = ["LearnedModel", "ParameterImportance"]

#: Half the width of a band that holds 90 % of a normal distribution, in standard deviations.
BAND = 1.6448536269514722
#: Quantiles of the ends of a band.
ENDS = (0.05, 0.95)
#: Number of quasi-random points of an estimate, and of functions for its band.
N_POINTS, N_FUNCTIONS = 512, 32


@dataclass(frozen=True)
class ParameterImportance:
    """Share of the variance of the objective over the space that a parameter accounts for.

    Attributes
    ----------
    parameter : str
        Name of the parameter, as in ``SearchSpace.column_names``.
    main : float
        Share that the parameter accounts for by itself: the first-order Sobol index.
    total : float
        Share with all its interactions: the total Sobol index.
    lower, upper : float
        Band of the total share, which holds 90 % of the functions that the model deems possible.
    """

    parameter: str
    main: float
    total: float
    lower: float
    upper: float


@dataclass(frozen=True)
class LearnedModel:
    """The Gaussian process that is fitted to the results of a study.

    ``Study.learned_model()`` returns it.

    Attributes
    ----------
    space : SearchSpace
    data : TrainingData
        The results that it has learned from.
    sign : float
        1 if the objective is minimized, -1 if it is maximized.
    """

    space: SearchSpace
    data: TrainingData
    sign: float

    @default_errstate
    def predict(self, U: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the predicted objective at points of the unit cube, with a band.

        Parameters
        ----------
        U : ndarray of shape (m, d)
            Points, as ``space.encode`` and ``space.locate`` return them.

        Returns
        -------
        value, lower, upper : ndarray of shape (m,)
            The median of the objective without its noise, and the ends of a band of 90 %, in the
            user's units.
        """
        gp, transform = self._fit()
        mean, variance = gp.predict(self.space.snap(U))
        half = BAND * np.sqrt(variance)
        value, one, other = (
            self.sign * transform.inverse(target) for target in (mean, mean - half, mean + half)
        )
        return value, np.minimum(one, other), np.maximum(one, other)

    @default_errstate
    def importances(self, seed: int = 0) -> list[ParameterImportance]:
        """Return the importance of each parameter that varies, in the order of the space.

        Parameters are drawn evenly on the unit intervals of their scalings.  Losses far above the
        median count as in the model: a single divergent one does not set all shares.  The shares
        are those of the predicted objective; the band adds what the model does not know.

        Parameters
        ----------
        seed : int, default 0
            Seed of the points and of the functions.
        """
        gp, transform = self._fit()
        rng = np.random.default_rng([seed, 1])
        sampled = sample_functions(gp, N_FUNCTIONS, rng)

        def losses(U: FloatArray) -> FloatArray:
            targets = np.column_stack([gp.predict_mean(U), sampled(U)])
            return transform.scaled_losses(targets)

        main, total = _sobol_indices(losses, self.space, rng)
        lower, upper = np.quantile(total[:, 1:], ENDS, axis=1)
        return [
            ParameterImportance(
                name,
                main=float(main[column, 0]),
                total=float(total[column, 0]),
                lower=float(min(lower[column], total[column, 0])),
                upper=float(max(upper[column], total[column, 0])),
            )
            for column, name in enumerate(self.space.column_names)
        ]

    def _fit(self) -> tuple[GaussianProcess, OutputTransform]:
        return fit_with_transforms(dataclasses.replace(self.data, inference="map"))[0]


def _sobol_indices(
    f: Callable[[FloatArray], FloatArray], space: SearchSpace, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return the first-order and the total Sobol indices of s functions, each of shape (d, s).

    A and B are halves of quasi-random points; A_j is A with column j of B.

        main_j  = mean(f(B) (f(A_j) - f(A))) / variance       (Saltelli et al. 2010)
        total_j = mean((f(A) - f(A_j))²) / 2 variance         (Jansen 1999)
    """
    from scipy.stats import qmc  # slow to import

    d = space.n_dimensions
    low, high = np.tile(space.bounds, (2, 1)).T
    points = low + (high - low) * qmc.Sobol(2 * d, rng=rng).random(N_POINTS)
    A, B = points[:, :d], points[:, d:]
    f_A, f_B = f(space.snap(A)), f(space.snap(B))
    center = np.concatenate([f_A, f_B]).mean(axis=0)
    f_A, f_B = f_A - center, f_B - center
    variance = np.concatenate([f_A, f_B]).var(axis=0)
    variance = np.where(variance > 0.0, variance, np.inf)
    main, total = np.empty((d, f_A.shape[1])), np.empty((d, f_A.shape[1]))
    for column in range(d):
        mixed = A.copy()
        mixed[:, column] = B[:, column]
        change = f(space.snap(mixed)) - center - f_A
        main[column] = (f_B * change).mean(axis=0) / variance
        total[column] = (change**2).mean(axis=0) / (2.0 * variance)
    return np.clip(main, 0.0, 1.0), np.minimum(total, 1.0)
