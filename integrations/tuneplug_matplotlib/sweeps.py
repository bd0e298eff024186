"""Sweeps: points along one parameter at which a model predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuneplug_matplotlib.axes import Axis, axis_of
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.selection import column_of

__all__ = ["Sweep", "sweep_of"]


@dataclass(frozen=True)
class Sweep:
    """Points along one parameter.

    Attributes
    ----------
    axis : Axis
    column : int
        Column of the parameter in the points of the space.
    units : ndarray of shape (k,)
        Values of this column.
    positions : ndarray of shape (k,)
        Positions on the axis, ascending.
    """

    axis: Axis
    column: int
    units: FloatArray
    positions: FloatArray


def sweep_of(results: Results, name: str, base: FloatArray, n_points: int) -> Sweep:
    """Return ``n_points`` points along an ordered parameter, or all categories of another.

    Parameters
    ----------
    results : Results
    name : str
        The parameter, which must be active at ``base``.
    base : ndarray of shape (d,)
        The point whose other columns are kept.
    n_points : int
    """
    column = column_of(results, name, base)
    parameter = results.required_space().dimensions[column]
    axis = axis_of(results, name)
    n = n_points if parameter.ordered else int(parameter.size)
    units = np.unique(parameter.snap(parameter.levels(n)))
    positions = axis.positions(parameter.from_unit(units))
    order = np.argsort(positions, kind="stable")
    return Sweep(axis, column, units[order], positions[order])
