"""Bounded staleness: the latest results that a candidate does not depend on."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuneplug import Study
    from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = ["checked_lag", "is_deterministic", "resolve_lag"]

#: The automatic lag allows this many fits in flight, whatever the number of workers, but is at most
#: ``MAX_LAG``: with few folds, a longer lag would cost more than idle workers do.
IN_FLIGHT, MAX_LAG = 12, 3


def resolve_lag(lag: int | str | None, random_state: Any, n_folds: int) -> int | None:
    """Return the lag; None if a candidate depends on every result that has arrived."""
    if lag != "auto":
        return None if lag is None else int(lag)
    if not isinstance(random_state, numbers.Integral):
        return None
    return min(MAX_LAG, -(-IN_FLIGHT // n_folds) - 1)


def checked_lag(search: WarpedBayesSearchCV, study: Study, n_folds: int) -> int | None:
    """Return the lag.

    Raises
    ------
    ValueError
        If there is one, although the candidates depend on measured seconds.
    """
    lag = resolve_lag(search.lag, search.random_state, n_folds)
    if lag is not None and study.strategy.cost_aware:
        raise ValueError(
            "a search with cost_aware=True cannot be deterministic, because its candidates depend "
            "on measured seconds, which differ from run to run, but got "
            f"random_state={search.random_state!r} and lag={search.lag!r}: pass lag=None, or give "
            "the costs yourself with Study.tell(trial, value, cost=...)"
        )
    return lag


def is_deterministic(search: WarpedBayesSearchCV) -> bool:
    """Return whether the candidates of a search must not depend on the clock."""
    return resolve_lag(search.lag, search.random_state, n_folds=1) is not None
