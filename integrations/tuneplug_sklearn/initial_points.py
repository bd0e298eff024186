"""The start of a search: its study, initial configurations and results of earlier searches."""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import ParameterSampler
from sklearn.utils import check_random_state

from tuneplug import Categorical, SearchSpace, Study

if TYPE_CHECKING:
    from tuneplug_sklearn.resources import Resources
    from tuneplug_sklearn.search import WarpedBayesSearchCV
    from tuneplug_sklearn.storing import StoredSearch

__all__ = ["as_param_grid", "start_study"]

#: Maximum number of different errors of earlier results in the warning.
MAX_ERRORS = 10


def start_study(
    search: WarpedBayesSearchCV,
    metric: str | None,
    resources: Resources | None = None,
    stored: StoredSearch | None = None,
) -> tuple[Study, int, int]:
    """Return the study, and how many of its first trials depend on no result and are chosen.

    Chosen trials have a configuration from the user or from a grid.  With a resource, its strategy
    suggests the other ones.
    """
    rng = check_random_state(search.random_state)
    # Initial configurations use the state in which RandomizedSearchCV would find the generator.
    untouched = copy.deepcopy(rng)
    seed = int(rng.randint(np.iinfo(np.int32).max))
    study = Study(
        search.param_distributions,
        strategy=search.strategy if resources is None else resources.strategy,
        direction="maximize",
        stopping=search.stopping,
        n_trials=search.n_iter,
        plugins=search.plugins,
        **({"seed": seed} if stored is None else stored.study_options(seed)),
    )
    space, strategy, n_iter = study.space, study.strategy, search.n_iter
    n_startup = strategy.n_startup(space, n_iter)
    n_previous = 0
    if search.previous_results is not None:
        results = _full_rows(search.previous_results, search.resource)
        n_previous = _add_previous_results(study, results, metric)
    points = [_default_point(space, search.estimator)] if search.include_default else []
    points += _checked_points(space, search.initial_points or ())
    chosen = points
    n_missing = max(0, n_startup - n_previous - len(points))
    if resources is None and (n_startup > 0 or not strategy.allow_repeats):
        # A strategy that may repeat configurations does not warn about a space below n_iter.
        n_listed = int(min(n_iter, space.size)) if strategy.allow_repeats else n_iter
        points = points + _startup_points(space, n_listed, n_missing, untouched)
    if resources is None and n_iter >= space.size:
        chosen = points  # every configuration of a grid
    for point in points:
        study.enqueue(point)
    n_independent = strategy.n_independent(space, n_iter)
    if n_independent < n_iter:  # previous results replace start-up trials
        n_independent -= n_previous
    n_chosen = _n_distinct(space, chosen)
    return study, max(n_independent, _n_distinct(space, points)), n_chosen


def _checked_points(space: SearchSpace, points: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the initial points.

    Raises
    ------
    ValueError
        If some are no configurations of the space; the message lists the errors of all of them.
    """
    errors = []
    for number, point in enumerate(points):
        try:
            space.encode(point)
        except (TypeError, ValueError) as error:
            errors.append(f"number {number}, {point!r}, is not in the space: {error}")
    if errors:
        raise ValueError(
            "initial_points must be configurations of the space, but " + "; ".join(errors)
        )
    return list(points)


def as_param_grid(space: SearchSpace) -> list[dict[str, list[Any]]] | None:
    """Return the space as scikit-learn's lists of values; None if a parameter is not a list."""
    grid: list[dict[str, list[Any]]] = []
    for subspace in space.subspaces:
        grid.append({})
        for name, parameter in subspace.items():
            if not isinstance(parameter, Categorical) or parameter.when:
                return None
            grid[-1][name] = parameter.values
    return grid


def _startup_points(
    space: SearchSpace, n_iter: int, n_startup: int, random_state: Any
) -> list[dict[str, Any]]:
    """Return the first configurations of a search over lists, as ``RandomizedSearchCV`` draws them.

    If ``n_iter`` covers the space, these are all configurations in the order of ``ParameterGrid``.
    Otherwise they are the first ``n_startup`` of ``ParameterSampler``; a sub-space that is not
    among them replaces one configuration of a sub-space that has several.  If a parameter is not a
    list, there are none.  If ``n_iter`` exceeds the size of the space, scikit-learn warns.
    """
    grid = as_param_grid(space)
    if grid is None:
        return []
    sampled = list(ParameterSampler(grid, n_iter, random_state=random_state))
    if n_iter >= space.size or n_startup >= n_iter:
        return sampled
    points = sampled[:n_startup]
    for subspace in range(space.n_subspaces):
        count = Counter(_subspace_of(space, point) for point in points)
        spare = [i for i, point in enumerate(points) if count[_subspace_of(space, point)] > 1]
        if subspace not in count and spare:
            (points[spare[-1]],) = ParameterSampler([grid[subspace]], 1, random_state=random_state)
    return points


def _subspace_of(space: SearchSpace, params: dict[str, Any]) -> int:
    """Return the number of the sub-space that a configuration belongs to."""
    if space.n_subspaces == 1:
        return 0
    return int(space.encode(params)[0] * space.n_subspaces)


def _n_distinct(space: SearchSpace, configurations: Sequence[dict[str, Any]]) -> int:
    """Return the number of distinct configurations."""
    return len({space.key(params) for params in configurations})


def _default_point(space: SearchSpace, estimator: Any) -> dict[str, Any]:
    """Return the estimator's own values as a configuration of the first sub-space with them.

    Raises
    ------
    ValueError
        If no sub-space contains them.
    """
    own = estimator.get_params()
    errors = []
    for subspace in space.subspaces:
        params = {name: own[name] for name in subspace if name in own}
        try:
            return space.canonical(params)
        except ValueError as error:
            errors.append(str(error))
    raise ValueError(
        "include_default needs the estimator's own values to be in the space, but "
        + "; ".join(errors)
        + ": widen the space, or set the estimator's parameters"
    )


def _add_previous_results(study: Study, results: Mapping[str, Any], metric: str | None) -> int:
    """Add the rows of an earlier ``cv_results_`` as observations; return how many were added.

    Rows outside of the space are left out with a warning, rows without a finite score silently.

    Raises
    ------
    ValueError
        If there are no configurations, or no mean test scores of the metric.
    """
    configurations, scores = _previous_rows(results, metric)
    outside: list[str] = []
    n_added = 0
    costs = _previous_costs(results, len(configurations))
    for params, score, cost in zip(configurations, scores, costs, strict=True):
        if not math.isfinite(score):
            continue
        try:
            study.add_observation(params, float(score), cost=cost)
        except TypeError as error:
            raise TypeError(
                f"previous_results must be the cv_results_ of a search: {error}"
            ) from None
        except ValueError as error:
            outside.append(str(error))
        else:
            n_added += 1
    if outside:
        warnings.warn(
            f"{len(outside)} of {len(configurations)} earlier configurations are not in the space "
            f"and are left out: {_distinct(outside)}",
            UserWarning,
            stacklevel=2,
        )
    return n_added


def _full_rows(results: Mapping[str, Any], resource: str | None) -> Mapping[str, Any]:
    """Return the rows with the maximum resource, without the parameter that is the resource.

    Results of a search without a resource are returned unchanged.
    """
    if "n_resources" not in results or "params" not in results:
        return results
    amounts = np.asarray(results["n_resources"])
    rows = np.flatnonzero(amounts == amounts.max(initial=0)).tolist()
    whole = {name: column for name, column in results.items() if len(column) == len(amounts)}
    full = {name: [column[row] for row in rows] for name, column in whole.items()}
    full["params"] = [
        {name: value for name, value in params.items() if name != resource}
        for params in full.get("params", ())
    ]
    return full


def _previous_costs(results: Mapping[str, Any], n_rows: int) -> list[float | None]:
    """Return the seconds of fits and scores of each row over all folds; None where unknown."""
    folds = {found[0] for name in results if (found := re.match(r"split\d+(?=_test_)", name))}
    times = [results.get(f"mean_{kind}_time") for kind in ("fit", "score")]
    if not folds or any(column is None or len(column) != n_rows for column in times):
        return [None] * n_rows
    seconds = (len(folds) * np.sum(np.asarray(times, dtype=np.float64), axis=0)).tolist()
    return [cost if 0.0 <= cost < math.inf else None for cost in seconds]


def _distinct(errors: Sequence[str]) -> str:
    """Return the different errors with their counts, the most frequent ones first."""
    counts = Counter(errors).most_common(MAX_ERRORS)
    n_more = len(set(errors)) - len(counts)
    more = [f"and {n_more} other errors"] if n_more else []
    return "; ".join([f"{error} ({count}x)" for error, count in counts] + more)


def _previous_rows(results: Mapping[str, Any], metric: str | None) -> tuple[Any, Any]:
    """Return the configurations and their scores, which have equal lengths."""
    names = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
    name = metric if metric in names else names[0] if len(names) == 1 else metric
    if "params" not in results or name not in names:
        raise ValueError(
            "previous_results must be the cv_results_ of a search, with 'params' and "
            f"'mean_test_{metric or 'score'}', but got the keys {sorted(map(str, results))}: pass "
            "search.cv_results_"
        )
    configurations, scores = results["params"], results[f"mean_test_{name}"]
    if len(configurations) != len(scores):
        raise ValueError(
            "previous_results must have a score for each configuration, but got "
            f"{len(configurations)} configurations and {len(scores)} scores: pass "
            "search.cv_results_ unchanged"
        )
    return configurations, scores
