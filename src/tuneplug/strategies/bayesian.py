"""Bayesian optimization with a warped Gaussian process: tuneplug's default strategy."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, final, get_args

import numpy as np
from threadpoolctl import ThreadpoolController

from tuneplug._typing import FloatArray
from tuneplug.errors import check_choice, check_count
from tuneplug.space import SearchSpace
from tuneplug.strategies.base import Context, Strategy, Suggestion, sample_untried, take_suggestions
from tuneplug.strategies.learned_warps import WarpCurve, warp_curves
from tuneplug.surrogate.acquisition import Acquisition, maximize
from tuneplug.surrogate.feasibility import FeasibilityModel
from tuneplug.surrogate.fitting import Inference, TrainingData, fit_surrogate
from tuneplug.surrogate.gp import ColumnLayout, GaussianProcess
from tuneplug.trial import TrialState

__all__ = ["BayesianSearch"]


#: Trials drawn before the model guides, where the budget allows.
DESIGN_SIZE = 5
#: Fewest observations that a model is fitted to.
MIN_OBSERVATIONS = 2
#: Joint draws of what running trials will return.
N_FANTASIES = 16
#: The latest failures that the loss is told of, and the variance of what it is told.
N_FAILURES, FAILURE_VARIANCE = 200, 1.0


@functools.cache
def _threadpools() -> ThreadpoolController:
    """The native thread pools of this process; looking for them takes milliseconds."""
    return ThreadpoolController()


@final
@dataclass(frozen=True)
class BayesianSearch(Strategy):
    """Learn a Gaussian process of the loss and try where improvement is likeliest.

    The first trials are a scrambled Sobol design that holds every sub-space of the space.  From
    then on a Matérn-5/2 process, with a lengthscale and a Kumaraswamy warp for each numeric
    parameter and a curve for the losses, is learned from all that finished, and its log expected
    improvement is maximized, given what is running and where trials failed.  No configuration is
    proposed that was tried or is running.  ``docs/engine.md`` has the equations and their sources.

    Parameters
    ----------
    warping : bool, default True
        Whether to learn a warp of every numeric parameter on top of its scaling.
    inference : {"map", "mcmc"}, default "map"
        How the process is learned: its most probable hyperparameters, or an average over ten draws
        of them by slice sampling, which takes about ten times as long.
    n_initial : int or None, default None
        Trials of the initial design, exactly.  None: 5, at most half of the budget, at least one
        for each sub-space of the space and at least 2.
    allow_repeats : bool, default False
        Whether a configuration may be proposed again: for noisy objectives.

    Raises
    ------
    ValueError
        If ``inference`` is neither of the two, or ``n_initial`` is not a count.
    """

    name: ClassVar[str] = "bayesian"
    warping: bool = True
    inference: Inference = "map"
    n_initial: int | None = None
    allow_repeats: bool = False

    def __post_init__(self) -> None:
        check_choice("inference", self.inference, get_args(Inference))
        if self.n_initial is not None:
            check_count("n_initial", self.n_initial, at_least=1)

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        with _threadpools().limit(limits=1, user_api="blas"):
            return take_suggestions(self._suggestions(context), context, n)

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        if self.n_initial is not None:
            return self.n_initial
        half = DESIGN_SIZE if n_trials is None else min(DESIGN_SIZE, n_trials // 2)
        return max(half, space.n_subspaces, MIN_OBSERVATIONS)

    def _suggestions(self, context: Context) -> Iterator[Suggestion]:
        space, history = context.space, context.history
        taken = set() if self.allow_repeats else context.tried_keys()
        design = self.n_startup(space, context.n_trials)
        known = len(history) + len(context.extra_observations)
        data = self._training_data(context) if known + 1 > design else None
        model = None if data is None else _model(data, context)
        running = list(context.points(history.in_state(TrialState.RUNNING)))
        for number in itertools.count(len(history)):
            rng = context.rng(number)
            row, origin, gain = None, "random", None
            if model is None:
                n_rows = max(design, number + 1)
                row, origin = _initial_design(space, n_rows, context.seed)[number], "design"
            else:
                acquisition = model.acquisition(running, rng)
                row, origin = maximize(acquisition, space, taken, rng), "model"
                gain = None if row is None else model.gain(acquisition, row)
            if row is None or space.keys(row[None, :])[0] in taken:
                row, origin, gain = sample_untried(space, taken, rng), "random", None
                if row is None:
                    return
            yield Suggestion.from_point(space, row, origin=origin, expected_improvement=gain)
            running.append(row)
            if not self.allow_repeats:
                taken.update(space.keys(row[None, :]))

    def _training_data(self, context: Context) -> TrainingData | None:
        """Return what there is to learn from; None while it is too little."""
        valued = [t for t in context.history if t.state.ended and t.value is not None]
        prior = context.extra_observations
        if len(prior) + len(valued) < MIN_OBSERVATIONS or context.space.n_dimensions == 0:
            return None
        return TrainingData(
            ColumnLayout.from_space(context.space),
            context.points([*prior, *valued]),
            np.append([known.loss for known in prior], context.history.losses(valued)),
            np.array([0.0] * len(prior) + [t.variance or 0.0 for t in valued]),
            warping=self.warping,
            inference=self.inference,
            seed=context.seed,
        )

    def learned_warps(self, context: Context) -> Mapping[str, WarpCurve]:
        """Return the learned warp of each numeric parameter, with a band of the posterior."""
        data = self._training_data(context) if self.warping else None
        if data is None:
            return {}
        with _threadpools().limit(limits=1, user_api="blas"):
            return warp_curves(data, context.space)


@dataclass(frozen=True)
class _Model:
    """What was learned: gps of the loss, and one of the failures where there were any."""

    gps: list[GaussianProcess]
    feasibility: FeasibilityModel | None

    def gain(self, acquisition: Acquisition, row: FloatArray) -> float | None:
        """Return the improvement expected of a row, in units of the median's distance to the best.

        The distance is that of the transformed losses.
        """
        spread = float(np.mean([np.median(gp.y) - gp.y.min() for gp in self.gps]))
        return float(np.exp(acquisition(row[None, :])[0])) / spread if spread > 0.0 else None

    def acquisition(self, running: list[FloatArray], rng: np.random.Generator) -> Acquisition:
        rows = np.array(running).reshape(len(running), self.gps[0].U.shape[1])
        base_samples = rng.standard_normal((len(running), max(1, N_FANTASIES // len(self.gps))))
        gps = [gp.fantasize(rows, base_samples) for gp in self.gps]
        return Acquisition(gps, self.feasibility)


def _model(data: TrainingData, context: Context) -> _Model:
    """Learn from all that ended.

    Where a trial failed, the gps of the loss are told their own mean or the mean loss,
    whichever is worse, the surer the likelier failure is there, so that one failure among successes
    fades: they no longer promise an improvement where they only extrapolate.
    """
    gps = fit_surrogate(data)
    ended = [t for t in context.history if t.state.ended]
    failed = np.array([t.state is TrialState.FAILED for t in ended])
    if failed.all() or not failed.any():
        return _Model(gps, None)
    U = context.points(ended)
    feasibility = FeasibilityModel(data.layout, U, failed)
    V = U[failed][-N_FAILURES:]
    variance = FAILURE_VARIANCE * np.exp(2.0 * feasibility.log_feasibility(V))
    gps = [gp.condition_on(V, np.maximum(gp.predict(V)[0], 0.0), variance) for gp in gps]
    return _Model(gps, feasibility)


@functools.lru_cache(maxsize=8)
def _sobol_points(n: int, d: int, seed: int) -> FloatArray:
    from scipy.stats import qmc  # heavy to import, needed once a study

    exponent = max(n - 1, 1).bit_length()
    sobol = qmc.Sobol(d, scramble=True, rng=np.random.default_rng([seed, 0]))
    return np.asarray(sobol.random_base2(exponent))[:n]


def _initial_design(space: SearchSpace, n: int, seed: int) -> FloatArray:
    """Return a scrambled Sobol design that visits every sub-space of the space, shape (n, d)."""
    if space.n_dimensions == 0:
        return np.empty((n, 0))
    low, high = space.bounds.T
    U = low + (high - low) * _sobol_points(n, space.n_dimensions, seed)
    if space.n_subspaces > 1:
        U[:, 0] = (np.arange(n) % space.n_subspaces + 0.5) / space.n_subspaces
    return space.snap(U)
