"""MultiFidelitySearch: look at configurations at a share of the resource before full trials."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.errors import check_count
from tuneplug.space import SearchSpace
from tuneplug.strategies.base import Context, Strategy, Suggestion, sample_untried, take_suggestions
from tuneplug.strategies.bayesian import (
    BayesianSearch,
    FittedModel,
    initial_design,
    threadpools,
)
from tuneplug.strategies.learned_warps import WarpCurve
from tuneplug.strategies.look_costs import (
    DESIGN_FIDELITY,
    PRIOR_SLOPE,
    Spending,
    cost_slope,
    looks_are_expensive,
)
from tuneplug.strategies.look_model import LookModel
from tuneplug.strategies.look_record import DESIGN_LOOKS, LookRecord
from tuneplug.strategies.plateaus import explore_plateau
from tuneplug.surrogate.acquisition import Acquisition
from tuneplug.surrogate.acquisition_optimizer import maximize
from tuneplug.surrogate.fitting import Inference
from tuneplug.trial import History, Trial
from tuneplug.trial.values import as_real

__all__ = ["MultiFidelitySearch"]

#: Numbers of looks in the initial design after which another of the best ones is tried in full.
DESIGN_PROMOTIONS = (3, 6, 12)
#: Smallest fidelity of a look: below, it tells less and saves little.  Largest mean cost of a look,
#: as a share of that of a full trial.
MIN_FIDELITY, MAX_LOOK_COST = 0.08, 0.25
#: Share of the planned trials, at the end, that are full.
FULL_SHARE = 0.1
BUDGET_CURE = "give the number of full trials"
#: Tolerance of sums of fidelities.
TOLERANCE = 1e-9


class _Option(NamedTuple):
    """A configuration and a fidelity to try it at."""

    point: FloatArray
    fidelity: float
    origin: str
    gain: float | None


@final
@dataclass(frozen=True)
class MultiFidelitySearch(Strategy):
    """Suggest configurations and the resource to try them with.

    A trial with a part of the resource, such as a share of the rows or of the epochs, is a look: it
    costs less, and its loss resembles the full one.  The search tries new configurations with few
    resources, and again with more where that pays.  The process of ``BayesianSearch`` models the
    full loss; a look is an observation of it with a noise that the search learns.  The next trial
    is the configuration and the fidelity whose expected improvement at full resource is worth most
    for each unit of cost.  ``docs/engine.md`` has the equations and their sources.

    Only full trials can be best.  Once one is complete, further looks have at most half of the
    spending.  If the number of trials is known, the last tenth of them is full.  If looks turn out
    to cost too much, all further trials are full, as in ``BayesianSearch(cost_aware=True)``.

    Parameters
    ----------
    min_resource : int
        Smallest resource of a trial.
    max_resource : int
        Full resource; the objective reads the resource of a trial from ``trial.resource``.
    factor : int, default 3
        Factor between two resources: ``max_resource``, ``max_resource / factor``, ...
    warping, inference
        As in ``BayesianSearch``.
    n_initial : int or None, default None
        Number of looks of the initial design.  If None, 6, and up to 12 if they cost no more than
        the full trials, both reduced to a third of the planned trials, but at least 2 and at least
        one per sub-space.  Without looks, as in ``BayesianSearch``.
    cost_aware : bool, default True
        Whether the cost of a trial is learned from those of earlier ones.  If False, it is
        proportional to the resource, looks are never given up, and suggestions do not depend on the
        clock.
    budget : float or None, default None
        Planned resource, in full trials: the last tenth of it, and at least one trial, goes to
        full trials.  If None, the last tenth of the trials that the study plans is full.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or has the wrong type.
    """

    name: ClassVar[str] = "multi_fidelity"
    min_resource: int
    max_resource: int
    factor: int = 3
    warping: bool = True
    inference: Inference = "map"
    n_initial: int | None = None
    cost_aware: bool = True
    budget: float | None = None

    def __post_init__(self) -> None:
        check_count("min_resource", self.min_resource, at_least=1)
        check_count("max_resource", self.max_resource, at_least=self.min_resource)
        check_count("factor", self.factor, at_least=2)
        if self.n_initial is not None:
            check_count("n_initial", self.n_initial, at_least=1)
        if self.budget is not None:
            budget = as_real(self.budget, "budget", cure=BUDGET_CURE)
            if not (math.isfinite(budget) and budget > 0.0):
                raise ValueError(
                    f"budget must be finite and above 0, but got {self.budget!r}: {BUDGET_CURE}"
                )
        _ = self._full_search  # checks the other arguments

    @functools.cached_property
    def resources(self) -> dict[float, int]:
        """The resource of each fidelity, from the smallest to 1."""
        found = [int(self.max_resource)]
        while (smaller := round(found[-1] / self.factor)) >= self.min_resource:
            if smaller == found[-1]:
                break
            found.append(smaller)
        return {resource / self.max_resource: resource for resource in reversed(found)}

    @property
    def levels(self) -> tuple[int, ...]:
        """The resources that trials may have, in ascending order: of looks that may pay, and full.

        Looks below 8 % of the full resource tell too little, so none is made.
        """
        looks = [s for s in self.resources if s < 1.0]
        used = _look_fidelities(looks) if looks else []
        return tuple(self.resources[s] for s in [*used, 1.0])

    @functools.cached_property
    def _full_search(self) -> BayesianSearch:
        return BayesianSearch(
            warping=self.warping,
            inference=self.inference,
            n_initial=self.n_initial,
            cost_aware=self.cost_aware,
        )

    @property
    def full_resource(self) -> int:
        return int(self.max_resource)

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        if len(self.resources) == 1 or self._gives_up_looks(context):
            found = self._full_search.suggest(_full_only(context), n)
            return [dataclasses.replace(one, resource=self.full_resource) for one in found]
        with threadpools().limit(limits=1, user_api="blas"):
            return take_suggestions(self._suggestions(context), context, n)

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        if len(self.resources) == 1:
            return self._full_search.n_startup(space, n_trials)
        if self.n_initial is not None:
            return self.n_initial
        third = DESIGN_LOOKS if n_trials is None else min(DESIGN_LOOKS, n_trials // 3)
        return max(third, space.n_subspaces, 2)

    def learned_warps(self, context: Context) -> Mapping[str, WarpCurve]:
        """Return the warps that full trials teach, as ``BayesianSearch`` does."""
        return self._full_search.learned_warps(context)

    def _gives_up_looks(self, context: Context) -> bool:
        """Whether looks turned out to cost too much."""
        level = _design_fidelity(_look_fidelities(self.resources))
        return self.cost_aware and looks_are_expensive(context, level)

    def _suggestions(self, context: Context) -> Iterator[Suggestion]:
        """Yield suggestions until nothing is left to try; each one is pending for the next."""
        state = _Schedule(context, self)
        for number in itertools.count(len(context.history)):
            option = state.next_option(number)
            if option is None:
                return
            state.add_pending(option)
            found = Suggestion.from_point(
                context.space,
                option.point,
                origin=option.origin,
                expected_improvement=option.gain,
            )
            yield dataclasses.replace(
                found, fidelity=option.fidelity, resource=self.resources[option.fidelity]
            )


def _look_fidelities(resources: Iterable[float]) -> list[float]:
    """Return the fidelities of looks, from the smallest."""
    levels = [s for s in resources if s < 1.0]
    return [s for s in levels if s >= MIN_FIDELITY] or levels[-1:]


def _design_fidelity(levels: Sequence[float]) -> float:
    """Return the fidelity of the looks of the initial design."""
    return max([s for s in levels if s <= DESIGN_FIDELITY], default=levels[0])


def _full_only(context: Context) -> Context:
    """Return the context of a search without looks, which has tried the full trials only."""
    full = context.history.full()
    n_looks = len(context.history) - len(full)
    n_trials = None if context.n_trials is None else context.n_trials - n_looks
    history = History(full, context.history.sign)
    return dataclasses.replace(context, history=history, n_trials=n_trials)


class _Schedule:
    """One call of ``suggest``: what is tried next, and with which fidelity."""

    def __init__(self, context: Context, strategy: MultiFidelitySearch) -> None:
        self.context, self.strategy, self.space = context, strategy, context.space
        self.record = LookRecord(context)
        self.n_startup = strategy.n_startup(self.space, context.n_trials)
        slope = cost_slope(context) if strategy.cost_aware else PRIOR_SLOPE
        levels = _look_fidelities(strategy.resources)
        self.design_level = _design_fidelity(levels)
        self.model = LookModel(
            context,
            self.record,
            strategy._full_search,
            levels=[s for s in levels if s**slope <= MAX_LOOK_COST],
            slope=slope,
            n_startup=self.n_startup,
        )
        #: Whether the first full trial is made to compare its cost with that of its look.
        self.compares = strategy.cost_aware and any(
            trial.cost is not None for trial in self.record.ended.values()
        )
        self.spent = Spending(context, slope, measured=strategy.cost_aware)

    def add_pending(self, option: _Option) -> None:
        """Count an option as running."""
        self.record.add_pending(option.point, option.fidelity)
        self.spent.add(option.fidelity)

    def next_option(self, number: int) -> _Option | None:
        """Return what to try next; None if nothing is left."""
        record, promising = self.record, self.record.promising()
        if self.compares and record.n_full == 0 and promising:
            return _Option(promising[0].point, 1.0, "design", None)
        known = len(record.known) + record.n_full - self.compares
        looks = self._n_design_looks(known)
        allowed = not self._must_be_full(number) and (
            record.n_looks < DESIGN_LOOKS or self.spent.allows(self.design_level)
        )
        if record.n_looks < looks and known < self.n_startup and allowed:
            return self._design(number)
        if promising and known < self._n_promoted(looks):
            return _Option(promising[0].point, 1.0, "design", None)
        model = self.model.fitted if record.has_full or record.known else None
        if model is not None:
            point = explore_plateau(self.context, number, record.tried)
            if point is not None:
                return _Option(point, 1.0, "exploration", None)
            return self._best_option(model, promising, number)
        if promising:
            return _Option(promising[0].point, 1.0, "design", None)
        return self._random(number, 1.0 if self._must_be_full(number) else self.design_level)

    def _n_design_looks(self, known: int) -> int:
        """Return the number of looks of the initial design, given that of full trials.

        More looks follow after the first full trials, until the model chooses one.
        """
        n_startup = self.n_startup
        first = self.strategy.n_initial is not None or n_startup < DESIGN_LOOKS
        if first or not self._n_promoted(n_startup) <= known <= len(DESIGN_PROMOTIONS):
            return n_startup
        n_trials, most = self.context.n_trials, DESIGN_PROMOTIONS[-1]
        return max(n_startup, most if n_trials is None else min(most, n_trials // 3))

    def _n_promoted(self, looks: int) -> int:
        """Return how many of a number of looks in the initial design are tried in full."""
        return max(1, sum(looks >= count for count in DESIGN_PROMOTIONS))

    def _design(self, number: int) -> _Option | None:
        design = initial_design(self.space, max(self.n_startup, number + 1), self.context.seed)
        point = np.asarray(design[number])
        if self.space.keys(point)[0] in self.record.tried:
            return self._random(number, self.design_level)
        return _Option(point, self.design_level, "design", None)

    def _random(self, number: int, fidelity: float) -> _Option | None:
        point = sample_untried(self.space, self.record.tried, self.context.rng(number))
        if point is not None:
            return _Option(point, fidelity, "random", None)
        left = self.record.promising()
        return _Option(left[0].point, 1.0, "random", None) if left else None

    def _must_be_full(self, number: int) -> bool:
        """Whether looks have failed too often, or the budget leaves full trials only."""
        if self.record.looks_fail:
            return True
        budget, n_trials = self.strategy.budget, self.context.n_trials
        if budget is not None:
            rest = budget - sum(trial.fidelity for trial in self.context.history)
            look = max([*self.model.levels, self.design_level])
            return rest - look < max(1.0, FULL_SHARE * budget) - TOLERANCE
        return n_trials is not None and number >= n_trials - math.ceil(FULL_SHARE * n_trials)

    def _best_option(
        self, model: FittedModel, promising: Sequence[Trial], number: int
    ) -> _Option | None:
        acquisition = self.model.acquisition(model, number)
        new = maximize(acquisition, self.space, self.record.tried, self.context.rng(number))
        if new is not None and not acquisition.has_incumbent:  # no trial was feasible
            return _Option(new, 1.0, "model", None)
        points = [trial.point for trial in promising]
        lowest = [trial.fidelity for trial in promising]
        if new is not None:
            points, lowest = [new, *points], [0.0, *lowest]
        if not points:
            return None
        U = np.array(points)
        row, fidelity = self._best_rate(acquisition, U, np.array(lowest), number)
        gain = model.expected_improvement(acquisition, U[row])
        return _Option(U[row], fidelity, "model", gain)

    def _best_rate(
        self, acquisition: Acquisition, U: FloatArray, lowest: FloatArray, number: int
    ) -> tuple[int, float]:
        """Return the row and the fidelity of the largest rate.

        If that is a look which the spending does not allow, return the full trial of the largest
        rate among the configurations that were looked at, if there is one.
        """
        rates = self.model.rates(acquisition, U, lowest, full_only=self._must_be_full(number))
        fidelity = max(rates, key=lambda s: float(rates[s].max()))
        if self.spent.allows(fidelity):
            return int(rates[fidelity].argmax()), fidelity
        looked = lowest > 0.0
        full = np.where(looked, rates[1.0], -np.inf) if looked.any() else rates[1.0]
        return int(full.argmax()), 1.0
