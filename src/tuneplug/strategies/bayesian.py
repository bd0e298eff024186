"""Bayesian optimisation with a warped Gaussian process: tuneplug's default strategy."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from threadpoolctl import ThreadpoolController

from tuneplug.acquisition import maximise
from tuneplug.arrays import FloatArray
from tuneplug.errors import check_count
from tuneplug.space import SearchSpace
from tuneplug.strategies.base import (
    Context,
    Strategy,
    Suggestion,
    WarpCurve,
    draw_free,
    fill,
)
from tuneplug.surrogate.gp import GaussianProcess, Layout, fit_map
from tuneplug.surrogate.outputs import standardise
from tuneplug.trial import TrialState
from tuneplug.warping import kumaraswamy

__all__ = ["BayesianSearch"]


#: Trials drawn before the model guides, where the budget allows.
DESIGN_SIZE = 5
#: Fewest observations that a model is fitted to.
MIN_OBSERVATIONS = 2
#: Below this leave-one-out skill the model is not trusted to guide a young search: on plateaus it
#: would visit the corners of the cube, which are merely furthest from everything.
MIN_SKILL = 0.3
CURVE_POINTS = 101


@functools.cache
def _threadpools() -> ThreadpoolController:
    """The native thread pools of this process; looking for them takes milliseconds."""
    return ThreadpoolController()


@final
@dataclass(frozen=True)
class BayesianSearch(Strategy):
    """Learn a Gaussian process of the loss and try where improvement is likeliest.

    The first trials are a scrambled Sobol design that holds every branch of the space; it goes on
    while the model cannot predict the trials it has seen, up to 2 d + 5 trials in d dimensions or
    half of the budget.  From then on a Matérn-5/2 process with a lengthscale and a Kumaraswamy warp
    for each numeric parameter is fitted by maximum a posteriori, and log expected improvement is
    maximised.  No setting is proposed that was tried or is running.

    Parameters
    ----------
    warping : bool, default True
        Whether to learn a warp of every numeric parameter on top of its scaling.
    n_initial : int or None, default None
        Trials of the initial design, exactly.  None: 5, at most half of the budget, at least one
        for each branch of the space and at least 2; more while the model has no skill.
    allow_repeats : bool, default False
        Whether a setting may be proposed again: for noisy objectives.
    """

    name: ClassVar[str] = "bayesian"
    warping: bool = True
    n_initial: int | None = None
    allow_repeats: bool = False

    def __post_init__(self) -> None:
        if self.n_initial is not None:
            check_count("n_initial", self.n_initial, at_least=1)

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        with _threadpools().limit(limits=1, user_api="blas"):
            return fill(self._suggestions(context), context, n)

    def n_startup(self, space: SearchSpace, budget: int | None) -> int:
        if self.n_initial is not None:
            return self.n_initial
        half = DESIGN_SIZE if budget is None else min(DESIGN_SIZE, budget // 2)
        return max(half, space.n_branches, MIN_OBSERVATIONS)

    def _longest_design(self, space: SearchSpace, budget: int | None) -> int:
        """Return how long the design may go on while the model has no skill."""
        startup = self.n_startup(space, budget)
        if self.n_initial is not None:
            return startup
        longest = 2 * space.n_dimensions + DESIGN_SIZE
        return max(startup, longest if budget is None else min(longest, budget // 2))

    def _suggestions(self, context: Context) -> Iterator[Suggestion]:
        space, history = context.space, context.history
        taken = set() if self.allow_repeats else context.taken()
        design = self.n_startup(space, context.budget)
        running = list(context.units(history.in_state(TrialState.RUNNING)))
        gp = self._learn(context) if len(history) + 1 > design else None
        longest = self._longest_design(space, context.budget)
        lost = gp is not None and gp.leave_one_out_skill() < MIN_SKILL
        for number in itertools.count(len(history)):
            rng = context.rng(number)
            row, origin = None, "random"
            if number < design or (lost and number < longest):
                row, origin = _design(space, longest, context.seed)[number], "design"
            elif gp is not None:
                row, origin = self._propose(gp, space, running, taken, rng), "model"
            if row is None or space.keys(row[None, :])[0] in taken:
                row, origin = draw_free(space, taken, rng), "random"
                if row is None:
                    return
            yield Suggestion(space.decode(row), origin=origin)
            running.append(row)
            if not self.allow_repeats:
                taken.update(space.keys(row[None, :]))

    def _learn(self, context: Context) -> GaussianProcess | None:
        """Fit the process to all that ended; None while there is too little to learn from."""
        history = context.history
        valued = [t for t in history if t.state.ended and t.value is not None]
        if len(valued) < MIN_OBSERVATIONS or context.space.n_dimensions == 0:
            return None
        # A failed trial counts as the worst seen: it tells that its neighbourhood is no good.
        failed = history.in_state(TrialState.FAILED)
        losses = history.losses(valued)
        losses = np.concatenate([losses, np.full(len(failed), losses.max())])
        targets, scale = standardise(losses)
        told = np.array([t.variance or 0.0 for t in [*valued, *failed]]) * scale**2
        U = context.units([*valued, *failed])
        return fit_map(U, targets, Layout.of(context.space), told=told, warping=self.warping)

    def _propose(
        self,
        gp: GaussianProcess,
        space: SearchSpace,
        running: list[FloatArray],
        taken: set[bytes],
        rng: np.random.Generator,
    ) -> FloatArray | None:
        conditioned = gp.with_believed(np.array(running).reshape(-1, space.n_dimensions))
        best = float(conditioned.predict(conditioned.U)[0].min())
        return maximise(conditioned, space, best, taken, rng)

    def learned_warps(self, context: Context) -> Mapping[str, WarpCurve]:
        """Fit the process to the history and return its warp of each numeric parameter."""
        gp = self._learn(context) if self.warping else None
        if gp is None:
            return {}
        space, curves = context.space, {}
        for i, column in enumerate(gp.layout.numeric):
            parameter = space.dimensions[column]
            low, high = parameter.unit_bounds
            unit = np.linspace(low, high, CURVE_POINTS)
            a, b = float(gp.hyper.a[i]), float(gp.hyper.b[i])
            curves[space.labels[column]] = WarpCurve(
                parameter=space.labels[column],
                values=parameter.from_unit(unit),
                unit=unit,
                warped=kumaraswamy(unit, np.array(a), np.array(b)),
                a=a,
                b=b,
            )
        return curves


@functools.lru_cache(maxsize=8)
def _design_cube(n: int, d: int, seed: int) -> FloatArray:
    from scipy.stats import qmc  # heavy to import, needed once a study

    exponent = max(n - 1, 1).bit_length()
    sobol = qmc.Sobol(d, scramble=True, rng=np.random.default_rng([seed, 0]))
    return np.asarray(sobol.random_base2(exponent))[:n]


def _design(space: SearchSpace, n: int, seed: int) -> FloatArray:
    """Return a scrambled Sobol design that visits every branch of the space, shape (n, d)."""
    if space.n_dimensions == 0:
        return np.empty((n, 0))
    low, high = space.bounds.T
    U = low + (high - low) * _design_cube(n, space.n_dimensions, seed)
    if space.n_branches > 1:
        U[:, 0] = (np.arange(n) % space.n_branches + 0.5) / space.n_branches
    return space.snap(U)
