"""Nested subsamples of the training parts: one order a fold, whose beginnings are the subsamples.

A larger subsample contains each smaller one, so that scores at different sizes differ by the rows
that were added and not by the rows that were drawn.  The order depends on the seed and the fold
alone, and all candidates share it.  It is

- with an order by time: the latest rows first, so that a subsample ends where the training part
  ends and grows backwards;
- with groups: whole groups, shuffled;
- otherwise the rows, shuffled.

For a classifier, the shuffle is stratified.  Of the n_c rows of class c, shuffled, row i has the
key (i + 1/2) / n_c, and the rows are sorted by key: each beginning holds every class in proportion.
Before all others come the first row of each class, then the second one, up to ``N_FRONT``, so that
no class is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.multiclass import type_of_target

from tuneplug_sklearn.splitting import TimeOrder

__all__ = ["NestedOrder", "Subsampling", "TrainingPart", "class_labels"]

Rows = NDArray[np.intp]

#: Number of rows of each class at the front of the order: a stratified split within a fit needs two
#: rows of each class.
N_FRONT = 2
#: Distinguishes the random numbers of the order from those of the hold-out of early stopping.
STREAM = 1


@dataclass(frozen=True)
class NestedOrder:
    """Order of the rows of a training part.

    Attributes
    ----------
    rows : ndarray of int
        Row numbers of the training part, as the splitter returned them.
    positions : ndarray of int
        Positions in ``rows``, in the order in which a growing subsample takes them.
    units : ndarray of int or None
        Group of each of ``positions``; a subsample contains a group as a whole.  None without
        groups.
    """

    rows: Rows
    positions: Rows
    units: Rows | None = None

    def subsample(self, share: float, among: Rows | None = None) -> Rows:
        """Return the row numbers of a share of the training part, in the order of ``rows``.

        With groups, they are the fewest whole groups that contain this share of the rows.

        Parameters
        ----------
        share : float
            In (0, 1]; at least one row is returned.
        among : ndarray of int or None
            Positions in ``rows``; if given, the subsample is a share of these rows.
        """
        free = np.full(len(self.rows), among is None)
        if among is not None:
            free[among] = True
        kept = free[self.positions]
        positions = self.positions[kept]
        count = max(1, round(share * len(positions)))
        if self.units is not None and 0 < count < len(positions):
            units = self.units[kept]
            ends = np.flatnonzero(np.append(units[1:] != units[:-1], True)) + 1
            count = int(ends[np.searchsorted(ends, count)])
        return np.asarray(self.rows[np.sort(positions[:count])])


@dataclass(frozen=True)
class Subsampling:
    """The order of each training part, in the order of the folds."""

    orders: tuple[NestedOrder, ...]

    def used_share(self, share: float) -> float:
        """Return the share of the training parts' rows that subsamples of a share have."""
        if all(order.units is None for order in self.orders):
            return share
        used = [len(order.subsample(share)) / len(order.rows) for order in self.orders]
        return max(share, float(np.mean(used)))

    @classmethod
    def of(
        cls,
        splits: Sequence[tuple[Any, Any]],
        seed: int,
        *,
        classes: NDArray[np.intp] | None = None,
        groups: Any = None,
        time_order: TimeOrder | None = None,
    ) -> Subsampling:
        """Make the orders of the training parts.

        Parameters
        ----------
        splits : sequence of (train, test)
            Row numbers of the folds.
        seed : int
        classes : ndarray of shape (n_samples,) or None
            Number of the class of each row; see ``class_labels``.  None for no stratification.
        groups : array-like of shape (n_samples,) or None
            Groups that stay together.
        time_order : TimeOrder or None
            If given, the rows are ordered by time, whatever the classes and groups are.
        """
        orders = []
        for fold, (train, _) in enumerate(splits):
            rows = np.asarray(train)
            if time_order is not None:
                orders.append(NestedOrder(rows, np.argsort(rows, kind="stable")[::-1]))
                continue
            rng = np.random.default_rng([seed, fold, STREAM])
            labels = None if classes is None else classes[rows]
            if groups is None:
                orders.append(NestedOrder(rows, _shuffled(len(rows), labels, rng)))
            else:
                own = np.unique(np.asarray(groups)[rows], return_inverse=True)[1].ravel()
                orders.append(NestedOrder(rows, *_shuffled_groups(own, labels, rng)))
        return cls(tuple(orders))


@dataclass(frozen=True)
class TrainingPart:
    """The training part of a fold, and the share of it that a fit uses."""

    order: NestedOrder
    share: float

    @property
    def rows(self) -> Rows:
        """The row numbers that the fit uses."""
        return self.order.subsample(self.share)


def class_labels(estimator: Any, y: Any) -> NDArray[np.intp] | None:
    """Return the number of the class of each row; None unless each row has one class."""
    if y is None or not is_classifier(estimator):
        return None
    if type_of_target(y) not in ("binary", "multiclass"):
        return None
    return np.asarray(np.unique(np.ravel(np.asarray(y)), return_inverse=True)[1].ravel())


def _shuffled(n: int, labels: Rows | None, rng: np.random.Generator) -> Rows:
    """Return the numbers 0, ..., n - 1 in a random order that is stratified by label."""
    order = rng.permutation(n)
    if labels is None:
        return order
    keys = np.empty(n)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        keys[own] = (np.arange(len(own)) + 0.5) / len(own)
        front = own[:N_FRONT]
        keys[front] = np.arange(len(front)) - N_FRONT
    return np.asarray(order[np.argsort(keys[order], kind="stable")])


def _shuffled_groups(
    groups: Rows, labels: Rows | None, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Return the positions of all rows, group by group in a random order, and their groups.

    For the stratification, the label of a group is the rarest one among its rows.
    """
    n_groups = int(groups.max()) + 1
    of_group = None
    if labels is not None:
        by_count = np.argsort(np.argsort(-np.bincount(labels), kind="stable"), kind="stable")
        rarest = np.full(n_groups, -1, dtype=np.intp)
        np.maximum.at(rarest, groups, by_count[labels])
        of_group = rarest
    turn = np.empty(n_groups, dtype=np.intp)
    turn[_shuffled(n_groups, of_group, rng)] = np.arange(n_groups)
    positions = np.argsort(turn[groups], kind="stable")
    return positions, np.asarray(groups[positions])
