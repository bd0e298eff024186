"""Nested subsamples of training parts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit

from tuneplug_sklearn.splitting import TimeOrder
from tuneplug_sklearn.subsampling import Subsampling, class_labels

SHARES = (1 / 27, 1 / 9, 1 / 3, 0.5, 1.0)
Y = np.repeat([0, 1, 2], [240, 50, 10])


def subsamples(subsampling, fold=0):
    return [subsampling.orders[fold].subsample(share) for share in SHARES]


def folds(cv, groups=None):
    return list(cv.split(np.zeros((len(Y), 1)), Y, groups))


@pytest.mark.parametrize("classes", [None, Y])
def test_subsamples_are_nested_and_the_whole_is_the_training_part(classes):
    splits = folds(StratifiedKFold(3))
    found = subsamples(Subsampling.of(splits, 0, classes=classes))
    for small, large in itertools.pairwise(found):
        assert set(small) < set(large)
    assert [len(rows) for rows in found] == [7, 22, 67, 100, 200]
    assert np.array_equal(found[-1], splits[0][0])


def test_subsamples_depend_on_the_seed_and_the_fold_alone():
    splits = folds(KFold(2))
    same = [Subsampling.of(splits, seed, classes=Y).orders[1].subsample(0.3) for seed in (5, 5, 6)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])
    both = Subsampling.of([splits[0], splits[0]], 5, classes=Y)
    assert not np.array_equal(both.orders[0].subsample(0.3), both.orders[1].subsample(0.3))


def test_each_subsample_holds_every_class_in_proportion():
    splits = folds(StratifiedKFold(2))
    subsampling = Subsampling.of(splits, 1, classes=Y)
    train = splits[0][0]
    for size in range(12, len(train) + 1):
        counts = np.bincount(Y[subsampling.orders[0].subsample(size / len(train))], minlength=3)
        assert counts.sum() == size
        assert counts.min() >= 2
        expected = size * np.bincount(Y[train]) / len(train)
        assert np.abs(counts - expected).max() <= 4


def test_groups_stay_whole_and_a_rare_class_is_in_the_first_groups():
    groups = np.arange(len(Y)) // 3 % 60
    splits = folds(GroupKFold(2), groups)
    found = subsamples(Subsampling.of(splits, 0, classes=Y, groups=groups))
    train = splits[0][0]
    for rows, share in zip(found, SHARES, strict=True):
        assert set(rows) == set(train[np.isin(groups[train], groups[rows])])
        assert share * len(train) - 0.5 <= len(rows) <= share * len(train) + 5
    assert set(found[0]) < set(found[1]) < set(found[2])
    assert set(Y[found[1]]) == {0, 1, 2}


def test_with_an_order_by_time_the_latest_rows_before_the_gap_grow_backwards():
    cv = TimeSeriesSplit(3, gap=5)
    splits = folds(cv)
    order = TimeOrder.of(cv, splits)
    for fold, (train, _) in enumerate(splits):
        for rows in subsamples(Subsampling.of(splits, 0, classes=Y, time_order=order), fold):
            assert np.array_equal(rows, train[len(train) - len(rows) :])


def test_a_share_of_some_rows_holds_only_these_rows():
    (order, *_) = Subsampling.of(folds(StratifiedKFold(3)), 0, classes=Y).orders
    some = np.flatnonzero(np.arange(200) % 4)
    rows = order.subsample(1 / 3, some)
    assert len(rows) == 50
    assert set(rows) < set(order.rows[some])
    assert np.array_equal(order.subsample(1.0, some), order.rows[some])


def test_a_subsample_has_at_least_one_row_or_group():
    groups = np.arange(len(Y)) // 10
    splits = folds(GroupKFold(2), groups)
    assert len(Subsampling.of(splits, 0).orders[0].subsample(1e-9)) == 1
    assert len(Subsampling.of(splits, 0, groups=groups).orders[0].subsample(1e-9)) == 10


def test_only_classifiers_with_one_class_a_row_are_stratified():
    labels = np.array(["b", "a", "b"])
    assert class_labels(LogisticRegression(), labels).tolist() == [1, 0, 1]
    assert class_labels(LogisticRegression(), labels[:, None]).tolist() == [1, 0, 1]
    assert class_labels(Ridge(), labels) is None
    assert class_labels(LogisticRegression(), np.eye(3, dtype=int)) is None
    assert class_labels(LogisticRegression(), None) is None
