"""Folds as compact text."""

from __future__ import annotations

import base64
import copy
import json
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from tuneplug_sklearn.storing import decode_folds, encode_folds


def through_json(folds, n_rows):
    return decode_folds(json.loads(json.dumps(encode_folds(folds, n_rows))), n_rows)


def assert_equal(found, folds):
    assert len(found) == len(folds)
    for parts, expected in zip(found, folds, strict=True):
        for rows, as_given in zip(parts, expected, strict=True):
            assert rows.dtype == np.intp
            assert rows.tolist() == np.asarray(as_given).tolist()


@pytest.mark.parametrize(
    "cv",
    [
        KFold(3),
        KFold(3, shuffle=True, random_state=0),
        StratifiedKFold(4),
        LeaveOneOut(),
        ShuffleSplit(3, random_state=0),
        TimeSeriesSplit(3),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_rows", [12, 300, 70_000])
def test_folds_of_a_splitter_are_restored_in_order(cv, n_rows):
    if isinstance(cv, LeaveOneOut):
        n_rows = min(n_rows, 300)
    folds = list(cv.split(np.zeros(n_rows), np.arange(n_rows) % 2))
    assert_equal(through_json(folds, n_rows), folds)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_rows_are_restored(data):
    n_rows = data.draw(st.sampled_from([1, 8, 9, 256, 257, 65_537]))
    part = st.lists(st.integers(0, n_rows - 1), max_size=20)
    folds = data.draw(st.lists(st.tuples(part, part), min_size=1, max_size=4))
    arrays = [tuple(np.array(rows, dtype=np.intp) for rows in fold) for fold in folds]
    assert_equal(through_json(arrays, n_rows), arrays)


def test_lists_and_narrow_and_negative_row_numbers_are_restored_as_positive_ones():
    folds = [([0, 1], np.array([2, 3], dtype=np.uint8)), ([-1, 0], [1, -3])]
    assert_equal(through_json(folds, 4), [([0, 1], [2, 3]), ([3, 0], [1, 1])])


@pytest.mark.parametrize("rows", [[4], [-5], [0.5], ["a"], [[0]], [True, False]])
def test_what_is_no_row_number_is_refused(rows):
    with pytest.raises(ValueError, match="row"):
        encode_folds([([0], rows)], 4)


def test_five_shuffled_folds_of_a_million_rows_are_below_two_megabytes():
    folds = list(KFold(5, shuffle=True, random_state=0).split(np.zeros(1_000_000)))
    text = json.dumps(encode_folds(folds, 1_000_000))
    assert len(text) < 1_000_000
    assert_equal(decode_folds(json.loads(text), 1_000_000), folds)


# ------------------------------------------------------------------ hostile documents

GOOD = encode_folds([([0, 1], [2, 3]), ([3, 0, 1], [2])], 4)


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


def changed(value, fold=1, part=1):
    document = copy.deepcopy(GOOD)
    document["folds"][fold][part] = value
    return document


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {**GOOD, "more": 1},
        {**GOOD, "n_rows": 5},
        {**GOOD, "n_rows": 4.0},
        {**GOOD, "n_rows": 10**30},
        {**GOOD, "folds": []},
        {**GOOD, "folds": {}},
        {**GOOD, "folds": [None]},
        {**GOOD, "folds": [[1, 2, 3]]},
        changed("rest"),
        changed(None),
        changed(["uint8", 1]),
        changed(["uint8", True, packed(b"\0")]),
        changed(["uint8", -1, packed(b"")]),
        changed(["uint8", 10**30, packed(b"\0")]),
        changed(["int64", 1, packed(b"\0" * 8)]),
        changed([[], 1, packed(b"\0")]),
        changed(["uint8", 2, packed(b"\0")]),
        changed(["uint8", 1, packed(b"\0\0")]),
        changed(["uint8", 1, packed(b"\4")]),
        changed(["uint8", 1, "no base64!"]),
        changed(["uint8", 1, "é"]),
        changed(["uint8", 1, base64.b64encode(b"no zlib").decode()]),
        changed(["uint8", 1, packed(b"\0")[:-4]]),
        changed(["uint8", 1, base64.b64encode(zlib.compress(b"\0") + b"x").decode()]),
        changed(["mask", 1, packed(b"\xff")]),
        changed(["mask", 5, packed(b"\xf8")]),
        changed(["mask", 1, packed(b"\x80\x00")]),
        changed(["all", 4, packed(b"\xf0")], part=0),
    ],
)
def test_every_other_document_is_refused(document):
    with pytest.raises(ValueError, match=r"rows|folds|row numbers|mask"):
        decode_folds(document, 4)


def test_every_damaged_character_is_restored_or_refused():
    text = json.dumps(GOOD)
    for i in range(len(text)):
        try:
            document = json.loads(text[:i] + "7" + text[i + 1 :])
        except ValueError:
            continue
        try:
            found = decode_folds(document, 4)
        except ValueError:
            continue
        assert all(rows.max(initial=0) < 4 for fold in found for rows in fold)


@pytest.mark.parametrize("kind", ["mask", "uint8"])
def test_small_text_of_many_zeros_is_not_decompressed_beyond_its_stated_size(kind):
    bomb = packed(b"\0" * 50_000_000)
    tracemalloc.start()
    with pytest.raises(ValueError, match="bytes"):
        decode_folds(changed([kind, 3, bomb]), 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
