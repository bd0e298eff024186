"""Costs of the trials of a history, and the weight of costs in the acquisition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneplug.execution import INTERRUPTED_MESSAGE
from tuneplug.strategies.base import Context
from tuneplug.strategies.warm_start import known_results
from tuneplug.surrogate.cost import CostObservations
from tuneplug.trial import Trial, TrialState

__all__ = ["cost_weight", "observed_costs"]

#: Stop reasons of trials that ended because their time was over.
TIMEOUTS = ("timeout", "trial_timeout")


def observed_costs(context: Context, slope: float | None = None) -> CostObservations:
    """Return the known costs of earlier searches and of ended trials.

    A failed trial costs what it took.  So does a stopped one, unless its number of steps and that
    of complete trials are known: its cost is then scaled to as many steps as complete trials have,
    their median.  If time ran out or the search was interrupted, the cost is a lower bound.

    Without a slope, only trials of fidelity 1 count.  With a slope, the cost of a trial of fidelity
    s is divided by s to the power of the slope.
    """
    history = context.history.full() if slope is None else context.history
    prior = [known for known in known_results(context) if known.cost is not None]
    ended = [t for t in history if t.state.ended and t.cost is not None]
    full = _full_steps(ended)
    costs = [float(known.cost or 0.0) for known in prior]
    costs += [_full_cost(trial, full) / trial.fidelity ** (slope or 0.0) for trial in ended]
    is_bound = [False] * len(prior) + [_was_cut_short(trial) for trial in ended]
    return CostObservations(
        context.points([*prior, *ended]), np.array(costs), np.array(is_bound, dtype=bool)
    )


def cost_weight(context: Context, n_startup: int) -> float:
    """Return alpha: 1 without a known number of trials, else the share of it that is left.

    The weight falls from 1 at the end of the initial design to 0 (cost cooling; Lee, Perrone,
    Archambeau & Seeger, "Cost-aware Bayesian Optimization", arXiv 2003.10870).
    """
    if context.n_trials is None:
        return 1.0
    left = context.n_trials - len(context.history)
    return min(max(left / max(context.n_trials - n_startup, 1), 0.0), 1.0)


def _was_cut_short(trial: Trial) -> bool:
    """Return whether a trial ended because time ran out, or because its search was interrupted."""
    if trial.state is TrialState.STOPPED:
        return trial.stop_reason in TIMEOUTS
    return trial.state is TrialState.FAILED and (trial.error or "").startswith(INTERRUPTED_MESSAGE)


def _full_cost(trial: Trial, full_steps: float) -> float:
    """Return the cost of a trial, scaled to all steps if it was stopped by a rule."""
    assert trial.cost is not None
    steps = _n_steps(trial)
    if trial.state is not TrialState.STOPPED or _was_cut_short(trial) or steps == 0:
        return trial.cost
    return trial.cost * max(full_steps / steps, 1.0)


def _full_steps(trials: Sequence[Trial]) -> float:
    """Return the median number of steps of complete trials that report; 0 if none does."""
    steps = [_n_steps(trial) for trial in trials if trial.state is TrialState.COMPLETE]
    reported = [n for n in steps if n > 0]
    return float(np.median(reported)) if reported else 0.0


def _n_steps(trial: Trial) -> int:
    """Return the number of steps that a trial reported, over all of its folds."""
    last: dict[int | None, int] = {}
    for report in trial.reports:
        last[report.fold] = report.step + 1
    return sum(last.values())
