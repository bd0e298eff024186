"""The contract of scalings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tuneplug.space import SearchSpace
from tuneplug.space.parameters import Float
from tuneplug.space.scaling import Scaling

__all__ = ["ScalingContract"]


class ScalingContract:
    """Tests of a scaling; define the fixture ``scaling`` and, if necessary, ``ranges``."""

    #: Ranges (low, high) that the scaling supports.
    ranges: ClassVar[list[tuple[float, float]]] = [(0.1, 0.9), (0.25, 0.5)]
    #: Maximum error of a round trip through ``to_unit`` and ``from_unit``, relative to the range.
    tolerance = 1e-9

    def test_name_is_a_non_empty_string(self, scaling: Scaling) -> None:
        assert isinstance(scaling.name, str)
        assert scaling.name

    def test_ends_of_the_range_map_to_zero_and_one(self, scaling: Scaling) -> None:
        for low, high in self.ranges:
            assert scaling.error(low, high) is None
            np.testing.assert_allclose(scaling.to_unit([low, high], low, high), [0, 1], atol=1e-12)
            np.testing.assert_array_equal(scaling.from_unit([0.0, 1.0], low, high), [low, high])

    def test_round_trip_returns_the_value(self, scaling: Scaling) -> None:
        for low, high in self.ranges:
            x = np.linspace(low, high, 101)
            back = scaling.from_unit(scaling.to_unit(x, low, high), low, high)
            np.testing.assert_allclose(back, x, atol=self.tolerance * (high - low))

    def test_arrays_keep_their_shape(self, scaling: Scaling) -> None:
        for low, high in self.ranges:
            x = np.linspace(low, high, 6).reshape(2, 3)
            assert np.shape(scaling.forward(x)) == (2, 3)
            assert np.shape(scaling.inverse(scaling.forward(x))) == (2, 3)

    def test_scaling_is_strictly_increasing(self, scaling: Scaling) -> None:
        for low, high in self.ranges:
            u = scaling.to_unit(np.linspace(low, high, 101), low, high)
            assert np.all(np.diff(u) > 0)

    def test_parameter_with_the_scaling_samples_inside_its_range(self, scaling: Scaling) -> None:
        for low, high in self.ranges:
            space = SearchSpace({"x": Float(low, high, scaling)})
            values = [
                configuration["x"] for configuration in space.sample(50, np.random.default_rng(0))
            ]
            assert min(values) >= low
            assert max(values) <= high
