"""Searches on the clock: generators that ask for fits and receive their losses and seconds.

A search that uses the resource asks for fits that get less of it; all others ask for full ones.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from _optimizers import TunePlug, forget
from _recorded_fits import Fit
from _tasks import Configuration
from _timed_tasks import TimedTask
from peers import OPTIMIZERS, Entry, OptunaTPE

from tuneplug import Study
from tuneplug.strategies import (
    AsynchronousHyperband,
    BayesianSearch,
    MultiFidelitySearch,
    Strategy,
)

#: Reduction factor of successive halving.
FACTOR = 3


class Request(NamedTuple):
    """A configuration to fit, and how much it gets."""

    configuration: Configuration
    resource: int


Search = Generator[Request, Fit, None]


# ---------------------------------------------------------------- full trials only


def peer(name: str) -> Callable[[TimedTask, int], Search]:
    """Return an optimizer of ``peers`` as a search with full trials."""

    def search(task: TimedTask, seed: int) -> Search:
        optimizer = OPTIMIZERS[name].make(task.space, seed)
        while True:
            proposal = optimizer.ask()
            fit = yield Request(proposal.configuration, task.full)
            optimizer.tell(proposal, fit.loss)

    return search


def tuneplug(strategy: Callable[[TimedTask], Strategy]) -> Callable[[TimedTask, int], Search]:
    """Return tuneplug with a strategy, which sees the seconds as costs."""

    def search(task: TimedTask, seed: int) -> Search:
        forget()
        study = Study(task.space, strategy=strategy(task), seed=seed)
        while True:
            trial = study.ask()
            fit = yield Request(trial.params, trial.resource or task.full)
            study.tell(trial, fit.loss, cost=fit.seconds)

    return search


def cost_aware(_: TimedTask) -> Strategy:
    """Return the strategy for full trials that learns their costs."""
    return BayesianSearch(cost_aware=True)


# ---------------------------------------------------------------- less of the resource


def multi_fidelity(task: TimedTask, *, cost_aware: bool = True) -> Strategy:
    """Return the strategy that chooses resources by a model."""
    return MultiFidelitySearch(task.least, task.full, FACTOR, cost_aware=cost_aware)


def hyperband(task: TimedTask) -> Strategy:
    """Return the strategy that promotes by ranks."""
    return AsynchronousHyperband(task.least, task.full, FACTOR)


def halving(task: TimedTask, seed: int) -> Search:
    """Successive halving over random configurations, again and again."""
    rng, levels = np.random.default_rng(seed), task.levels(FACTOR)
    while True:
        left = task.space.sample(FACTOR ** (len(levels) - 1), rng)
        for resource in levels:
            losses = []
            for configuration in left:
                fit = yield Request(configuration, resource)
                losses.append(fit.loss)
            best = np.argsort(losses, kind="stable")[: max(len(left) // FACTOR, 1)]
            left = [left[i] for i in best]


def optuna_hyperband(task: TimedTask, seed: int) -> Search:
    """Optuna's TPE with its HyperbandPruner: each level of the resource is a reported step."""
    from optuna.pruners import HyperbandPruner
    from optuna.trial import TrialState

    levels = task.levels(FACTOR)
    optimizer = OptunaTPE(
        task.space,
        seed,
        pruner=HyperbandPruner(levels[0], levels[-1], FACTOR),
        study_name=f"clock-{seed}",  # brackets depend on the name, which is random by default
    )
    while True:
        proposal = optimizer.ask()
        trial = proposal.handle
        for resource in levels:
            fit = yield Request(proposal.configuration, resource)
            trial.report(fit.loss, resource)
            if resource < task.full and trial.should_prune():
                optimizer.study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            optimizer.tell(proposal, fit.loss)


# ---------------------------------------------------------------- the catalogue


@dataclass(frozen=True)
class SearchEntry:
    """A search, whether it needs a resource, and the optimizer that it is made of."""

    make: Callable[[TimedTask, int], Search]
    optimizer: Entry
    uses_resource: bool = False


def _full(name: str) -> SearchEntry:
    return SearchEntry(peer(name), OPTIMIZERS[name])


SEARCHES = {
    "tuneplug": SearchEntry(tuneplug(lambda _: BayesianSearch()), OPTIMIZERS["tuneplug"]),
    "tuneplug-cost": SearchEntry(
        tuneplug(cost_aware), Entry(TunePlug, arguments={"cost_aware": True})
    ),
    "tuneplug-fidelity": SearchEntry(tuneplug(multi_fidelity), OPTIMIZERS["tuneplug"], True),
    "tuneplug-hyperband": SearchEntry(tuneplug(hyperband), OPTIMIZERS["tuneplug"], True),
    "random": _full("random"),
    "optuna-tpe": _full("optuna-tpe"),
    "optuna-gp": _full("optuna-gp"),
    "optuna-hyperband": SearchEntry(optuna_hyperband, OPTIMIZERS["optuna-tpe"], True),
    "halving": SearchEntry(halving, OPTIMIZERS["random"], True),
}


def usable(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return the searches that can run, and the reason of each skipped one.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    names = list(dict.fromkeys(names))
    if unknown := [name for name in names if name not in SEARCHES]:
        raise ValueError(f"no search is called {unknown}; there are {list(SEARCHES)}")
    reasons = {name: SEARCHES[name].optimizer.unavailable_reason() for name in names}
    skipped = {name: reason for name, reason in reasons.items() if reason is not None}
    return [name for name in names if name not in skipped], skipped
