"""Scalings map both ends exactly, invert, and rise; Auto picks the documented one and says why."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneplug.space.scaling import (
    Linear,
    Log,
    ReverseLog,
    Scaling,
    choose_scaling,
    resolve_scaling,
)

SETTINGS = settings(deadline=None, derandomize=True)


class SquareRoot(Scaling):
    """What a user may bring: f(x) = √x on x >= 0."""

    name = "square_root"

    def forward(self, x):
        return np.sqrt(x)

    def inverse(self, t):
        return t * t

    def error(self, low, high):
        return None if low >= 0 else f"square_root needs `low >= 0`, but got low={low!r}"


class Flat(Scaling):
    """Not a scaling: it does not rise."""

    name = "flat"

    def forward(self, x):
        return np.zeros_like(x)

    def inverse(self, t):
        return t


class Logit(Scaling):
    """Infinite at 0 and 1."""

    name = "logit"

    def forward(self, x):
        return np.log(x) - np.log1p(-x)

    def inverse(self, t):
        return 1.0 / (1.0 + np.exp(-t))


def _range_linear(position, width):
    low = 2e6 * position - 1e6
    return low, low + 10.0 ** (6.0 * width)


def _range_log(position, width):
    low = 10.0 ** (-12.0 + 16.0 * position)
    return low, low * 10.0 ** (0.01 + 12.0 * width)


def _range_reverse_log(position, width):
    low = 0.99 * position
    return low, 1.0 - (1.0 - low) * 10.0 ** (-0.01 - 4.0 * width)


def _range_square_root(position, width):
    low = 100.0 * position
    return low, low + 10.0 ** (6.0 * width)


TABLE = [
    pytest.param(Linear(), _range_linear, id="linear"),
    pytest.param(Log(), _range_log, id="log"),
    pytest.param(ReverseLog(), _range_reverse_log, id="reverse_log"),
    pytest.param(SquareRoot(), _range_square_root, id="custom"),
]
fractions = st.floats(0.0, 1.0)
# The narrowest and most shifted ranges above lose 7 of 16 digits to cancellation: 1 - x at the
# top of a reverse-log range keeps 10, and f(low) may be 1e6 times f(high) - f(low).
ROUND_TRIP = 1e-8


@pytest.mark.parametrize(("scaling", "make"), TABLE)
@SETTINGS
@given(position=fractions, width=fractions, u=fractions)
def test_unit_to_value_and_back(scaling, make, position, width, u):
    low, high = make(position, width)
    x = scaling.from_unit(u, low, high)
    assert low <= x <= high
    assert scaling.to_unit(x, low, high) == pytest.approx(u, abs=ROUND_TRIP)


@pytest.mark.parametrize(("scaling", "make"), TABLE)
@SETTINGS
@given(position=fractions, width=fractions, part=fractions)
def test_value_to_unit_and_back(scaling, make, position, width, part):
    low, high = make(position, width)
    x = min(low + part * (high - low), high)
    u = scaling.to_unit(x, low, high)
    assert 0.0 <= u <= 1.0
    assert scaling.from_unit(u, low, high) == pytest.approx(x, abs=ROUND_TRIP * (high - low))


@pytest.mark.parametrize(("scaling", "make"), TABLE)
@SETTINGS
@given(position=fractions, width=fractions)
def test_both_ends_map_exactly(scaling, make, position, width):
    low, high = make(position, width)
    assert scaling.to_unit([low, high], low, high).tolist() == [0.0, 1.0]
    assert scaling.from_unit([0.0, 1.0], low, high).tolist() == [low, high]


@pytest.mark.parametrize(("scaling", "make"), TABLE)
@SETTINGS
@given(position=fractions, width=fractions)
def test_strictly_increasing_both_ways(scaling, make, position, width):
    low, high = make(position, width)
    values = scaling.from_unit(np.linspace(0.0, 1.0, 101), low, high)
    assert np.all(np.diff(values) > 0)
    assert np.all(np.diff(scaling.to_unit(values, low, high)) > 0)


@pytest.mark.parametrize(("scaling", "make"), TABLE)
def test_outside_the_range_is_drawn_to_the_nearest_end(scaling, make):
    low, high = make(0.5, 0.5)
    assert scaling.to_unit([low - 1.0, high + 1.0], low, high).tolist() == [0.0, 1.0]
    assert scaling.from_unit([-0.1, 1.1], low, high).tolist() == [low, high]


@pytest.mark.parametrize(("scaling", "make"), TABLE)
def test_any_shape_is_kept(scaling, make):
    low, high = make(0.2, 0.2)
    u = np.linspace(0.0, 1.0, 12).reshape(3, 4)
    assert scaling.from_unit(u, low, high).shape == (3, 4)
    assert scaling.to_unit(scaling.from_unit(u, low, high), low, high).shape == (3, 4)


IDENTITIES = [
    pytest.param(Log(), np.log, 1e-4, 1e3, id="log is linear in ln(x)"),
    pytest.param(
        ReverseLog(), lambda x: -np.log(1.0 - x), 0.1, 0.999, id="reverse_log in -ln(1-x)"
    ),
    pytest.param(SquareRoot(), np.sqrt, 0.0, 9.0, id="custom is linear in √x"),
]


@pytest.mark.parametrize(("scaling", "f", "low", "high"), IDENTITIES)
def test_equals_linear_on_transformed_data(scaling, f, low, high):
    x = np.linspace(low, high, 57)
    expected = Linear().to_unit(f(x), f(low), f(high))
    # a few roundings of logarithms no larger than 10
    np.testing.assert_allclose(scaling.to_unit(x, low, high), expected, atol=1e-13)


def test_reverse_log_is_log_of_the_distance_to_one():
    x = np.array([0.9, 0.95, 0.99, 0.995, 0.999])
    mirrored = 1.0 - Log().to_unit(1.0 - x, 1.0 - 0.999, 1.0 - 0.9)
    # 1 - 0.999 keeps 13 digits
    np.testing.assert_allclose(ReverseLog().to_unit(x, 0.9, 0.999), mirrored, atol=1e-12)


def test_log_spends_equal_room_on_equal_factors():
    u = Log().to_unit([1e-4, 1e-3, 1e-2, 1e-1, 1.0], 1e-4, 1.0)
    np.testing.assert_allclose(u, [0.0, 0.25, 0.5, 0.75, 1.0], atol=1e-15)


# --------------------------------------------------------------------------------------- Auto

LOW_IS_0 = "low=0 rules out a log scale"
HIGH_IS_1 = "high=1 rules out a reverse-log scale"
NO_FACTOR = "auto: the range spans no factor of 100"


def _log(ratio):
    return f"auto: high / low = {ratio} is at least 100"


def _reverse(ratio):
    return f"auto: (1 - low) / (1 - high) = {ratio} is at least 100"


AUTO = [
    # low, high, integer, scaling, reason, advice
    (0.01, 10.0, False, Log(), _log("1000"), []),
    (1e-4, 1.0, False, Log(), _log("10000"), []),
    (1e-8, 1.0, False, Log(), _log("1e+08"), []),
    (1e-6, 0.99, False, Log(), _log("990000"), []),
    (1, 4000, True, Log(), _log("4000"), []),
    (10, 1000, True, Log(), _log("100"), []),
    (0.9, 0.999, False, ReverseLog(), _reverse("100"), []),
    (0.5, 0.999, False, ReverseLog(), _reverse("500"), []),
    (0.0, 0.99, False, ReverseLog(), _reverse("100"), []),
    (0.01, 0.9999, False, ReverseLog(), _reverse("9900"), []),
    (0, 1000, False, Linear(), NO_FACTOR, [LOW_IS_0]),
    (0.1, 1.0, False, Linear(), NO_FACTOR, [HIGH_IS_1]),
    (0.0, 0.5, False, Linear(), NO_FACTOR, [LOW_IS_0]),
    (0.9, 0.99, False, Linear(), NO_FACTOR, []),
    (
        *(0.001, 0.999, False, Linear()),
        "auto: high / low = 999 and (1 - low) / (1 - high) = 999 are too close to prefer one",
        [],
    ),
    (0, 1, False, Linear(), NO_FACTOR, [LOW_IS_0, HIGH_IS_1]),
    (-5, 5, False, Linear(), NO_FACTOR, []),
    (0, 10, True, Linear(), NO_FACTOR, []),
    (10, 200, True, Linear(), NO_FACTOR, []),
    # both ratios qualify, and one leads by a factor of 10
    (
        *(1e-5, 0.999, False, Log()),
        "auto: high / low = 99900 is at least 10 times (1 - low) / (1 - high) = 999.99",
        [],
    ),
    (
        *(0.005, 0.99995, False, ReverseLog()),
        "auto: (1 - low) / (1 - high) = 19900 is at least 10 times high / low = 199.99",
        [],
    ),
    # an integer range that starts at 0 is blocked only where it spans a factor of 100 at all
    (0, 1000, True, Linear(), NO_FACTOR, [LOW_IS_0]),
    (0, 99, True, Linear(), NO_FACTOR, []),
    # a negative low blocks both, and no small change of it would help
    (-1.0, 1.0, False, Linear(), NO_FACTOR, []),
    (-1000.0, 0.999, False, Linear(), NO_FACTOR, []),
]


@pytest.mark.parametrize(("low", "high", "integer", "scaling", "reason", "advice"), AUTO)
def test_auto(low, high, integer, scaling, reason, advice):
    choice = choose_scaling(low, high, integer=integer)
    assert (choice.scaling, choice.chosen_by, choice.reason) == (scaling, "auto", reason)
    assert [line for line in (LOW_IS_0, HIGH_IS_1) if line in choice.advice] == advice
    assert bool(choice.advice) == bool(advice)


def test_auto_advice_names_a_low_that_would_give_log():
    assert "1e-8" in choose_scaling(0.0, 1000.0).advice
    assert choose_scaling(1e-8, 1000.0).scaling == Log()
    assert "low=1" in choose_scaling(0, 1000, integer=True).advice
    assert choose_scaling(1, 1000, integer=True).scaling == Log()


def test_auto_advice_names_a_high_that_would_give_reverse_log():
    assert "0.9999" in choose_scaling(0.5, 1.0).advice
    assert choose_scaling(0.5, 0.9999).scaling == ReverseLog()


@pytest.mark.parametrize(("low", "high"), [(0, 0.99), (0.9, 0.999), (0, 0)])
def test_auto_never_reverses_integers(low, high):
    choice = choose_scaling(low, high, integer=True)
    assert choice.scaling == Linear()
    assert choice.reverse_ratio is None


@pytest.mark.parametrize("factor", [100.0, 100.0 * (1.0 - 5e-10), 100.0 * (1.0 + 5e-10)])
def test_auto_counts_a_ratio_within_1e_9_of_100_as_100(factor):
    assert choose_scaling(0.03, 0.03 * factor).scaling == Log()


def test_auto_stays_linear_just_below_100():
    assert choose_scaling(0.03, 0.03 * 100.0 * (1.0 - 3e-9)).scaling == Linear()


@pytest.mark.parametrize(("lead", "scaling"), [(9.5, Linear()), (10.5, Log())])
def test_auto_needs_a_lead_of_10_where_both_ratios_qualify(lead, scaling):
    high = 0.995
    low = high / (lead * 200.0)
    choice = choose_scaling(low, high)
    assert choice.log_ratio / choice.reverse_ratio == pytest.approx(lead, rel=1e-3)
    assert choice.scaling == scaling


def test_auto_reports_both_ratios():
    choice = choose_scaling(0.5, 0.999)
    assert choice.log_ratio == pytest.approx(1.998)
    assert choice.reverse_ratio == pytest.approx(500.0)


def test_auto_ratio_beyond_all_floats_is_infinite():
    choice = choose_scaling(5e-324, 1e300)
    assert choice.scaling == Log()
    assert choice.log_ratio == math.inf


# ------------------------------------------------------------------------------ declared by name

NAMES = [
    ("linear", Linear()),
    ("log", Log()),
    ("reverse_log", ReverseLog()),
    ("Linear", Linear()),
    ("Logarithmic", Log()),
    ("ReverseLogarithmic", ReverseLog()),
]


@pytest.mark.parametrize(("name", "scaling"), NAMES)
@pytest.mark.parametrize(("low", "high"), [(1e-4, 0.5), (0.9, 0.9999), (0.2, 0.3)])
def test_an_explicit_choice_is_never_changed(name, scaling, low, high):
    choice = resolve_scaling(name, low, high)
    assert (choice.scaling, choice.chosen_by) == (scaling, "user")
    assert choice.reason == f"declared {scaling.name}"
    assert choice.advice == ""


@pytest.mark.parametrize("name", ["auto", "Auto"])
@pytest.mark.parametrize("row", AUTO, ids=str)
def test_both_spellings_of_auto_apply_the_rule(name, row):
    low, high, integer = row[:3]
    expected = choose_scaling(low, high, integer=integer)
    assert resolve_scaling(name, low, high, integer=integer) == expected


def test_a_custom_scaling_is_taken_as_it_is():
    scaling = SquareRoot()
    assert resolve_scaling(scaling, 0.0, 4.0).scaling is scaling


LOG_RULE = "log scaling needs `low > 0`, but got "
REVERSE_RULE = "reverse-log scaling needs `0 <= low` and `high < 1`, but got "
REFUSED = [
    ("log", 0, 1, False, LOG_RULE + "low=0, high=1: use a small positive low such as 1e-8"),
    ("log", 0, 9, True, LOG_RULE + "low=0, high=9: use a small positive low such as 1e-8 (1 for"),
    ("Logarithmic", -1.5, 1, False, LOG_RULE + "low=-1.5, high=1: use a linear scaling"),
    ("reverse_log", 0, 1, False, REVERSE_RULE + "low=0, high=1: use a high just below 1"),
    ("reverse_log", 0.5, 2, False, REVERSE_RULE + "low=0.5, high=2: use a linear scaling"),
    ("ReverseLogarithmic", -1, 0.5, False, REVERSE_RULE + "low=-1, high=0.5: use a linear"),
    ("reverse_log", 0, 0.5, True, "reverse-log scaling is for Float only"),
    ("logarithmic", 1, 2, False, "scaling must be one of 'auto', 'linear', 'log', 'reverse_log'"),
    (None, 1, 2, False, "or a Scaling, but got None"),
    (Log, 1, 2, False, "or a Scaling, but got <class"),
    (SquareRoot(), -1, 2, False, "square_root needs `low >= 0`, but got low=-1"),
    (Flat(), 0, 1, False, "flat scaling must increase from low to high, but f(0) = 0.0 and f(1)"),
    (Logit(), 0, 1, False, "logit scaling must increase from low to high, but f(0) = -inf"),
    # Value 0 of an Int owns [-1/2, 1/2], where √x is not defined.
    (SquareRoot(), 0, 9, True, "(of an Int: low - 1/2 to high + 1/2), but f(-0.5) = nan"),
    # Two neighboring floats whose logarithms are the same float.
    ("log", 1e16, 1e16 + 2, False, "log scaling must increase from low to high"),
]


@pytest.mark.parametrize(("declared", "low", "high", "integer", "message"), REFUSED)
def test_a_scaling_that_cannot_serve_the_range_is_refused(declared, low, high, integer, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_scaling(declared, low, high, integer=integer)
