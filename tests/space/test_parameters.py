"""Parameters: the very values asked for come back, and discrete ones own the right share of u."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.space.scaling import Scaling

SETTINGS = settings(deadline=None, derandomize=True)
DRAWS = 10_000
#: A test of a true null hypothesis with a fixed seed fails at this level once in a thousand seeds.
LEVEL = 1e-3


class SquareRoot(Scaling):
    name = "square_root"

    def forward(self, x):
        return np.sqrt(x)

    def inverse(self, t):
        return t * t


def draw(parameter, n=DRAWS, seed=0):
    space = SearchSpace({"x": parameter})
    return [configuration["x"] for configuration in space.sample(n, np.random.default_rng(seed))]


def p_value(draws, values, mass):
    counts = [draws.count(value) for value in values]
    return stats.chisquare(counts, len(draws) * np.asarray(mass) / np.sum(mass)).pvalue


# ----------------------------------------------------------------------------- types and ends

NUMERIC = [
    pytest.param(Float(0, 1), float, id="float declared by ints"),
    pytest.param(Float(np.float32(0.5), np.float64(2.0)), float, id="float declared by numpy"),
    pytest.param(Float(Fraction(1, 4), Fraction(1, 2)), float, id="float declared by fractions"),
    pytest.param(Float(1e-4, 1.0), float, id="log float"),
    pytest.param(Float(0.9, 0.999), float, id="reverse-log float"),
    pytest.param(Float(0.0, 9.0, SquareRoot()), float, id="custom float"),
    pytest.param(Int(0, 4), int, id="int"),
    pytest.param(Int(np.int64(3), np.int32(7)), int, id="int declared by numpy"),
    pytest.param(Int(1, 4000), int, id="log int"),
    pytest.param(Int(1, 9, SquareRoot()), int, id="custom int"),
    pytest.param(Int(-(2**50), 2**50), int, id="int almost as wide as u has digits"),
]


@pytest.mark.parametrize(("parameter", "kind"), NUMERIC)
def test_values_are_plain_numbers_within_the_ends(parameter, kind):
    for value in parameter.from_unit(np.linspace(0.0, 1.0, 101)):
        assert type(value) is kind
        assert parameter.low <= value <= parameter.high


@pytest.mark.parametrize(("parameter", "kind"), NUMERIC)
def test_both_ends_are_reached_exactly(parameter, kind):
    assert parameter.from_unit(np.array([0.0, 1.0])) == [parameter.low, parameter.high]


def test_ends_beyond_the_digits_of_a_float_are_reached_exactly():
    high = 2**60 + 1
    assert Int(-high, high).from_unit(np.array([0.0, 1.0])) == [-high, high]


@pytest.mark.parametrize(("parameter", "kind"), NUMERIC)
def test_constants_have_their_type_too(parameter, kind):
    constant = type(parameter)(parameter.high, parameter.high, parameter.scaling)
    assert constant.size == 1
    (value,) = constant.from_unit(np.array([0.5]))
    assert type(value) is kind
    assert value == parameter.high


@pytest.mark.parametrize(("parameter", "kind"), NUMERIC)
def test_snap_moves_to_where_the_value_sits_and_stays_there(parameter, kind):
    u = np.linspace(0.0, 1.0, 101)
    snapped = parameter.snap(u)
    assert parameter.from_unit(snapped) == parameter.from_unit(u)
    np.testing.assert_allclose(parameter.snap(snapped), snapped, atol=1e-15)


OUTSIDE = [
    (Float(0, 1), [1.5, -0.1, math.nan, math.inf, "0.5", True, None, Decimal("0.5")]),
    (Int(0, 4), [5, -1, 2.5, math.nan, math.inf, "2", True, None, 10**400]),
    (Categorical(["a", 1]), ["b", 2, True, None, math.nan]),
]


@pytest.mark.parametrize(
    ("parameter", "value"), [(parameter, v) for parameter, values in OUTSIDE for v in values]
)
def test_a_value_outside_is_refused(parameter, value):
    with pytest.raises(ValueError, match="values must"):
        parameter.to_unit([value])


@pytest.mark.parametrize(("ends", "value"), [((0, 4), 3.0), ((0, 4), np.int8(3))])
def test_a_whole_number_of_any_type_is_an_int(ends, value):
    parameter = Int(*ends)
    assert parameter.from_unit(parameter.to_unit([value])) == [3]


# -------------------------------------------------------------------------------- mass of an Int


def test_linear_int_gives_every_value_equal_mass():
    draws = draw(Int(0, 4))
    assert set(draws) == set(range(5))
    assert p_value(draws, range(5), np.ones(5)) > LEVEL


def log_mass(k):
    return np.log((k + 0.5) / (k - 0.5))


def test_log_int_gives_each_value_the_log_of_its_cell():
    values = np.arange(1, 21)
    draws = draw(Int(1, 20, "log"))
    assert p_value(draws, values.tolist(), log_mass(values)) > LEVEL


@SETTINGS
@given(low=st.integers(1, 1000), width=st.integers(1, 1000))
def test_log_int_cells_are_exact(low, width):
    high = low + width
    k = np.arange(low, high + 1)
    edges = np.concatenate([[0.0], np.cumsum(log_mass(k))]) / log_mass(k).sum()
    inside = np.nextafter(edges[1:-1], 0) - 1e-12, edges[1:-1] + 1e-12
    parameter = Int(low, high, "log")
    assert parameter.from_unit(inside[0]) == k[:-1].tolist()
    assert parameter.from_unit(inside[1]) == k[1:].tolist()


@pytest.mark.parametrize("scaling", ["linear", "log", SquareRoot()])
@SETTINGS
@given(low=st.integers(1, 10**6), width=st.integers(1, 10**6), part=st.floats(0, 1))
def test_int_round_trip(scaling, low, width, part):
    value = low + round(part * width)
    parameter = Int(low, low + width, scaling)
    assert parameter.from_unit(parameter.to_unit([value])) == [value]


def test_auto_decides_by_the_ends_not_by_the_cells():
    assert Int(1, 100).choice.scaling.name == "log"
    assert Int(1, 99).choice.scaling.name == "linear"


def test_neighbors_of_an_int_are_in_rising_order():
    points = Int(1, 300, "log").points()
    assert len(points) == 300
    assert np.all(np.diff(points) > 0)


# ------------------------------------------------------------------------------------- choices

OBJECTS = [
    "gbtree",
    None,
    (50, 50),
    [1, 2],
    {"a": 1},
    object(),
    np.array([0.1, 0.9]),
    lambda y: y + 1,
    math.nan,
    frozenset({1}),
    len,
    10**400,
]


@pytest.mark.parametrize("seed", range(3))
def test_the_very_objects_come_back(seed):
    order = np.random.default_rng(seed).permutation(len(OBJECTS))
    choices = [OBJECTS[i] for i in order]
    space = SearchSpace({"x": choices})
    drawn = [s["x"] for s in space.sample(300, np.random.default_rng(seed))]
    for choice in choices:
        assert any(value is choice for value in drawn)
    assert all(any(value is choice for choice in choices) for value in drawn)


@pytest.mark.parametrize("choice", OBJECTS, ids=lambda c: type(c).__name__)
def test_each_object_is_found_again(choice):
    space = SearchSpace({"x": OBJECTS})
    assert space.decode(space.encode({"x": choice}))["x"] is choice


def test_equal_choices_of_different_types_are_different():
    choices = [1, True, 1.0, "1", 0, False]
    space = SearchSpace({"x": choices})
    back = [space.decode(space.encode({"x": choice}))["x"] for choice in choices]
    assert back == choices
    assert list(map(type, back)) == list(map(type, choices))


def test_types_inside_tuples_count():
    parameter = Categorical([(1, 2), (1.0, 2), (True, 2)])
    assert parameter.size == 3
    (value,) = parameter.from_unit(parameter.to_unit([(1.0, 2)]))
    assert type(value[0]) is float


@pytest.mark.parametrize(
    ("given_value", "choice"),
    [
        (np.int64(2), 2),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (2.0, 2),
    ],
)
def test_a_value_that_changed_its_type_on_the_way_is_recognized(given_value, choice):
    parameter = Categorical([2, 0.5, True, "a"])
    (value,) = parameter.from_unit(parameter.to_unit([given_value]))
    assert value is choice


ARRAYS = [
    (np.array([1, 2, 3]), int),
    (np.array([0.5, 1.5]), float),
    (np.array([True, False]), bool),
    (np.array(["a", "b"]), str),
    (np.linspace(0, 1, 3, dtype=np.float32), float),
    (np.array([None, None], dtype=object), type(None)),
]


@pytest.mark.parametrize(("array", "kind"), ARRAYS, ids=str)
def test_arrays_of_choices_give_python_scalars(array, kind):
    parameter = Categorical(array)
    assert {type(value) for value in parameter.from_unit(np.linspace(0, 1, 9))} == {kind}


def test_repeated_choices_count_once():
    repeated = [1, 1, "a", "a", None, None, math.nan, float("nan"), np.array([1]), np.array([1])]
    assert Categorical(repeated).size == 5


class Refuses:
    """Compares to something without a truth value, as data frames do."""

    def __eq__(self, other):
        return np.array([True, False])

    __hash__ = None


def test_choices_that_cannot_be_compared_are_told_apart_by_identity():
    first, second = Refuses(), Refuses()
    parameter = Categorical([first, second])
    assert parameter.size == 2
    assert parameter.from_unit(parameter.to_unit([second]))[0] is second


def test_choices_have_equal_mass():
    choices = ["a", "b", "c", "d", "e", "f", "g"]
    assert p_value(draw(choices), choices, np.ones(7)) > LEVEL


ORDERED = [
    ([1, 2, 3], True),
    ([0.3, 0.2, 0.1], True),
    ([1, 10, 1000, 10_000], True),
    ([1, 2], False),  # two points are in some order always
    ([1, 3, 2], False),
    ([1, 1.0, 2], False),
    ([1, 2, None], False),
    ([False, True, 2], False),
    (["1", "2", "3"], False),
    ([1, 2, math.inf], False),
    ([-1e308, 1e308, 1.7e308], True),  # whose differences overflow
    ([1, 2, 10**400], False),
]


@pytest.mark.parametrize(("choices", "ordered"), ORDERED, ids=str)
def test_numbers_in_order_keep_it(choices, ordered):
    assert Categorical(choices).ordered is ordered


# --------------------------------------------------------------------------------------- errors

FAULTS = [
    (Float(2, 1), "`low <= high` must hold, but got low=2, high=1"),
    (Float("0", 1), "low and high must be numbers, but got low='0', high=1"),
    (Float(False, True), "low and high must be numbers, but got low=False, high=True"),
    (Float(0, math.inf), "must be finite, but got low=0, high=inf"),
    (Float(math.nan, 1), "must be finite, but got low=nan, high=1"),
    (Float(-1e308, 1e308), "low, high and their distance must be finite"),
    (Float(0, 10**400), "low, high and their distance must be finite"),
    (Float(0, 1, "log"), "log scaling needs `low > 0`, but got low=0, high=1"),
    (Float(0, 1, "reverse_log"), "reverse-log scaling needs `0 <= low` and `high < 1`"),
    (Float(0, 1, "cubic"), "scaling must be one of 'auto'"),
    (Int(5, 2), "`low <= high` must hold, but got low=5, high=2"),
    (Int(0, 1.5), "low and high must be integers, but got low=0, high=1.5"),
    (Int(0, 2.0), "low and high must be integers, but got low=0, high=2.0"),
    (Int(True, 3), "low and high must be integers"),
    (Int(1, 10**400), "low and high must be finite as floats"),
    (Int(0, 9, "log"), "log scaling needs `low > 0`, but got low=0, high=9"),
    (Int(0, 9, "ReverseLogarithmic"), "reverse-log scaling is for Float only"),
    (Int(0, 9, SquareRoot()), "square_root scaling must increase from low to high (of an Int:"),
    (Categorical([]), "choices must hold at least one value, but got []"),
    (Categorical("abc"), "choices must be a list, tuple or array, but got 'abc'"),
    (Categorical({"a": 1}), "choices must be a list, tuple or array, but got {'a': 1}"),
    (Categorical({"a", "b"}), "choices must be a list, tuple or array"),  # no order to rely on
    (Categorical(3), "choices must be a list, tuple or array, but got 3"),
    (Categorical(np.array(3)), "choices must be a list, tuple or array, but got array(3)"),
    (Categorical(list), "choices must be a list, tuple or array, but got <class 'list'>"),
]


@pytest.mark.parametrize(("parameter", "message"), FAULTS)
def test_faults_state_rule_and_values(parameter, message):
    (error,) = parameter.errors()
    assert re.search(re.escape(message), error)


@pytest.mark.parametrize("parameter", [Float(2, 1), Int(2, 1.5), Categorical("x")], ids=str)
def test_constructors_only_store(parameter):
    assert parameter.errors()


@pytest.mark.parametrize(
    "parameter",
    [Float(1, 1), Int(3, 3), Float(0, 0, "log"), Float(1, 1, "reverse_log"), Categorical(["a"])],
    ids=str,
)
def test_one_value_is_a_constant_whatever_its_scaling(parameter):
    assert parameter.errors() == []
    assert parameter.size == 1


# --------------------------------------------------------------------------------------- levels


def test_levels_of_a_float_are_spread_evenly_on_its_scale():
    parameter = Float(1e-4, 1.0)
    values = parameter.from_unit(parameter.levels(5))
    np.testing.assert_allclose(values, [1e-4, 1e-3, 1e-2, 1e-1, 1.0], rtol=1e-12)


def test_levels_of_an_int_are_all_values_where_they_fit():
    parameter = Int(1, 10)
    assert parameter.from_unit(parameter.levels(10)) == list(range(1, 11))
    few = parameter.from_unit(parameter.levels(4))
    assert (few[0], few[-1], len(few)) == (1, 10, 4)


def test_levels_never_leave_a_choice_out():
    parameter = Categorical(list("abcdef"))
    assert parameter.from_unit(parameter.levels(2)) == list("abcdef")
