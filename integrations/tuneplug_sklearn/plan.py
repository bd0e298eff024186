"""What is decided before the first fit of a search, from its arguments.

``search`` is the estimator in each of these functions; none of them changes it.
"""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state

from tuneplug import SearchSpace, Study
from tuneplug.execution import check_callbacks
from tuneplug.monitoring import FitMonitor
from tuneplug.stopping import check_completion
from tuneplug_sklearn._compat import RETURN, metric_names
from tuneplug_sklearn.initial_points import add_earlier, default_point, n_distinct, startup_points
from tuneplug_sklearn.monitored_fit import Watcher, last_step
from tuneplug_sklearn.scheduler import Limits

__all__ = [
    "check_metric",
    "check_names",
    "check_search_callbacks",
    "driving_metric",
    "lag_for",
    "limits_of",
    "make_splits",
    "most_candidates",
    "score_name",
    "start_study",
    "watcher_of",
]

#: Fits in flight that the default lag makes room for, whatever the number of workers, and the
#: longest it gets for that: with few folds, more would cost more than idle workers do.
IN_FLIGHT, MOST_LAG = 12, 3

#: Configurations drawn to see which parameters there can be together.
N_DRAWN = 100


def driving_metric(search: Any, scorers: Any) -> str | None:
    """Return the metric that drives the search; None is the only one, or the first."""
    names = metric_names(scorers)
    if names is None and not callable(search.scoring):
        names = ["score", *([search.scoring] if isinstance(search.scoring, str) else [])]
    if names is not None:
        check_metric(search.objective_metric, names)
    return search.objective_metric or (search.refit if isinstance(search.refit, str) else None)


def score_name(search: Any, metric: str | None) -> str:
    """Return the name of the score that drives the search, as it is printed."""
    return metric or (search.scoring if isinstance(search.scoring, str) else "score")


def check_names(search: Any, space: SearchSpace) -> None:
    """Have the estimator refuse what it has no parameter for, in whichever part of the space.

    Raises
    ------
    ValueError
        Its own, with the names of those that it has.
    """
    drawn = space.sample(N_DRAWN, np.random.default_rng(0))
    for configuration in {tuple(configuration): configuration for configuration in drawn}.values():
        clone(search.estimator).set_params(**clone(configuration, safe=False))


def limits_of(search: Any, study: Study) -> Limits:
    """Return the limits that end the search, or a candidate, early."""
    return Limits(
        search.n_iter,
        search.timeout,
        search.trial_timeout,
        check_completion(search.completion),
        search.racing,
        study.stopping is not None,
    )


def watcher_of(search: Any, study: Study) -> Callable[[Sequence[Any], Any], Watcher | None]:
    """Return what makes, of folds and groups, what watches the fits; None where nothing can.

    Raises
    ------
    ValueError
        If fits have to be watched and none can be.
    """
    monitors = _monitors(search, study)

    def make(splits: Sequence[Any], groups: Any) -> Watcher | None:
        if not monitors:
            return None
        return Watcher(
            monitors,
            study.stopping is not None,
            search.validation_fraction,
            study.seed,
            groups,
            in_order=all(np.max(train) < np.min(test) for train, test in splits),
        )

    return make


def _monitors(search: Any, study: Study) -> tuple[FitMonitor, ...]:
    """Return the monitors that accept the last step, or what the space puts in its place."""
    chosen = (
        value
        for branch in study.space.subspaces
        for parameter in branch.values()
        for value in getattr(parameter, "values", ())
        if hasattr(value, "fit")
    )
    steps = [last_step(estimator) for estimator in (search.estimator, *chosen)]
    needed = study.stopping is not None
    foreign = any(not type(step).__module__.startswith("sklearn.") for step in steps)
    if search.monitor is not None:
        known = [search.monitor.name]
        monitors = tuple(m for m in [search.monitor] if any(m.accepts(step) for step in steps))
    elif needed or foreign or search.timeout is not None or search.trial_timeout is not None:
        known = sorted(study.plugins.providers("fit monitor"))
        monitors = tuple(study.plugins.matching("fit monitor", *steps))
    else:
        return ()  # nothing of scikit-learn's stops early by data that it is not given
    if needed and not monitors:
        asks, cure = "stopping", "leave stopping out"
        if search.stopping is None:  # the strategy brings a rule of its own
            asks, cure = f"strategy {study.strategy.name!r}", "take another strategy"
        raise ValueError(
            f"{asks} needs an estimator whose rounds can be watched, but got "
            f"{type(steps[0]).__name__}, which none of the monitors "
            f"{known} accepts: {cure}, or pass monitor=, a tuneplug.monitoring.FitMonitor"
        )
    return monitors


def lag_for(search: Any, n_folds: int) -> int | None:
    """Return the lag; None if a candidate depends on every result that has arrived."""
    if search.lag != "auto":
        return None if search.lag is None else int(search.lag)
    if not isinstance(search.random_state, numbers.Integral):
        return None
    return min(MOST_LAG, -(-IN_FLIGHT // n_folds) - 1)


def start_study(search: Any, metric: str | None) -> tuple[Study, int]:
    """Return a fresh study, and how many of its first trials depend on no result."""
    rng = check_random_state(search.random_state)
    # Start-up configurations come from the state in which RandomizedSearchCV would find it.
    untouched = copy.deepcopy(rng)
    seed = rng.randint(np.iinfo(np.int32).max)
    study = Study(
        search.param_distributions,
        strategy=search.strategy,
        direction="maximize",
        stopping=search.stopping,
        seed=int(seed),
        n_trials=search.n_iter,
        plugins=search.plugins,
    )
    space = study.space
    n_startup = study.strategy.n_startup(space, search.n_iter)
    n_earlier = 0
    if search.previous_results is not None:
        n_earlier = add_earlier(study, search.previous_results, metric)
    points = [default_point(space, search.estimator)] if search.include_default else []
    points += list(search.initial_points or ())
    # Where configurations may repeat, a space smaller than n_iter is nothing to warn of.
    n_listed = (
        int(min(search.n_iter, space.size)) if study.strategy.allow_repeats else search.n_iter
    )
    n_drawn = max(0, n_startup - n_earlier - len(points))
    if n_startup > 0 or not study.strategy.allow_repeats:
        points += startup_points(space, n_listed, n_drawn, untouched)
    for point in points:
        study.enqueue(point)
    n_independent = study.strategy.n_independent(space, search.n_iter)
    if n_independent < search.n_iter:  # earlier results take the place of start-up trials
        n_independent -= n_earlier
    return study, max(n_independent, n_distinct(space, points))


def make_splits(search: Any, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[Any]:
    """Make the folds, once for all candidates."""
    cv = check_cv(search.cv, y, classifier=is_classifier(search.estimator))
    n_splits = cv.get_n_splits(X, y, **split_params)
    splits = list(cv.split(X, y, **split_params))
    if len(splits) != n_splits:
        raise ValueError(
            f"cv.split and cv.get_n_splits {RETURN} inconsistent results. "
            f"Expected {n_splits} splits, got {len(splits)}"
        )
    if not splits:
        raise ValueError(
            "No fits were performed. Was the CV iterator empty? Were there no candidates?"
        )
    return [(_row_numbers(train), _row_numbers(test)) for train, test in splits]


def _row_numbers(rows: Any) -> Any:
    """Return the numbers of rows that are given as a mask; numbers as they are."""
    return np.flatnonzero(rows) if np.asarray(rows).dtype == bool else rows


def most_candidates(study: Study, n_iter: int) -> int:
    """Return how many candidates there will be at most; conditions can make it fewer."""
    return n_iter if study.strategy.allow_repeats else int(min(n_iter, study.space.size))


def check_search_callbacks(callbacks: Sequence[Any]) -> None:
    check_callbacks(callbacks, hint=": scikit-learn's own callbacks go to set_callbacks()")


def check_metric(name: str | None, names: list[str]) -> None:
    if name is not None and name not in names:
        raise ValueError(f"objective_metric must be one of the metrics {names}, but got {name!r}")
