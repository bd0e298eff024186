"""Spaces survive a way through JSON; objects that cannot are named; a document is only data."""

from __future__ import annotations

import copy
import json
import math
import random
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from tuneplug import (
    Categorical,
    Float,
    Int,
    Linear,
    Log,
    ReverseLog,
    Scaling,
    SearchSpace,
    SpaceError,
    UnknownNameError,
)
from tuneplug.storage.plain_values import plain_document, plain_value
from tuneplug.storage.spaces import space_document, space_from_document


class Model:
    def __init__(self, depth):
        self.depth = depth

    def __repr__(self):
        return f"Model({self.depth})"


class Power(Scaling):
    name = "power"

    def __init__(self, exponent=3.0):
        self.exponent = exponent

    def forward(self, x):
        return x**self.exponent

    def inverse(self, t):
        return t ** (1.0 / self.exponent)


def powers(name):
    if name != "power":
        raise UnknownNameError(name)
    return Power()


def through_json(document):
    text = json.dumps(document, allow_nan=False)  # settings are compared, and NaN is not NaN
    return json.loads(text)


def stored(declared):
    return through_json(space_document(SearchSpace(declared)))


def configurations(space):
    return repr(space.sample(100, np.random.default_rng(0)))


SPACES = {
    "ranges": {
        "auto": Float(1e-4, 1.0),
        "linear": Float(0, 1, "linear"),
        "sagemaker": Float(1, 10, "Logarithmic"),
        "instance": Float(0.9, 0.999, ReverseLog()),
        "linear instance": Float(0.9, 0.999, Linear()),
        "int": Int(1, 10**6, Log()),
        "decimal": Float(Decimal("0.1"), Decimal("0.7")),
        "numpy": Int(np.int64(3), np.int64(9)),
        "huge": Int(-(2**70), 2**70),
        "constant": Float(2.5, 2.5),
    },
    "categories": {
        "plain": ["a", None, True, 1, 1.0, 0.1, -0.0, math.nan, math.inf, -math.inf, 2**70],
        "containers": [(1, 2), [1, 2], (), ((0.5,), [None]), {0: 1.5, "a": (1,)}, {}],
        "numpy": [np.float64(0.1), np.float32(0.1), np.int8(-3), np.bool_(True), np.str_("é")],
        "array": np.logspace(-3, 0, 4),
        "odd": ["\x1b[2J", "\ud800", "ünï", ""],
    },
    "distributions": {
        "normal": stats.norm(0.0, 2.0),
        "poisson": stats.poisson(mu=3),
        "heavy tail": stats.zipf(1.1),
        "truncated": stats.truncnorm(-1, np.float64(1), loc=2),
        "half": stats.truncnorm(0, np.inf),
        "uniform": stats.uniform(1, 3),
        "loguniform": stats.loguniform(1e-3, 1.0),
        "randint": stats.randint(1, 9),
    },
    "conditions": {
        "kind": ["tree", (1, 2), None],
        "n": Int(1, 3),
        "depth": Int(1, 9, when={"kind": ["tree"]}),
        "width": Float(0.1, 1.0, when={"kind": [(1, 2), None], "n": [2, 3]}),
        "inner": Categorical(["x", "y"], when={"depth": [3]}),
    },
    "sub-spaces": [
        {"model": ["svm"], "C": Float(1e-3, 1e3), "shared": Int(1, 5)},
        {"model": ["knn"], "k": Int(1, 50), "shared": Int(1, 5)},
    ],
    "empty": {},
}


@pytest.mark.parametrize("declared", SPACES.values(), ids=SPACES)
def test_a_restored_space_has_the_same_configurations_and_document(declared):
    space = SearchSpace(declared)
    document = stored(declared)
    restored = space_from_document(document)
    assert restored.names == space.names
    assert restored.column_names == space.column_names
    assert restored.explain_scaling() == space.explain_scaling()
    assert configurations(restored) == configurations(space)
    assert through_json(space_document(restored)) == document


def test_categories_keep_their_types():
    values = SPACES["categories"]["plain"] + SPACES["categories"]["numpy"]
    restored = space_from_document(stored({"a": values})).subspaces[0]["a"].values
    assert [(type(v), repr(v)) for v in restored] == [(type(v), repr(v)) for v in values]


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", np.arange(3), (Model(1),), {"a": [Model(1)]}, 1j, print],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_not_plain(value):
    with pytest.raises(TypeError, match="only plain values"):
        plain_document(value)


def test_a_list_that_contains_itself_is_not_plain():
    value = []
    value.append(value)
    with pytest.raises(TypeError, match="only plain values"):
        plain_document(value)


def test_subclasses_of_plain_types_are_not_plain():
    class Text(str):
        pass

    with pytest.raises(TypeError, match="only plain values"):
        plain_document(Text("a"))


# ---------------------------------------------------------------- objects that are missing

MODELS = [Model(1), Model(2)]
WITH_OBJECTS = {
    "eta": Float(0, 1),
    "model": MODELS,
    "depth": Int(1, 9, when={"model": [MODELS[1]]}),
    "extra": Categorical([None, Model(5)], when={"model": [MODELS[0]]}),
    "table": stats.rv_discrete(values=([1, 2], [0.4, 0.6])),
}


def test_every_parameter_and_object_that_is_missing_is_named_with_the_cure():
    with pytest.raises(SpaceError) as raised:
        space_from_document(stored(WITH_OBJECTS))
    message = str(raised.value)
    assert "- model: the categories Model(1), Model(2)\n" in message
    assert "- extra: the categories Model(5)\n" in message
    assert "- table: the parameter quantile(rv_sample)\n" in message
    assert "eta" not in message
    assert "depth" not in message
    assert "give space= with these parameters, such as space={'model': ...}" in message


def test_given_objects_take_their_places_with_the_stored_conditions():
    given = {"model": MODELS, "extra": [None, Model(5)], "table": WITH_OBJECTS["table"]}
    space = SearchSpace(WITH_OBJECTS)
    restored = space_from_document(stored(WITH_OBJECTS), given)
    assert restored.names == space.names
    assert restored.subspaces[0]["depth"].when == {"model": [MODELS[1]]}
    assert configurations(restored) == configurations(space)


def test_only_objects_that_are_still_missing_are_named():
    given = {"model": MODELS, "table": WITH_OBJECTS["table"]}
    with pytest.raises(SpaceError, match="extra") as raised:
        space_from_document(stored(WITH_OBJECTS), given)
    assert "model: " not in str(raised.value)


def test_an_object_of_a_condition_that_is_not_given_is_named():
    given = {"model": [MODELS[0]], "extra": [None], "table": [1]}
    with pytest.raises(SpaceError, match=r"depth: the categories Model\(2\) of 'model'"):
        space_from_document(stored(WITH_OBJECTS), given)


def test_a_space_that_is_given_with_all_names_is_used_as_it_is():
    whole = {
        "eta": Float(0, 2),
        "model": ["a"],
        "depth": [1],
        "extra": [2],
        "table": [3],
        "new": [4],
    }
    restored = space_from_document(stored(WITH_OBJECTS), whole)
    assert repr(restored) == repr(SearchSpace(whole))


def test_errors_of_what_is_given_are_those_of_a_space():
    with pytest.raises(SpaceError, match="low <= high"):
        space_from_document(stored({"a": Float(0, 1), "b": [1]}), {"a": Float(2, 1)})
    with pytest.raises(SpaceError, match="a parameter must be"):
        space_from_document(stored({"a": Float(0, 1), "b": [1]}), {"a": 3})


# ---------------------------------------------------------------- scalings of plugins


def test_the_scaling_of_a_plugin_is_restored_by_its_name():
    document = stored({"x": Float(1.0, 9.0, Power())})
    restored = space_from_document(document, make_scaling=powers)
    assert isinstance(restored.subspaces[0]["x"].scaling, Power)


@pytest.mark.parametrize("make_scaling", [None, lambda name: powers("other")])
def test_a_scaling_that_no_plugin_has_is_named(make_scaling):
    document = stored({"x": Float(1.0, 9.0, Power())})
    with pytest.raises(SpaceError, match="x: the scaling 'power', which no plugin registers"):
        space_from_document(document, make_scaling=make_scaling)


def test_a_scaling_that_is_another_function_now_is_named():
    document = stored({"x": Float(1.0, 9.0, Power(2.0))})
    with pytest.raises(SpaceError, match="x: the scaling 'power' as it was"):
        space_from_document(document, make_scaling=powers)


# ---------------------------------------------------------------- hostile documents

WHOLE = stored(SPACES["ranges"] | SPACES["categories"] | SPACES["distributions"])
RICH = {
    "version": 1,
    "subspaces": [
        *WHOLE["subspaces"],
        *stored(SPACES["conditions"])["subspaces"],
        *stored({"x": Float(1.0, 9.0, Power()), "o": [Model(1)]})["subspaces"],
    ],
}
JUNK = [
    *(None, True, -1, 0, 10**400, 1.5, math.nan, math.inf, "", "x", "__class__", "os.system"),
    *([], {}, [[]], [None], {"repr": 1}, {"repr": "x"}, {"tuple": 3}, {"dict": [[[], 1]]}),
    *(
        {"float": 1},
        {"float": "x"},
        {"numpy.int8": 999},
        {"numpy.float32": 0.1},
        {"__import__": "os"},
    ),
    *({"dict": [["a", 1], ["a", 2]]}, {"numpy.str_": 5}, {"plugin": "power", "at": [1, 2, 3]}),
    {"name": "rv_continuous", "args": {"list": []}, "kwds": {"dict": []}},
    {"name": "norm", "args": {"list": ["a"]}, "kwds": {"dict": []}},
    {"name": "norm", "args": {"list": [1] * 9}, "kwds": {"dict": []}},
    {"name": "norm", "args": {"list": []}, "kwds": {"dict": [["wrong", 1]]}},
    {"name": "norm", "args": {"list": [{"float": "inf"}]}, "kwds": {"dict": []}},
    {"name": "norm", "args": {"list": [10**400]}, "kwds": {"dict": []}},
    {"name": "norm", "args": {"list": [0, -1]}, "kwds": {"dict": []}},
    {"name": "test", "args": {"list": []}, "kwds": {"dict": []}},
]


def places(document, path=()):
    """Yield the path of each part of a document."""
    yield path
    if isinstance(document, (dict, list)):
        parts = document.items() if isinstance(document, dict) else enumerate(document)
        for key, part in parts:
            yield from places(part, (*path, key))


def changed(document, path, junk):
    if not path:
        return junk
    result = copy.deepcopy(document)
    part = result
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = junk
    return result


def is_read_or_refused(document):
    try:
        restored = space_from_document(document, make_scaling=powers)
    except ValueError:
        return True
    return isinstance(restored, SearchSpace)


def test_each_part_of_a_document_is_checked():
    choose = random.Random(0)
    for path in places(RICH):
        for junk in choose.sample(JUNK, 6):
            assert is_read_or_refused(changed(RICH, path, junk)), (path, junk)


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_is_no_document_and_no_sub_space(junk):
    for document in (junk, {"version": 1, "subspaces": [junk] if junk == [[]] else junk}):
        with pytest.raises(ValueError, match="stored space cannot be read"):
            space_from_document(document)


def test_each_key_of_a_document_is_required_and_no_other_is_allowed():
    for path in places(stored(SPACES["conditions"] | {"eta": Float(0, 1)})):
        if path and path[-1] in ("name", "type", "when", "low", "scaling", "categories", "version"):
            document = stored(SPACES["conditions"] | {"eta": Float(0, 1)})
            part = document
            for key in path[:-1]:
                part = part[key]
            del part[path[-1]]
            with pytest.raises(ValueError, match="stored space cannot be read"):
                space_from_document(document)
            part[path[-1]] = 0
            part["more"] = 1
            with pytest.raises(ValueError, match="stored space cannot be read"):
                space_from_document(document)


def test_values_nested_without_end_are_refused():
    document = 1
    for _ in range(100_000):
        document = {"list": [document]}
    with pytest.raises(ValueError, match="a plain value must be"):
        plain_value(document)
    while isinstance(document, dict):  # a deep object cannot be freed at once
        document = document.popitem()[1].pop()


def test_a_document_of_another_version_is_refused():
    with pytest.raises(ValueError, match="its version must be 1, but got 2"):
        space_from_document({"version": 2, "subspaces": [[]]})
