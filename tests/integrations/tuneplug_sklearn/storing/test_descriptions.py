"""Descriptions of objects: equal for equal content, in every process."""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import pickle
import random
import re
import sys
import threading
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from hash_seeds import outputs_by_hash_seed
from scipy import sparse
from scipy.stats import loguniform, norm
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import Bunch

from tuneplug import Float, SearchSpace
from tuneplug_sklearn.storing.descriptions import describe, describe_data

pd = pytest.importorskip("pandas")
Point = namedtuple("Point", "x y")


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Options:
    depth: int
    names: tuple = ()


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


class Plain:
    def __init__(self, **state):
        self.__dict__.update(state)

    def method(self):
        return self


def adder(n, *, extra=0, scale=1):
    def add(x):
        return x * scale + n + extra

    return add


def same(first, second):
    return describe(first, "a") == describe(second, "a")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.nan, float("nan")),
        (1.5, np.float64(1.5)),
        (3, np.int64(3)),
        (True, np.bool_(True)),
        ("a", np.str_("a")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {2, 3, 1}),
        (OrderedDict(a=1), OrderedDict(a=1)),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (np.random.RandomState(3), np.random.RandomState(3)),
        (np.random.default_rng(3), np.random.default_rng(3)),
        (random.Random(3), random.Random(3)),
        (adder(1), adder(1)),
        (functools.partial(adder, 1), functools.partial(adder, 1)),
        (SVC(C=2.0, gamma=np.nan), SVC(C=2.0, gamma=np.nan)),
        (RandomForestClassifier(n_jobs=1), RandomForestClassifier(n_jobs=2, verbose=1)),
        (make_pipeline(PCA(), SVC(), memory="a"), make_pipeline(PCA(), SVC(), memory=None)),
        (make_scorer(f1_score, average="macro"), make_scorer(f1_score, average="macro")),
        (Plain(a=[1, {2}]), Plain(a=[1, {2}])),
        (norm(0, 1), norm(0, 1)),
        (SVC(), SVC().fit([[0.0], [1.0]], [0, 1])),
    ],
)
def test_equal_content_has_equal_descriptions(first, second):
    assert same(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 1.0),
        (1, True),
        (1, "1"),
        (None, "None"),
        ("a", b"a"),
        ([1], (1,)),
        ([1, 2], [2, 1]),
        ([], None),
        ({"a": 1}, {"a": 2}),
        ({1: "a"}, {"1": "a"}),
        ({1}, frozenset({1})),
        ({"ab", "c"}, {"a", "bc"}),
        (range(3), range(4)),
        (Color.RED, 1),
        (Color.RED, Color.BLUE),
        (np.float32(0.1), np.float64(0.1)),
        (np.dtype("f4"), np.dtype("f8")),
        (np.zeros(3), np.zeros(4)),
        (np.zeros(2), [0.0, 0.0]),
        (list(range(1000)), [*range(999), 0]),
        (np.random.RandomState(3), np.random.RandomState(4)),
        (np.random.default_rng(3), np.random.default_rng(4)),
        (adder(1), adder(2)),
        (adder(1), adder(1, extra=1)),
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x, y=1: x, lambda x, y=2: x),
        (lambda x, *, y=1: x, lambda x, *, y=2: x),
        (lambda x: x in {1, 2}, lambda x: x in {1, 3}),
        (functools.partial(adder, 1), functools.partial(adder, 2)),
        (functools.cache(lambda x: x + 1), functools.cache(lambda x: x + 2)),
        (re.compile("a"), re.compile("b")),
        (np.ma.array([1, 2], mask=[True, False]), np.ma.array([1, 2], mask=[False, True])),
        (sparse.csr_array(np.eye(2)), sparse.csr_array(np.zeros((2, 2)))),
        (functools.partial(adder, 1, extra=1), functools.partial(adder, 1, extra=2)),
        (Plain(a=1).method, Plain(a=2).method),
        (np.mean, np.median),
        (SVC, SVC()),
        (SVC(), LogisticRegression()),
        (make_pipeline(StandardScaler(), PCA()), make_pipeline(PCA(), StandardScaler())),
        (make_pipeline(PCA(2), SVC()), make_pipeline(PCA(3), SVC())),
        (
            Pipeline([("a", StandardScaler()), ("b", PCA())]),
            Pipeline([("b", PCA()), ("a", StandardScaler())]),
        ),
        (
            ColumnTransformer([("a", PCA(), [0, 1])]),
            ColumnTransformer([("a", PCA(), [0, 2])]),
        ),
        (SVC(kernel=RBF(1.0)), SVC(kernel=RBF(1.0) + WhiteKernel())),
        (make_scorer(f1_score), make_scorer(f1_score, greater_is_better=False)),
        (StratifiedKFold(3), StratifiedKFold(4)),
        (
            FrozenEstimator(SVC().fit([[0.0], [1.0]], [0, 1])),
            FrozenEstimator(SVC().fit([[0.0], [2.0]], [0, 1])),
        ),
        (Options(1), Options(2)),
        (Slotted(1, 2), Slotted(1, 3)),
        (Point(1, 2), Point(1, 3)),
        (Point(1, 2), (1, 2)),
        (deque([1]), [1]),
        (defaultdict(int, a=1), defaultdict(list, a=1)),
        (Decimal("1.0"), Decimal("1.5")),
        (Path("a"), Path("b")),
        (norm(0, 1), norm(0, 2)),
        (loguniform(1, 2), norm(1, 2)),
        (10**5000, 10**5000 + 1),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_different_content_has_different_descriptions(first, second):
    assert not same(first, second)


@pytest.mark.parametrize(
    "value",
    [
        make_pipeline(FunctionTransformer(adder(1)), RandomForestClassifier(random_state=1)),
        Plain(a=np.arange(3), b={1, 2}),
        Options(1, ("a",)),
        Slotted(1, [2]),
        Point(1, 2),
        defaultdict(int, a=1),
        norm(0, 1),
        np.random.default_rng(0),
        FrozenEstimator(RandomForestClassifier(3, random_state=0).fit([[0.0], [1.0]], [0, 1])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_copies_have_the_description_of_the_original(value):
    expected = describe(value, "a")
    assert describe(copy.deepcopy(value), "a") == expected
    assert describe(cloudpickle.loads(cloudpickle.dumps(value)), "a") == expected


def test_parts_are_readable():
    found = describe(make_pipeline(StandardScaler(), SVC(C=3.0)), "estimator")
    assert found["estimator"] == "sklearn.pipeline.Pipeline"
    assert found["estimator.steps"] == "list of 2: standardscaler, svc"
    assert found["estimator.steps.svc.C"] == "3.0"
    assert describe(np.zeros((3, 2)), "X")["X"][0] == "3 rows x 2 columns of float64"


def test_generators_inside_a_fitted_estimator_do_not_count():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = MLPClassifier(max_iter=1).fit([[0.0], [1.0]], [0, 1])
    frozen = FrozenEstimator(fitted)
    assert describe(pickle.loads(pickle.dumps(frozen)), "a") == describe(frozen, "a")


def test_caches_of_a_search_space_do_not_count():
    first, second = (SearchSpace({"a": Float(1, 1000), "b": ["x", "y"]}) for _ in range(2))
    first.sample(3, np.random.default_rng(0))
    first.explain_scaling()
    assert same(first, second)
    assert not same(first, SearchSpace({"a": Float(1, 1001), "b": ["x", "y"]}))


def test_bunch_is_described_by_its_items():
    bunch = Bunch(a=1)
    assert same(bunch, pickle.loads(pickle.dumps(bunch)))
    assert not same(bunch, Bunch(a=2))


def test_error_of_an_object_names_its_path():
    class Broken:
        def get_params(self, deep=True):
            raise RuntimeError("no parameters")

    with pytest.raises(ValueError, match=r"estimator\.func\.x is .*RuntimeError: no parameters"):
        describe(FunctionTransformer(Plain(x=Broken())), "estimator")


def test_requests_for_metadata_count():
    with config_context(enable_metadata_routing=True):
        requesting = LogisticRegression().set_fit_request(sample_weight=True)
    assert not same(LogisticRegression(), requesting)


def test_cycles_are_described():
    first, second = Plain(a=1), Plain(a=1)
    first.me, second.me = first, second
    assert same(first, second)
    assert describe(first, "a")["a.me"] == "the object at a"
    first.me = Plain(a=1)
    assert not same(first, second)


@pytest.mark.parametrize("value", [iter([1]), (n for n in [1]), threading.Lock(), sys.stdout])
def test_objects_without_content_are_refused_with_their_path(value):
    with pytest.raises(ValueError, match=r"but estimator\.func\.tool.* is of type .*storage"):
        describe(FunctionTransformer(Plain(tool=value)), "estimator")


def test_deep_nesting_is_refused():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError, match="nested too deeply"):
        describe(nested, "estimator")
    while nested:
        nested = nested.pop()


# ------------------------------------------------------------------ data


FRAME = pd.DataFrame(
    {
        "number": [1.0, np.nan, 3.0],
        "text": ["a", "b", None],
        "object": pd.Series([1, "x", (2, 3)], dtype=object),
        "category": pd.Categorical(["u", "v", "u"]),
        "nullable": pd.array([1, None, 2**60 + 1], dtype="Int64"),
        "time": pd.to_datetime(["2020-01-01", "2020-01-02", None]),
        "zone": pd.to_datetime(["2020-01-01", "2020-01-02", None]).tz_localize("CET"),
        "flag": [True, False, True],
    }
)


def test_index_and_copies_of_a_frame_do_not_count():
    expected = describe_data(FRAME, "X")
    assert describe_data(FRAME.copy(), "X") == expected
    assert describe_data(FRAME.set_index(pd.Index([7, 7, 8])), "X") == expected
    assert describe_data(FRAME.iloc[::-1].iloc[::-1], "X") == expected
    assert describe_data(pickle.loads(pickle.dumps(FRAME)), "X") == expected


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("number", [1.0, 2.0, 3.0]),
        ("number", np.array([1.0, np.nan, 3.0], dtype=np.float32)),
        ("text", ["a", "b", "c"]),
        ("object", pd.Series([1, "x", (2, 4)], dtype=object)),
        ("object", pd.Series([1.0, "x", (2, 3)], dtype=object)),
        ("category", pd.Categorical(["u", "v", "v"])),
        ("category", pd.Categorical(["u", "v", "u"], categories=["v", "u"])),
        ("category", pd.Categorical(["u", "v", "u"], ordered=True)),
        ("category", ["u", "v", "u"]),
        ("nullable", pd.array([1, None, 2**60], dtype="Int64")),
        ("nullable", pd.array([1, 0, 2**60 + 1], dtype="Int64")),
        ("time", pd.to_datetime(["2020-01-01", "2020-01-03", None])),
        ("zone", pd.to_datetime(["2020-01-01", "2020-01-02", None]).tz_localize("UTC")),
        ("flag", [True, True, True]),
    ],
)
def test_each_value_and_data_type_of_a_frame_counts(column, values):
    changed = FRAME.assign(**{column: values})
    before, after = describe_data(FRAME, "X"), describe_data(changed, "X")
    assert [path for path in before if before[path] != after[path]] == [f"X['{column}']"]


def test_names_and_order_of_columns_count():
    expected = describe_data(FRAME, "X")
    assert describe_data(FRAME.rename(columns={"flag": "f"}), "X") != expected
    assert describe_data(FRAME[FRAME.columns[::-1]], "X") != expected
    assert describe_data(FRAME.to_numpy(), "X") != expected


@pytest.mark.parametrize("names", [["a", "a"], list(range(300))])
def test_repeated_names_and_many_columns_have_one_digest(names):
    frame = pd.DataFrame(np.zeros((2, len(names))), columns=names)
    changed = frame.copy()
    changed.iloc[1, -1] = 1.0
    found = describe_data(frame, "X")
    assert list(found) == ["X"]
    assert found == describe_data(frame.copy(), "X")
    assert found != describe_data(changed, "X")
    assert found != describe_data(frame.set_axis([*names[:-1], "z"], axis=1), "X")


def test_series_is_described_as_its_values():
    y = pd.Series([1, 2, 3], index=[5, 6, 7], name="y")
    assert describe_data(y, "y") == describe_data(y.to_numpy(), "y") | {
        "y": describe_data(pd.Series([1, 2, 3]), "y")["y"]
    }
    assert describe_data(y, "y") != describe_data(pd.Series([1, 2, 4]), "y")


@pytest.mark.parametrize(
    ("rows", "array"),
    [
        ([1, 2, 3], np.array([1, 2, 3])),
        ((1.0, 2.0), np.array([1.0, 2.0])),
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
        ([np.zeros(2), np.ones(2)], np.array([[0.0, 0.0], [1.0, 1.0]])),
        (["a", "bc"], np.array(["a", "bc"], dtype=object)),
        ([True, False], np.array([True, False])),
    ],
    ids=str,
)
def test_lists_are_described_as_arrays(rows, array):
    assert describe_data(rows, "y") == describe_data(array, "y")


def test_ragged_lists_texts_and_dicts_are_described_by_element():
    assert describe_data([[1, 2], [3]], "X") != describe_data([[1, 2], [4]], "X")
    assert describe_data(["ab", "c"], "X") != describe_data(["a", "bc"], "X")
    assert describe_data([{"a": 1}], "X") != describe_data([{"a": 2}], "X")
    assert describe_data(["é", "\ud800"], "X") != describe_data(["e", "\ud800"], "X")


def test_polars_frame_is_described_by_column():
    pl = pytest.importorskip("polars")
    data = {"n": [1, None, 2**60 + 1], "t": ["a", None, "b"], "f": [1.0, float("nan"), None]}
    expected = describe_data(pl.DataFrame(data), "X")
    rebuilt = pl.concat([pl.DataFrame(data)[:1], pl.DataFrame(data)[1:]], rechunk=False)
    assert describe_data(rebuilt, "X") == expected
    for name, values in {
        "n": [1, None, 2**60],
        "t": ["a", "", "b"],
        "f": [1.0, None, None],
    }.items():
        changed = describe_data(pl.DataFrame({**data, name: values}), "X")
        assert [path for path in expected if expected[path] != changed[path]] == [f"X['{name}']"]


SCRIPT = """
    import json, enum, numpy as np
    from functools import partial
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import f1_score, make_scorer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from tuneplug_sklearn.storing.descriptions import describe

    class Kind(enum.Enum):
        A = "a"

    def make(names):
        def choose(x, *, keep=frozenset({"p", "q", "r"})):
            return x if x in {"one", "two", "three"} or names else keep
        return choose

    value = {
        "estimator": make_pipeline(
            FunctionTransformer(make({"u", "v", "w"})),
            RandomForestClassifier(random_state=np.random.RandomState(0)),
        ),
        "scoring": make_scorer(f1_score, average="macro"),
        "set": {"x", "y", "z", Kind.A, (1, "t"), None},
        "objects": np.array([{"a", "b", "c"}, "text", 1.5], dtype=object),
        "partial": partial(make, names={"k", "l"}),
    }
    print(json.dumps(describe(value, "value")))
"""


@pytest.mark.slow
def test_descriptions_do_not_depend_on_the_process_and_its_hashing():
    outputs = outputs_by_hash_seed(SCRIPT, ("0", "1", "4242"))
    assert outputs[0]
    assert len(set(outputs)) == 1
