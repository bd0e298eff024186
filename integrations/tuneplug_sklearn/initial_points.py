"""What scikit-learn's users declare: lists of choices, and the start-up design they expect."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.model_selection import ParameterSampler

from tuneplug import Categorical, SearchSpace, Study

__all__ = [
    "add_earlier",
    "as_lists",
    "branch_of",
    "default_point",
    "n_distinct",
    "startup_points",
]


def as_lists(space: SearchSpace) -> list[dict[str, list[Any]]] | None:
    """Return the space in scikit-learn's terms if every parameter is a list of choices."""
    lists: list[dict[str, list[Any]]] = []
    for branch in space.subspaces:
        lists.append({})
        for name, parameter in branch.items():
            if not isinstance(parameter, Categorical) or parameter.when:
                return None
            lists[-1][name] = parameter.values
    return lists


def startup_points(
    space: SearchSpace, n_iter: int, n_startup: int, random_state: Any
) -> list[dict[str, Any]]:
    """Return the first configurations of a search over lists, as ``RandomizedSearchCV`` tries them.

    These are all configurations in ``ParameterGrid`` order where ``n_iter`` covers them, else the
    first ``n_startup`` of ``ParameterSampler``; none where a parameter is not a list.  A sub-space
    that is not among them gets a configuration of its own, in the place of one of a sub-space that
    has several.  Where ``n_iter`` is more than there are settings, scikit-learn's own warning says
    so.
    """
    lists = as_lists(space)
    if lists is None:
        return []
    sampled = list(ParameterSampler(lists, n_iter, random_state=random_state))
    if n_iter >= space.size or n_startup >= n_iter:
        return sampled
    points = sampled[:n_startup]
    for branch in range(space.n_subspaces):
        count = Counter(branch_of(space, point) for point in points)
        spare = [i for i, point in enumerate(points) if count[branch_of(space, point)] > 1]
        if branch not in count and spare:
            (points[spare[-1]],) = ParameterSampler([lists[branch]], 1, random_state=random_state)
    return points


def branch_of(space: SearchSpace, point: dict[str, Any]) -> int:
    """Return the number of the sub-space that a configuration belongs to."""
    if space.n_subspaces == 1:
        return 0
    return int(space.encode(point)[0] * space.n_subspaces)


def n_distinct(space: SearchSpace, points: Sequence[dict[str, Any]]) -> int:
    """Return the number of distinct configurations among some."""
    return len({space.key(point) for point in points})


def default_point(space: SearchSpace, estimator: Any) -> dict[str, Any]:
    """Return the configuration that the estimator itself has, in the first sub-space that holds it.

    Raises
    ------
    ValueError
        If none of them does.
    """
    own = estimator.get_params()
    faults = []
    for branch in space.subspaces:
        point = {name: own[name] for name in branch if name in own}
        try:
            return space.canonical(point)
        except ValueError as error:
            faults.append(str(error))
    raise ValueError(
        "include_default needs the estimator's own values to be in the space, but "
        + "; ".join(faults)
        + ": widen the space, or set the estimator's parameters"
    )


def add_earlier(study: Study, results: Mapping[str, Any], metric: str | None) -> int:
    """Have a study learn from an earlier ``cv_results_``; return from how many of its rows.

    Raises
    ------
    ValueError
        If it has no configurations, or no mean test score of the metric.
    """
    names = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
    name = metric if metric in names else names[0] if len(names) == 1 else metric
    if "params" not in results or name not in names:
        raise ValueError(
            "previous_results must be the cv_results_ of a search, with 'params' and "
            f"'mean_test_{metric or 'score'}', but got the keys {sorted(results)}"
        )
    configurations, scores = results["params"], results[f"mean_test_{name}"]
    if len(configurations) != len(scores):
        raise ValueError(
            "previous_results must have a score for each configuration, but got "
            f"{len(configurations)} configurations and {len(scores)} scores"
        )
    outside: list[str] = []
    n_used = 0
    for params, score in zip(configurations, scores, strict=True):
        if not math.isfinite(score):
            continue
        try:
            study.add_observation(params, float(score))
        except ValueError as error:
            outside.append(str(error))
        else:
            n_used += 1
    if outside:
        warnings.warn(
            f"{len(outside)} of {len(configurations)} earlier configurations are not in the space "
            f"and are left out; the first: {outside[0]}",
            UserWarning,
            stacklevel=2,
        )
    return n_used
