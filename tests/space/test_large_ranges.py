"""Ranges at the limits of floats: all values are reached, or the range is refused at the start."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from tuneplug import Float, Int, SearchSpace, Study

U = np.concatenate(
    [
        np.linspace(0.0, 1.0, 501),
        np.random.default_rng(0).random(500),
        2.0 ** -np.arange(1.0, 80.0),
        1.0 - 2.0 ** -np.arange(1.0, 54.0),
    ]
)
LARGE = [
    Int(0, 2**64), Int(0, 2**64 - 1), Int(1, 2**64, "log"), Int(-(2**70), 2**70 + 3),
    Int(2**60, 2**60 + 10), Int(2**53 - 3, 2**53 + 4), Int(0, 2**53 - 1), Int(0, 2**53),
    Int(1, 2**52, "log"), Int(1, 2**40, "log"), Int(1, 10**300, "log"),
    Int(10**300, 10**300 + 7), Int(2**60, 2**61, "log"), Int(0, 10**308, "linear"),
    Int(np.uint64(2**64 - 11), np.uint64(2**64 - 1)), Int(np.int8(-100), np.int8(100)),
]  # fmt: skip


@pytest.mark.parametrize("parameter", LARGE, ids=str)
def test_large_integers_are_found_again(parameter):
    assert parameter.errors() == []
    values, snapped = parameter.from_unit(U), parameter.snap(U)
    assert all(type(v) is int and int(parameter.low) <= v <= int(parameter.high) for v in values)
    assert parameter.from_unit(snapped) == values
    np.testing.assert_array_equal(parameter.to_unit(values), snapped)
    assert parameter.from_unit(np.array([0.0, 1.0])) == [int(parameter.low), int(parameter.high)]


@pytest.mark.parametrize("low", [2**53, 2**60, 10**300, -(2**60) - 10])
def test_a_narrow_range_of_large_integers_has_all_its_values(low):
    study = Study({"n": Int(low, low + 10)}, seed=0)
    for _ in range(11):
        trial = study.ask()
        study.tell(trial, float(trial.params["n"] % 7))
    assert sorted(trial.params["n"] for trial in study.trials) == list(range(low, low + 11))


@pytest.mark.parametrize("strategy", ["random", "bayesian", "grid"])
@pytest.mark.parametrize("parameter", [Int(0, 2**64), Int(1, 10**300)], ids=["2**64", "10**300"])
def test_a_search_over_large_integers_ends(parameter, strategy):
    study = Study({"n": parameter}, strategy=strategy, seed=0, n_trials=9)
    study.optimize(lambda trial: float(trial.params["n"] % 97), 9)
    assert len({trial.params["n"] for trial in study.trials}) == 9


FLOATS = [
    (Float(Fraction(1, 3), Fraction(2, 3)), [1 / 3, 2 / 3]),
    (Float(Decimal("0.1"), Decimal("0.7")), [0.1, 0.7]),
    (Float(0, 10**17 - 1), [0.0, 1e17]),
    (Float(np.int8(-100), np.int8(100)), [-100.0, 100.0]),
    (Float(np.longdouble(1), 2), [1.0, 2.0]),
    (Float(1e-300, 1e300), [1e-300, 1e300]),
]


@pytest.mark.parametrize(("parameter", "ends"), FLOATS)
def test_ends_of_any_type_are_converted_to_floats(parameter, ends):
    space = SearchSpace({"x": parameter})
    assert [space.decode([u])["x"] for u in (0.0, 1.0)] == ends
    assert [space.canonical({"x": end})["x"] for end in ends] == ends


REFUSED = [
    (Float(-1e308, 1e308), "low, high and their distance must be finite"),
    (Float(0, Decimal("Infinity")), "low, high and their distance must be finite"),
    (Float(0, Decimal("sNaN")), "low, high and their distance must be finite"),
    (Float(2**53, 2**53 + 1), "low and high must differ as floats"),
    (Float(1, 1 + Fraction(1, 10**30)), "low and high must differ as floats"),
    (Float(1e300, 1e300 * (1 + 1e-12), "log"), "log scaling must tell the values of a range apart"),
    (Int(-(10**308), 10**308), "the distance of low and high must be finite as a float"),
    (Int(2**60, 2**60 + 10, "log"), "log scaling must increase from low to high"),
]


@pytest.mark.parametrize(("parameter", "message"), REFUSED)
def test_a_range_that_floats_cannot_tell_apart_is_refused(parameter, message):
    (error,) = parameter.errors()
    assert re.search(re.escape(message), error)
