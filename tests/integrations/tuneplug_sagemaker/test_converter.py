"""Ranges of SageMaker's SDK are ranges of a space."""

from __future__ import annotations

import pytest

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceError, Study


class _Range:
    def __init__(self, min_value, max_value, scaling_type="Auto"):
        self.min_value, self.max_value, self.scaling_type = min_value, max_value, scaling_type


def range_class(name, module, base=_Range):
    return type(name, (base,), {"__module__": module})


@pytest.mark.parametrize("module", ["sagemaker.parameter", "sagemaker.core.parameter"])
def test_ranges_of_the_sdk_are_declared_as_they_are(module):
    Continuous = range_class("ContinuousParameter", module)
    Integer = range_class("IntegerParameter", module)
    Categories = type("CategoricalParameter", (), {"__module__": module, "values": ["a", "b"]})
    study = Study(
        {
            "rate": Continuous(0.001, 1.0, "Logarithmic"),
            "depth": Integer(1, 9),
            "kind": Categories(),
        },
        seed=0,
    )
    expected = {
        "rate": Float(0.001, 1.0, "Logarithmic"),
        "depth": Int(1, 9, "Auto"),
        "kind": Categorical(["a", "b"]),
    }
    assert repr(study.space) == repr(SearchSpace(expected))


def test_a_class_of_the_same_name_of_another_package_is_left_alone():
    other = range_class("ContinuousParameter", "another.package")
    with pytest.raises(SpaceError, match="rate"):
        Study({"rate": other(0.0, 1.0)})
