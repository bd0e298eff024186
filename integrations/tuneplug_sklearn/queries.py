"""Sizes of queries: an argument of ``fit`` of rankers that is split with the rows of a fold.

``LGBMRanker`` and ``XGBRanker`` take the number of rows of each query as ``group=``.  scikit-learn
splits arguments with one entry per row only, and would pass the sizes of all queries to each fit.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug.plugins import warn_caller
from tuneplug_sklearn.pipelines import last_step, own_params

__all__ = ["QuerySizes", "check_queries", "for_all_rows", "split_with_rows"]

_NAME = "group"
#: Arguments with the query of each row.
_IDS = ("qid", "group_id")
_CURE = (
    "pass cv=GroupKFold() and groups=np.repeat(np.arange(len(group)), group), so that the rows of "
    "each query stay together"
)


class QuerySizes:
    """Sizes of consecutive queries; rows select the sizes of the queries that they belong to.

    scikit-learn indexes it as an array with one entry per row.

    Parameters
    ----------
    sizes : array-like of int
        Number of rows of each query.
    """

    def __init__(self, sizes: Any) -> None:
        self.sizes = np.asarray(sizes)
        self._ids = np.repeat(np.arange(len(self.sizes)), self.sizes)
        self.shape = self._ids.shape

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return the sizes of the queries of some rows, in their order.

        Raises
        ------
        ValueError
            If the rows of a query are not together, or some are missing.
        """
        rows = key[0] if isinstance(key, tuple) else key
        ids = self._ids[rows]
        starts = np.flatnonzero(np.diff(ids, prepend=-1))
        queries, counts = ids[starts], np.diff(starts, append=len(ids))
        if not np.array_equal(counts, self.sizes[queries]):
            raise ValueError(
                f"{_NAME} must have whole queries in each part of the rows, but the rows of some "
                f"are separated: {_CURE}"
            )
        return self.sizes[queries]


def _fit_arguments(estimator: Any) -> Collection[str]:
    """Return the arguments of the last step's ``fit``; none for a step that is yet to be chosen."""
    fit = getattr(last_step(estimator), "fit", None)
    return () if fit is None else inspect.signature(fit).parameters


def _query_sizes(estimator: Any, params: Mapping[str, Any], n_rows: int) -> dict[str, QuerySizes]:
    """Return the sizes of queries among the arguments of ``fit``, by their names there."""
    value = own_params(estimator, params).get(_NAME)
    if value is None or _NAME not in _fit_arguments(estimator):
        return {}
    sizes = np.asarray(value)
    if sizes.dtype.kind == "f" and np.isfinite(sizes).all() and not (sizes % 1).any():
        sizes = sizes.astype(np.int64)
    if sizes.ndim != 1 or not np.issubdtype(sizes.dtype, np.integer) or len(sizes) == n_rows:
        return {}  # with one entry per row, it is split as any other argument
    if (sizes < 0).any() or sizes.sum() != n_rows:
        raise ValueError(
            f"{_NAME} must have the number of rows of each query, {n_rows} in all, but got "
            f"{len(sizes)} numbers with the sum {sizes.sum()}: pass the sizes for all rows of X; "
            "they are split with the folds"
        )
    return {name: QuerySizes(sizes) for name, given in params.items() if given is value}


def _query_ids(
    estimator: Any, params: Mapping[str, Any], n_rows: int
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arguments of ``fit`` that name the query of each row."""
    accepted = _fit_arguments(estimator)
    for name, value in own_params(estimator, params).items():
        if name in _IDS and name in accepted and value is not None:
            ids = np.asarray(value)
            if ids.shape == (n_rows,):
                yield name, ids


def check_queries(
    estimator: Any, params: Mapping[str, Any], n_rows: int, splits: Sequence[tuple[Any, Any]]
) -> None:
    """Check that the folds do not separate the rows of a query.

    A warning says so if ``fit`` gets the query of each row: the fits are possible, but the score is
    not that of new queries.

    Parameters
    ----------
    estimator : estimator
    params : mapping
        Arguments of its ``fit``, for all rows.
    n_rows : int
    splits : sequence of (train, test)
        Row numbers of the folds.

    Raises
    ------
    ValueError
        If a fold separates them and ``fit`` gets their sizes, or the sizes do not fit the rows.
    """
    for sizes in _query_sizes(estimator, params, n_rows).values():
        for rows in (part for split in splits for part in split):
            _ = sizes[rows]
    for name, ids in _query_ids(estimator, params, n_rows):
        if any(np.intersect1d(ids[train], ids[test]).size for train, test in splits):
            warn_caller(
                f"{name}: folds have rows of one query in both parts, so that the score is not "
                f"that of new queries: pass cv=GroupKFold() and groups={name}, or ignore this "
                "warning if the model is to rank further rows of known queries",
                UserWarning,
            )


def split_with_rows(estimator: Any, params: Mapping[str, Any], n_rows: int) -> dict[str, Any]:
    """Return arguments of ``fit`` whose sizes of queries scikit-learn splits with the rows."""
    return {**params, **_query_sizes(estimator, params, n_rows)}


def for_all_rows(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a fit on all rows, with plain sizes of queries."""
    return {
        name: value.sizes if isinstance(value, QuerySizes) else value
        for name, value in params.items()
    }
