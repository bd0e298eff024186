"""Select the evaluated metric that a fit reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from tuneplug.errors import safe_repr

__all__ = ["Entry", "MetricError", "check_metric_options", "select_metric"]


class MetricError(ValueError):
    """The metric to report is not evaluated, or its direction is unknown or contradictory.

    A search raises this error instead of going on without a monitor: it concerns every fit.
    """


class Entry(NamedTuple):
    """One metric evaluated on one data set, by the names of the library."""

    dataset: str
    metric: str

    def display_name(self, sep: str) -> str:
        """Return the data set and the metric, joined as the library prints them."""
        return sep.join(self)


def check_metric_options(metric: object, maximize: object, dataset: object = None) -> None:
    """Raise TypeError unless the names are strings or None, and ``maximize`` a bool or None."""
    for name, value in (("metric", metric), ("dataset", dataset)):
        if value is not None and not isinstance(value, str):
            raise TypeError(
                f"{name} must be a string or None, but got {safe_repr(value)}: pass its name"
            )
    if maximize is not None and not isinstance(maximize, (bool, np.bool_)):
        raise TypeError(
            f"maximize must be True, False or None, but got {safe_repr(maximize)}: pass True if "
            "larger values of the metric are better"
        )


def select_metric(
    entries: Sequence[Entry],
    metric: str | None,
    dataset: str | None,
    *,
    sep: str,
    training: Collection[str],
    hint: str,
) -> Entry:
    """Return the last entry that matches a metric and a data set.

    Entries of the training data match only if ``dataset`` is its name or if ``metric`` is the
    display name of an entry.

    Parameters
    ----------
    entries : sequence of Entry
        Entries in the order in which the library evaluates them.
    metric : str or None
        Metric, or display name of an entry.  If None, every metric matches.
    dataset : str or None
        Data set.  If None, every data set but the training data matches.
    sep : str
        Separator of data set and metric in a display name.
    training : collection of str
        Names of the training data.
    hint : str
        Cure for the error if there are no entries.

    Raises
    ------
    ValueError
        If there are no entries.
    MetricError
        If no entry matches.
    """
    if not entries:
        raise ValueError(f"reporting needs an evaluation set, but nothing is evaluated: {hint}")
    names = [entry.display_name(sep) for entry in entries]
    matching = [
        entry
        for entry, name in zip(entries, names, strict=True)
        if metric in (None, entry.metric, name) and dataset in (None, entry.dataset)
    ]
    if dataset is None and metric not in names:
        matching = [entry for entry in matching if entry.dataset not in training]
    if not matching:
        raise MetricError(
            "metric and dataset must match an evaluated metric, but got "
            f"{metric=}, {dataset=}: choose from {', '.join(map(repr, names))} "
            "(training data is reported only if dataset= names it)"
        )
    return matching[-1]
