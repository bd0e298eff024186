"""Cells of integers: the part of the unit interval that each value of an Int owns.

Notation: n values from low to high, k = value - low in 0..n-1.  Each value has a cell, and a point
in its cell.  ``snap`` moves u to the point of its cell; a point decodes to the value of its cell.

Floats represent all integers up to 2**53 in size.  Beyond, the cells are computed in Python's
integers (linear scaling), or values are rounded to what a scaling can tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space.scaling import Scaling

__all__ = ["MAX_EXACT", "MAX_RESOLVED", "Cells", "ExactCells", "RoundedCells"]

#: Largest integer up to which floats represent all integers.
MAX_EXACT = 2**53
#: Number of binary digits that a scale that is not linear can tell apart, after rounding errors.
N_DIGITS = 38
#: Largest integer up to which such a scale has all integers.
MAX_RESOLVED = 2**N_DIGITS


class Cells:
    """Value k owns the part of the scaled axis from k - 1/2 to k + 1/2.

    Parameters
    ----------
    ends : tuple of int
        The ends low and high.
    scaling : Scaling
    """

    def __init__(self, ends: tuple[int, int], scaling: Scaling) -> None:
        self._ends, self._scaling = ends, scaling
        self._low, self._high = map(float, ends)

    def to_unit(self, values: Sequence[int]) -> FloatArray:
        """Return the points of values."""
        return self._points(np.array(values, dtype=np.float64))

    def _points(self, x: FloatArray) -> FloatArray:
        return self._scaling.to_unit(x, self._low - 0.5, self._high + 0.5)

    def _whole(self, u: FloatArray) -> FloatArray:
        x = self._scaling.from_unit(u, self._low - 0.5, self._high + 0.5)
        return np.clip(np.floor(x + 0.5), self._low, self._high)

    def from_unit(self, u: FloatArray) -> list[Any]:
        """Return the values that own each u."""
        # Ends beyond 2**53 are returned as ints: the nearest float may be outside the range.
        ends = dict(zip((self._low, self._high), self._ends, strict=True))
        return [ends.get(x, int(x)) for x in self._whole(u).tolist()]

    def snap(self, u: FloatArray) -> FloatArray:
        """Move each u to the point of its value."""
        return self._points(self._whole(u))


@final
class RoundedCells(Cells):
    """Cells of large integers: values keep the digits that the scaling can tell apart."""

    def _whole(self, u: FloatArray) -> FloatArray:
        whole = super()._whole(u)
        mantissa, exponent = np.frexp(whole)
        digits = np.minimum(N_DIGITS, np.maximum(exponent, 1))
        rounded = np.ldexp(np.round(np.ldexp(mantissa, digits)), exponent - digits)
        return np.asarray(np.clip(rounded, self._low, self._high), dtype=np.float64)


@final
class ExactCells:
    """Equal cells on a linear scale, in exact arithmetic: value k owns [k/n, (k+1)/n).

    If n exceeds 2**53, some cells contain no float, and their values are never returned.

    Parameters
    ----------
    ends : tuple of int
        The ends low and high.
    """

    def __init__(self, ends: tuple[int, int]) -> None:
        self._low, self._n = ends[0], ends[1] - ends[0] + 1

    def _index(self, u: float) -> int:
        numerator, denominator = u.as_integer_ratio()
        return min(numerator * self._n // denominator, self._n - 1)

    def _point(self, k: int) -> float:
        """Return a float in cell k, its middle if possible."""
        middle: float = (2 * k + 1) / (2 * self._n)
        near = (middle, math.nextafter(middle, 0.0), math.nextafter(middle, 1.0))
        return next((u for u in near if self._index(u) == k), middle)

    def to_unit(self, values: Sequence[int]) -> FloatArray:
        """Return the points of values."""
        points = [self._point(value - self._low) for value in values]
        return np.array(points, dtype=np.float64)

    def from_unit(self, u: FloatArray) -> list[Any]:
        """Return the values that own each u."""
        return [self._low + self._index(x) for x in np.clip(u, 0.0, 1.0).tolist()]

    def snap(self, u: FloatArray) -> FloatArray:
        """Move each u to the point of its value."""
        return self.to_unit(self.from_unit(u)).reshape(np.shape(u))
