"""A best value at an end of its range is advice to widen, unless the end is a natural limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tuneplug import Categorical, Float, Int, Scaling, SearchSpace, Study
from tuneplug.space.range_ends import end_advice


class Sqrt(Scaling):
    """A scaling whose domain ends at 2."""

    name = "sqrt"

    def forward(self, x):
        return np.sqrt(x - 2.0)

    def inverse(self, t):
        return 2.0 + t**2


class Tanh(Scaling):
    """A scaling whose inverse raises beyond -1 and 1."""

    name = "tanh"

    def forward(self, x):
        return np.tanh(x)

    def inverse(self, t):
        return np.array([math.atanh(value) for value in t])


@pytest.mark.parametrize(
    ("parameter", "best", "advice"),
    [
        (Float(0.01, 10), 10.0, "best at the high end of [0.01, 10]: widen"),
        (Float(0.01, 10), 9.0, "best at the high end of [0.01, 10]: widen"),
        (Float(0.01, 10), 0.01, "best at the low end of [0.01, 10]: widen"),
        (Float(1e-3, 1, "log"), 1.0, "best at the high end of [0.001, 1]: widen"),
        (Float(0.9, 0.999, "reverse_log"), 0.999, "best at the high end of [0.9, 0.999]: widen"),
        (Float(-5, 5), -5.0, "best at the low end of [-5, 5]: widen"),
        (Float(0, 3, "linear"), 3.0, "best at the high end of [0, 3]: widen"),
        (Float(2, 6, Sqrt()), 6.0, "best at the high end of [2, 6]: widen"),
        (Int(2, 12), 12, "best at the high end of [2, 12]: widen"),
        (Int(2, 12), 2, "best at the low end of [2, 12]: widen"),
        (Int(1, 1_000_000), 1_000_000, "best at the high end of [1, 1000000]: widen"),
    ],
)
def test_best_value_at_an_end_is_advice_to_widen(parameter, best, advice):
    assert end_advice(parameter, best) == advice


@pytest.mark.parametrize(
    ("parameter", "best"),
    [
        (Float(0.01, 10), 1.0),
        (Float(0.01, 10), 7.0),
        (Int(2, 12), 11),
        (Int(2, 12), 3),
    ],
)
def test_best_value_inside_a_range_gets_no_advice(parameter, best):
    assert end_advice(parameter, best) is None


@pytest.mark.parametrize(
    ("parameter", "best"),
    [
        (Float(0, 3, "linear"), 0.0),
        (Float(-3, 0, "linear"), 0.0),
        (Float(0.1, 1, "linear"), 1.0),
        (Float(2, 6, Sqrt()), 2.0),
        (Float(-4, 4, Tanh()), 4.0),
        (Float(5e-324, 1, "log"), 5e-324),
        (Int(1, 30), 1),
        (Int(0, 30), 0),
        (Int(0, 1), 1),
    ],
)
def test_natural_limit_gets_no_advice(parameter, best):
    assert end_advice(parameter, best) is None


@pytest.mark.parametrize(
    "parameter",
    [Float(2, 2), Categorical([1, 2, 4]), SearchSpace({"n": stats.norm(2, 1)}).dimensions[0]],
)
def test_parameter_without_ends_gets_no_advice(parameter):
    assert end_advice(parameter, 2) is None


def advice_of(study):
    return [record["advice"] for record in study.explain_scaling()]


@pytest.mark.parametrize(("direction", "end"), [("minimize", "low"), ("maximize", "high")])
def test_study_advises_to_widen_the_range_of_its_best_trial(direction, end):
    study = Study({"x": Float(0.01, 10), "y": Float(-1, 1)}, direction=direction)
    assert advice_of(study) == ["", ""]
    for x in (0.01, 10.0):
        study.enqueue({"x": x, "y": 0.0})
        study.tell(study.ask(), x)
    advice = f"best at the {end} end of [0.01, 10]: widen"
    assert advice_of(study) == [advice, ""]
    assert study.ends_reached() == {"x": advice}


def test_advice_on_the_end_follows_advice_on_the_scaling():
    study = Study({"x": Float(0, 1000)})
    study.enqueue({"x": 1000.0})
    study.tell(study.ask(), 1.0)
    (advice,) = advice_of(study)
    assert advice.startswith("low=0 rules out a log scale")
    assert advice.endswith("; best at the high end of [0, 1000]: widen")


def test_study_without_a_completed_trial_reached_no_end():
    assert Study({"x": Float(0.01, 10)}).ends_reached() == {}


def test_only_active_parameters_of_the_best_sub_space_reach_an_end():
    space = [
        {"x": Float(0.01, 10)},
        {"x": Float(0.01, 100), "kind": ["a", "b"], "y": Int(2, 5, when={"kind": ["a"]})},
    ]
    study = Study(space)
    study.enqueue({"x": 100.0, "kind": "b"})
    study.tell(study.ask(), 1.0)
    advice = "best at the high end of [0.01, 100]: widen"
    assert advice_of(study) == ["", advice, ""]
    assert study.ends_reached() == {"x[1]": advice}
