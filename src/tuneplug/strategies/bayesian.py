"""Bayesian optimization with a warped Gaussian process: the default strategy."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final, get_args

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from tuneplug._typing import FloatArray
from tuneplug.errors import check_choice, check_count
from tuneplug.space import SearchSpace
from tuneplug.strategies.base import Context, Strategy, Suggestion, sample_untried, take_suggestions
from tuneplug.strategies.constraints import Constraints, constraints_of
from tuneplug.strategies.costs import cost_weight, observed_costs
from tuneplug.strategies.learned_model import LearnedModel
from tuneplug.strategies.learned_warps import WarpCurve, warp_curves
from tuneplug.strategies.plateaus import explore_plateau
from tuneplug.strategies.warm_start import believed_parents, first_points, known_results
from tuneplug.surrogate.acquisition import Acquisition
from tuneplug.surrogate.acquisition_optimizer import maximize
from tuneplug.surrogate.constraints import ConstraintModel
from tuneplug.surrogate.cost import CostModel, fit_cost_model
from tuneplug.surrogate.feasibility import FeasibilityModel
from tuneplug.surrogate.fitting import Inference, TrainingData, fit_surrogate
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import ColumnLayout
from tuneplug.surrogate.novelty import NoveltyModel, tied
from tuneplug.surrogate.transfer import with_parents
from tuneplug.trial import Trial, TrialState
from tuneplug.trial.values import check_flag

__all__ = [
    "BayesianSearch",
    "FittedModel",
    "fit_model",
    "fit_novelty",
    "has_ties",
    "initial_design",
    "threadpools",
]


#: Default number of trials of the initial design, and the largest while all losses are equal.
DESIGN_SIZE, MAX_DESIGN_SIZE = 5, 15
#: Minimum number of observations to fit a model.
MIN_OBSERVATIONS = 2
#: Number of joint fantasies of pending trials, over all processes.
N_FANTASIES = 16
#: Number of latest failed trials that get a pseudo-observation of the loss, and the variance of a
#: pseudo-observation where failure is improbable.
N_FAILURES, FAILURE_VARIANCE = 200, 1.0


@functools.cache
def threadpools() -> ThreadpoolController:
    """Return the native thread pools of this process; finding them takes milliseconds."""
    return ThreadpoolController()


@final
@dataclass(frozen=True)
class BayesianSearch(Strategy):
    """Fit a Gaussian process to the loss, and suggest the point of largest expected improvement.

    The first trials are a scrambled Sobol design that visits every sub-space.  After them, a
    Matérn-5/2 process is fitted to all ended trials of fidelity 1.  It has a lengthscale and a
    Kumaraswamy warp per numeric parameter, and an output transform with a learned curvature.  The
    strategy maximizes the log expected improvement, given the pending trials and the probabilities
    of failure, of a known loss, and that all constraints hold.  While trials find known losses
    only, every other one explores without the model.  No configuration is suggested that has been
    tried or is running.  ``docs/engine.md`` has the equations and their sources.

    Parameters
    ----------
    warping : bool, default True
        Whether to learn a warp of each numeric parameter, applied after its scaling.
    inference : {"map", "mcmc"}, default "map"
        How to infer the hyperparameters.  ``"map"`` uses the maximum of their posterior;
        ``"mcmc"`` averages over ten slice samples of it and takes about ten times as long.
    n_initial : int or None, default None
        Number of trials of the initial design.  If None, 5, reduced to half of the planned trials,
        but at least 2 and at least one per sub-space.  While all losses are equal, the design goes
        on, up to 15 trials or a quarter of the planned ones.
    allow_repeats : bool, default False
        Whether a configuration may be suggested again; useful for noisy objectives.
    cost_aware : bool, default False
        Whether to maximize the expected improvement for each unit of predicted cost, so that a
        search finds good configurations in less time instead of in fewer trials.  Measured costs
        depend on the clock: the same seed gives the same trials only if the costs are given, by
        ``trial.set_cost`` or ``study.tell``.

    Raises
    ------
    ValueError
        If ``inference`` is unknown, or ``n_initial`` is not an integer of at least 1.
    TypeError
        If ``warping``, ``allow_repeats`` or ``cost_aware`` is not a bool.
    """

    name: ClassVar[str] = "bayesian"
    warping: bool = True
    inference: Inference = "map"
    n_initial: int | None = None
    allow_repeats: bool = False
    cost_aware: bool = False

    def __post_init__(self) -> None:
        check_choice("inference", self.inference, get_args(Inference))
        if self.n_initial is not None:
            check_count("n_initial", self.n_initial, at_least=1)
        for name in ("warping", "allow_repeats", "cost_aware"):
            check_flag(name, getattr(self, name))

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        with threadpools().limit(limits=1, user_api="blas"):
            return take_suggestions(self._suggestions(context), context, n)

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        if self.n_initial is not None:
            return self.n_initial
        half = DESIGN_SIZE if n_trials is None else min(DESIGN_SIZE, n_trials // 2)
        return max(half, space.n_subspaces, MIN_OBSERVATIONS)

    def learned_warps(self, context: Context) -> Mapping[str, WarpCurve]:
        """Return the learned warp of each numeric parameter, with a band of the posterior."""
        data = self._training_data(context) if self.warping else None
        if data is None:
            return {}
        with threadpools().limit(limits=1, user_api="blas"):
            return warp_curves(data, context.space)

    def learned_model(self, context: Context) -> LearnedModel | None:
        """Return the model of the objective, or None if there are fewer than two results."""
        data = self._training_data(context)
        return None if data is None else LearnedModel(context.space, data, context.history.sign)

    def _suggestions(self, context: Context) -> Iterator[Suggestion]:
        """Yield suggestions until the space is exhausted; each one is pending for the next."""
        space, history = context.space, context.history
        tried = set() if self.allow_repeats else context.tried_keys()
        model = self._fit(context)
        pending = list(context.points(history.in_state(TrialState.RUNNING, fidelity=1.0)))
        for number in itertools.count(len(history)):
            rng = context.rng(number)
            if model is None:
                point, origin, gain = self._design_point(context, number), "design", None
            elif (point := explore_plateau(context, number, tried)) is not None:
                origin, gain = "exploration", None
            else:
                (point, gain), origin = model.maximize(space, pending, tried, rng), "model"
            if point is None or space.keys(point)[0] in tried:
                point, origin, gain = sample_untried(space, tried, rng), "random", None
                if point is None:
                    return
            yield Suggestion.from_point(space, point, origin=origin, expected_improvement=gain)
            pending.append(point)
            if not self.allow_repeats:
                tried.update(space.keys(point))

    def _design_point(self, context: Context, number: int) -> FloatArray | None:
        if number < len(first := first_points(believed_parents(context), context)):
            return first[number]
        n = max(self.n_startup(context.space, context.n_trials), number + 1)
        return np.asarray(initial_design(context.space, n, context.seed)[number])

    def _fit(self, context: Context) -> FittedModel | None:
        """Return the fitted model, or None if the initial design is incomplete."""
        n_known = len(context.history.full()) + len(known_results(context))
        n_startup = self.n_startup(context.space, context.n_trials)
        if believed_parents(context):
            n_startup = MIN_OBSERVATIONS
        if n_known < n_startup:
            return None
        data = self._training_data(context)
        if data is None or (
            np.ptp(data.losses) == 0.0 and n_known < _extended_size(context.n_trials)
        ):
            return None
        ended = [t for t in context.history.full() if t.state.ended]
        model = fit_model(data, context, ended)
        if not self.cost_aware:
            return model
        n_startup = self.n_startup(context.space, context.n_trials)
        return dataclasses.replace(
            model,
            cost=fit_cost_model(
                data.layout, observed_costs(context), weight=cost_weight(context, n_startup)
            ),
        )

    def _training_data(self, context: Context) -> TrainingData | None:
        """Return all observations, or None if there are fewer than MIN_OBSERVATIONS."""
        valued = [t for t in context.history.full() if t.state.ended and t.value is not None]
        prior = known_results(context)
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


@dataclass(frozen=True)
class FittedModel:
    """Gaussian processes of the loss, and models of what else can happen.

    They are a feasibility model if any trial failed, a novelty model if losses are equal, a cost
    model if wanted, and what is known of the constraints if there are any.
    """

    gps: list[GaussianProcess]
    feasibility: FeasibilityModel | None = None
    novelty: NoveltyModel | None = None
    cost: CostModel | None = None
    constraints: Constraints | None = None

    def maximize(
        self,
        space: SearchSpace,
        pending: list[FloatArray],
        tried: Collection[bytes],
        rng: np.random.Generator,
    ) -> tuple[FloatArray | None, float | None]:
        """Return the best untried point and its expected improvement, or (None, None)."""
        acquisition = self.acquisition(pending, rng)
        point = maximize(acquisition, space, tried, rng)
        return point, None if point is None else self.expected_improvement(acquisition, point)

    def acquisition(
        self,
        pending: list[FloatArray],
        rng: np.random.Generator,
        may_be_best: Callable[[FloatArray], NDArray[np.bool_]] | None = None,
    ) -> Acquisition:
        """Return the acquisition, given the points of pending trials.

        The incumbent is feasible, and one of the points for which ``may_be_best`` returns True.
        """
        points = np.array(pending).reshape(len(pending), self.gps[0].U.shape[1])
        base_samples = rng.standard_normal((len(pending), max(1, N_FANTASIES // len(self.gps))))
        gps = [gp.fantasize(points, base_samples) for gp in self.gps]
        masks = [] if may_be_best is None else [may_be_best(gps[0].U)]
        model: ConstraintModel | None = None
        if self.constraints is not None:
            masks.append(self.constraints.are_feasible(gps[0].U))
            model = self.constraints.given_pending(points)
        eligible = np.all(masks, axis=0) if masks else None
        return Acquisition(gps, self.feasibility, self.cost, eligible, self.novelty, model)

    def expected_improvement(self, acquisition: Acquisition, point: FloatArray) -> float | None:
        """Return the expected improvement, in units of the median's distance to the best target.

        Returns None if that distance is 0, or there is no incumbent.
        """
        if not acquisition.has_incumbent:
            return None
        distance = float(np.mean([np.median(gp.y) - gp.y.min() for gp in self.gps]))
        return (
            float(np.exp(acquisition.log_improvement(point[None, :])[0])) / distance
            if distance > 0.0
            else None
        )


def has_ties(data: TrainingData) -> bool:
    """Whether the losses of two points are equal."""
    return bool(tied(data.U, data.losses).any())


def fit_novelty(data: TrainingData, gps: Sequence[GaussianProcess]) -> NoveltyModel | None:
    """Return the novelty model; None if the losses of no two points are equal, or of all."""
    equal = tied(data.U, data.losses)
    if equal.all() or not equal.any():
        return None
    return NoveltyModel(data.layout, data.U, data.losses, gps[-1].hyper.lengthscales)


def fit_model(data: TrainingData, context: Context, ended: Sequence[Trial]) -> FittedModel:
    """Fit the loss to the data, and the feasibility to ended trials.

    If losses are equal, processes without warps are fitted as well, and the improvement is averaged
    over all: the warp that explains a step best is steep there, and flattens the rest of the range.
    It is multiplied by the probability of a new loss.

    Each failed trial gets a pseudo-observation of the loss: the posterior mean or the mean loss,
    whichever is worse.  It keeps the processes from predicting an improvement where they
    extrapolate beyond failures.  The more probable the failure, the smaller the variance of the
    pseudo-observation: a single failure among successes has little weight.
    """
    gps = fit_surrogate(data)
    if data.warping and has_ties(data):
        gps = [*gps, *fit_surrogate(dataclasses.replace(data, warping=False))]
    novelty = fit_novelty(data, gps)
    if parents := believed_parents(context):
        gps = [with_parents(gp, parents) for gp in gps]
    constraints = constraints_of(context, data)
    failed = np.array([t.state is TrialState.FAILED for t in ended])
    if failed.all() or not failed.any():
        return FittedModel(gps, novelty=novelty, constraints=constraints)
    U = context.points(ended)
    feasibility = FeasibilityModel(data.layout, U, failed)
    V = U[failed][-N_FAILURES:]
    variance = FAILURE_VARIANCE * np.exp(2.0 * feasibility.log_probability(V))
    gps = [gp.condition_on(V, np.maximum(gp.predict(V)[0], 0.0), variance) for gp in gps]
    return FittedModel(gps, feasibility, novelty, constraints=constraints)


def _extended_size(n_trials: int | None) -> int:
    """Return the largest size of a design that has found one loss only, which teaches nothing."""
    return MAX_DESIGN_SIZE if n_trials is None else min(MAX_DESIGN_SIZE, n_trials // 4)


@functools.lru_cache(maxsize=8)
def _sobol_points(n: int, d: int, seed: int) -> FloatArray:
    from scipy.stats import qmc  # slow to import

    exponent = max(n - 1, 1).bit_length()
    sobol = qmc.Sobol(d, scramble=True, rng=np.random.default_rng([seed, 0]))
    return np.asarray(sobol.random_base2(exponent))[:n]


def initial_design(space: SearchSpace, n: int, seed: int) -> FloatArray:
    """Return a scrambled Sobol design that visits every sub-space, shape (n, d)."""
    if space.n_dimensions == 0:
        return np.empty((n, 0))
    low, high = space.bounds.T
    U = low + (high - low) * _sobol_points(n, space.n_dimensions, seed)
    if space.n_subspaces > 1:
        U[:, 0] = (np.arange(n) % space.n_subspaces + 0.5) / space.n_subspaces
    return space.snap(U)
