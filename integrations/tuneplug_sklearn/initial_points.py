"""The start of a search: its study, its parents and initial configurations."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import ParameterSampler
from sklearn.utils import check_random_state

from tuneplug import Categorical, SearchSpace, Study
from tuneplug.plugins import warn_caller
from tuneplug.study import read_parents
from tuneplug.trial import Parent

if TYPE_CHECKING:
    from tuneplug_sklearn.resources import Resources
    from tuneplug_sklearn.search import WarpedBayesSearchCV
    from tuneplug_sklearn.storing import StoredSearch

__all__ = ["as_param_grid", "start_study"]


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
    study.parents = read_parents(
        search.warm_start_from,
        search.warm_start_type,
        space,
        study.history.sign,
        metric=metric or (search.scoring if isinstance(search.scoring, str) else None),
        resource=search.resource,
    )
    n_previous = _n_replaced(study.parents, n_startup)
    points, chosen = _first_points(search, study, n_startup - n_previous, untouched, resources)
    for point in points:
        study.enqueue(point)
    n_independent = strategy.n_independent(space, n_iter)
    if n_independent < n_iter:  # parents replace start-up trials
        n_independent -= n_previous
    n_chosen = _n_distinct(space, chosen)
    if resources is None and n_chosen > n_iter:
        warn_caller(
            f"initial_points and include_default give {n_chosen} configurations, and only the "
            f"first {n_iter} of them are tried: give an n_iter of at least {n_chosen}",
            UserWarning,
        )
    return study, max(n_independent, _n_distinct(space, points)), n_chosen


def _first_points(
    search: WarpedBayesSearchCV,
    study: Study,
    n_startup: int,
    random_state: Any,
    resources: Resources | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the configurations to enqueue, and those of them that are chosen."""
    space, n_iter, allow_repeats = study.space, search.n_iter, study.strategy.allow_repeats
    points = [_default_point(space, search.estimator)] if search.include_default else []
    points += _checked_points(space, search.initial_points or ())
    if resources is not None:
        return points, points
    chosen = points
    if study.strategy.n_startup(space, n_iter) > 0 or not allow_repeats:
        # A strategy that may repeat configurations does not warn about a space below n_iter.
        n_listed = int(min(n_iter, space.size)) if allow_repeats else n_iter
        n_missing = max(0, n_startup - len(points))
        listed = _startup_points(space, n_listed, n_missing, random_state)
        known = _known_keys(study)
        points = points + [point for point in listed if space.key(point) not in known]
    return points, points if n_iter >= space.size else chosen  # all configurations of a grid


def _n_replaced(parents: Sequence[Parent], n_startup: int) -> int:
    """Return how many start-up trials the results of parents replace."""
    if any(not parent.identical for parent in parents):
        return n_startup
    return sum(len(parent.observations) for parent in parents)


def _known_keys(study: Study) -> set[bytes]:
    """Return the keys of the configurations that identical parents have tried."""
    known = [o.point for p in study.parents if p.identical for o in p.observations]
    return {key for point in known for key in study.space.keys(point)}


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
