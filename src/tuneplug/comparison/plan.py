"""``ComparisonPlan``: what a comparison runs, checked before its first trial."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tuneplug.errors import check_count, did_you_mean, safe_repr
from tuneplug.plugins.manager import Plugins
from tuneplug.storage.base import Storage
from tuneplug.storage.spaces import space_document
from tuneplug.storage.urls import as_storage
from tuneplug.strategies.base import Strategy
from tuneplug.study import Study
from tuneplug.study.options import check_direction, check_objective, resolve_seed
from tuneplug.trial.reporting import Direction

__all__ = ["ComparisonArguments", "ComparisonPlan", "make_plan", "seed_of_replication"]

#: Options of ``Study`` that are the same for all strategies, and what sets them.
SHARED_OPTIONS = {
    "attributes": "the comparison",
    "direction": "direction=",
    "n_trials": "n_trials=",
    "name": "name=",
    "seed": "seed=",
    "storage": "storage=",
}
#: Key of the attribute of a stored study that tells which comparison it belongs to.
ATTRIBUTE = "comparison"
#: Number of times that a trial runs again whose process was killed.
MAX_RETRIES = 10
#: Maximum number of mistakes that a message lists.
MAX_MISTAKES = 20


@dataclass(frozen=True)
class ComparisonArguments:
    """The arguments of ``compare`` that decide what runs, as they were given."""

    objective: Any
    strategies: Any
    space: Any
    replications: Any
    n_trials: Any
    direction: Any
    seed: Any
    storage: Any
    name: Any


@dataclass
class ComparisonPlan:
    """What a comparison runs; a process pool pickles it once.

    Attributes
    ----------
    objective : callable
    options : dict of str to dict
        Options of ``Study``, with the space, by strategy.
    n_trials, replications : int
    direction : {"minimize", "maximize"}
    seed : int
    storage : Storage or None
    name : str or None
    stopped : bool
        Whether replications that run on threads are to end after their current trial.
    """

    objective: Callable[..., Any]
    options: dict[str, dict[str, Any]]
    n_trials: int
    replications: int
    direction: Direction
    seed: int
    storage: Storage | None
    name: str | None
    stopped: bool = field(default=False)

    def study(self, strategy: str, replication: int) -> Study:
        """Return the study of a replication, with its stored trials."""
        options = dict(self.options[strategy])
        for shared in ("strategy", "stopping"):  # they may keep caches
            if shared in options:
                options[shared] = copy.deepcopy(options[shared])
        if self.storage is not None:
            options = {"max_retries": MAX_RETRIES, **options}
            options |= {"storage": self.storage, "name": self.study_name(strategy, replication)}
            options["attributes"] = {ATTRIBUTE: self.mark(strategy)}
        return Study(
            **options,
            direction=self.direction,
            n_trials=self.n_trials,
            seed=seed_of_replication(self.seed, replication),
        )

    def study_name(self, strategy: str, replication: int) -> str:
        """Return the name under which a replication is stored."""
        return f"{self.name}/{strategy}/{replication}"

    def mark(self, strategy: str) -> dict[str, Any]:
        """Return what a stored replication must agree with to be resumed."""
        given = self.options[strategy].get("strategy", "bayesian")
        kind = given.name if isinstance(given, Strategy) else given
        return {"seed": self.seed, "n_trials": self.n_trials, "strategy": kind}


def seed_of_replication(seed: int, replication: int) -> int:
    """Return the seed that all strategies have in a replication."""
    return int(np.random.SeedSequence([seed, replication]).generate_state(1)[0])


def make_plan(given: ComparisonArguments, plugins: Plugins) -> ComparisonPlan:
    """Return the plan of a comparison; nothing is written.

    Raises
    ------
    ValueError
        If arguments are wrong, or disagree with stored replications; the message lists all
        mistakes.
    StorageError
        If the storage cannot be read.
    """
    mistakes: list[str] = []
    with _noting(mistakes):
        _check_objective(given.objective)
    with _noting(mistakes):
        check_count("replications", given.replications, at_least=2)
    shared: dict[str, Any] = {}
    with _noting(mistakes):
        check_count("n_trials", given.n_trials, at_least=1)
        shared["n_trials"] = int(given.n_trials)
    with _noting(mistakes):
        check_direction(given.direction)
        shared["direction"] = given.direction
    with _noting(mistakes):
        resolve_seed(given.seed)
    storage = None
    with _noting(mistakes):
        storage = _storage_of(given.storage, given.name, plugins)
    options = _options_by_strategy(given, shared, mistakes)
    _raise_if(mistakes)
    plan = ComparisonPlan(
        given.objective,
        options,
        replications=int(given.replications),
        seed=0,
        storage=storage,
        name=given.name,
        **shared,
    )
    _agree_with_storage(plan, given.seed, mistakes)
    _raise_if(mistakes)
    return plan


@contextmanager
def _noting(mistakes: list[str], where: str = "") -> Iterator[None]:
    """Context manager: add the message of a wrong argument to the mistakes."""
    try:
        yield
    except (TypeError, ValueError) as error:
        mistakes.append(where + str(error))


def _raise_if(mistakes: list[str]) -> None:
    if len(mistakes) == 1:
        raise ValueError(mistakes[0])
    if mistakes:
        shown = "".join(f"\n- {mistake}" for mistake in mistakes[:MAX_MISTAKES])
        more = len(mistakes) - MAX_MISTAKES
        rest = f"\n- and {more} more" if more > 0 else ""
        raise ValueError(f"compare has {len(mistakes)} mistakes in its arguments:{shown}{rest}")


def _check_objective(objective: object) -> None:
    if hasattr(objective, "fit") and not callable(objective):
        raise TypeError(
            f"objective must be a function of a trial, but got {safe_repr(objective)}: to compare "
            "searches of scikit-learn, call tuneplug_sklearn.compare_searches({name: search}, X, y)"
        )
    check_objective(objective)


def _storage_of(storage: Any, name: Any, plugins: Plugins) -> Storage | None:
    if storage is None:
        return None
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"name must be text if there is a storage, but got {safe_repr(name)}: give, for "
            "example, name='comparison'"
        )
    return as_storage(storage, partial(plugins.create, "storage"))


def _options_by_strategy(
    given: ComparisonArguments, shared: Mapping[str, Any], mistakes: list[str]
) -> dict[str, dict[str, Any]]:
    """Return the options of each strategy, tried in a study without a storage."""
    if not isinstance(given.strategies, Mapping) or not given.strategies:
        mistakes.append(
            "strategies must be a mapping of names to strategies, but got "
            f"{safe_repr(given.strategies)}: give, for example, "
            "{'bayesian': 'bayesian', 'random': 'random'}"
        )
        return {}
    found = {}
    for name, value in given.strategies.items():
        where = f"strategies[{safe_repr(name)}]: "
        with _noting(mistakes, where):
            if not isinstance(name, str) or not name:
                raise TypeError("the name of a strategy must be text that is not empty")
            options = _options_of(value)
            if options.get("space") is None:
                options["space"] = given.space
            if options["space"] is None:
                raise ValueError("a space is needed: give space=, or {'space': ...} here")
            options["space"] = Study(**options, **shared, seed=0).space
            found[name] = options
    return found


def _options_of(value: Any) -> dict[str, Any]:
    """Return the options of ``Study`` that a value of the mapping stands for."""
    if not isinstance(value, Mapping):
        return {"strategy": value}
    known = [n for n in inspect.signature(Study).parameters if n not in SHARED_OPTIONS]
    wrong = []
    for option in value:
        if option in SHARED_OPTIONS:
            wrong.append(f"{option!r} is the same for all: {SHARED_OPTIONS[option]} sets it")
        elif option not in known:
            wrong.append(f"Study has no option {option!r}{did_you_mean(option, known)}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return dict(value)


def _agree_with_storage(plan: ComparisonPlan, seed: int | None, mistakes: list[str]) -> None:
    """Set the seed of the plan, and note where stored replications differ from the plan."""
    stored = _stored_settings(plan)
    marks = {key: settings["attributes"].get(ATTRIBUTE) for key, settings in stored.items()}
    if seed is None:
        seed = next((mark["seed"] for mark in marks.values() if mark), None)
    plan.seed = resolve_seed(seed)
    names_by_difference: dict[str, list[str]] = {}
    for (strategy, replication), settings in stored.items():
        wanted = {
            **plan.mark(strategy),
            "direction": plan.direction,
            "space": space_document(plan.options[strategy]["space"]),
        }
        mark = marks[strategy, replication] or {}
        found = {**mark, "direction": settings["direction"], "space": settings.get("space")}
        if different := [key for key, value in wanted.items() if found.get(key) != value]:
            name = plan.study_name(strategy, replication)
            names_by_difference.setdefault(", ".join(different), []).append(name)
    for difference, names in names_by_difference.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        mistakes.append(
            f"the stored study {names[0]!r}{more} must be of this comparison, but differs in "
            f"{difference}: give the arguments that it was run with, or another name="
        )


def _stored_settings(plan: ComparisonPlan) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the settings of the replications that are stored."""
    if plan.storage is None:
        return {}
    names = set(plan.storage.studies())
    found = {}
    for replication in range(plan.replications):
        for strategy in plan.options:
            name = plan.study_name(strategy, replication)
            if name in names:
                settings = plan.storage.open(name, {}).settings
                found[strategy, replication] = {"attributes": {}, **settings}
    return found
