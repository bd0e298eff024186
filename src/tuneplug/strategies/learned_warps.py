"""Learned warps as curves in the user's units, with what they say about the declared scaling."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.space.parameters import Parameter
from tuneplug.surrogate.fitting import TrainingData, fit_surrogate, sample_hyperparameters
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.warping import kumaraswamy

__all__ = ["WarpCurve", "warp_curves"]

CURVE_POINTS = 101
#: Slice sampling for the band, from the mode on, and the share of the posterior inside of it.
N_STEPS, BURN_IN, THIN = 400, 100, 4
BAND = (0.05, 0.95)
#: How far a curve must be from a line, on the unit interval, to count as bent.
BENT = 0.05
#: A parameter with less effect than this gets no advice: its warp is as good as any other.
NO_EFFECT = 0.1
#: Configurations at which the effect is looked at, and points along the parameter.
N_ROWS, N_ALONG = 32, 11
#: Where a logarithm is not defined on the range, one over this ratio stands for its shape.
RATIO = 100.0


@dataclass(frozen=True)
class WarpCurve:
    """The warp learned for one parameter, as a curve over its range.

    Attributes
    ----------
    parameter : str
    values : list
        Points of the curve, in the user's units.
    unit : ndarray of shape (k,)
        The same points on the unit interval, by the declared scaling.
    warped : ndarray of shape (k,)
        Where the most probable warp moves them: w = 1 - (1 - u^a)^b.
    lower, upper : ndarray of shape (k,)
        Between them lie 90 % of the posterior's warps, point by point.
    a, b : float
        Shape of the warp; 1 and 1 leave the scaling as it is.
    effect : float
        How much the predicted loss varies along the parameter, others held: a standard deviation,
        in units of that of all losses.
    shape : str
        What the scaling and the warp are together, in the user's units: ``"linear-like"``,
        ``"log-like"``, ``"reverse-log-like"``, or ``"S-shaped"`` where the warp stretches the
        middle or both ends.
    advice : str or None
        What to declare next time; None where the declared scaling is in keeping with the posterior,
        or the parameter has next to no effect.
    """

    parameter: str
    values: list[Any]
    unit: FloatArray
    warped: FloatArray
    lower: FloatArray
    upper: FloatArray
    a: float
    b: float
    effect: float
    shape: str
    advice: str | None


def warp_curves(data: TrainingData, space: SearchSpace) -> Mapping[str, WarpCurve]:
    """Return the curve of each numeric parameter."""
    gp = fit_surrogate(dataclasses.replace(data, inference="map"))[0]
    mode = gp.hyper
    sampled = sample_hyperparameters(data, n=N_STEPS, burn_in=BURN_IN, thin=THIN)
    curves = {}
    for i, column in enumerate(data.layout.ordered):
        parameter, name = space.dimensions[column], space.column_names[column]
        low, high = parameter.unit_bounds
        unit = np.linspace(low, high, CURVE_POINTS)
        values = parameter.from_unit(unit)
        warps = np.array([kumaraswamy(unit, hyper.a[i], hyper.b[i]) for hyper in sampled])
        lower, upper = np.quantile(warps, BAND, axis=0)
        warped = kumaraswamy(unit, mode.a[i], mode.b[i])
        shape = _shape(np.array(values, dtype=np.float64), unit, warped)
        effect = _effect(gp, column, unit)
        clear = effect > NO_EFFECT and bool(np.any((lower > unit + BENT) | (upper < unit - BENT)))
        curves[name] = WarpCurve(
            parameter=name,
            values=values,
            unit=unit,
            warped=warped,
            lower=lower,
            upper=upper,
            a=float(mode.a[i]),
            b=float(mode.b[i]),
            effect=effect,
            shape=shape,
            advice=_advice(name, parameter, shape, values) if clear else None,
        )
    return curves


def _effect(gp: GaussianProcess, column: int, unit: FloatArray) -> float:
    """Return how much the posterior mean varies along a column, in the mean over configurations."""
    rows = gp.U[:N_ROWS]
    along = np.repeat(rows, N_ALONG, axis=0)
    along[:, column] = np.tile(np.linspace(unit[0], unit[-1], N_ALONG), len(rows))
    means = gp.predict(along)[0].reshape(len(rows), N_ALONG)
    return float(means.std(axis=1).mean())


def _scaling_shapes(x: FloatArray) -> dict[str, FloatArray]:
    """Return the scalings over a range, which may fall, as curves on the unit interval."""

    def line(y: FloatArray) -> FloatArray:
        return np.asarray((y - y[0]) / (y[-1] - y[0]))

    def log(y: FloatArray) -> FloatArray:
        if y.min() <= 0.0:
            y = 1.0 + (RATIO - 1.0) * (y - y.min()) / np.ptp(y)
        return line(np.log(y))

    return {"linear-like": line(x), "log-like": log(x), "reverse-log-like": log(1.0 - x)}


def _shape(x: FloatArray, unit: FloatArray, warped: FloatArray) -> str:
    bend = warped - unit
    if bend.max() > BENT and bend.min() < -BENT:
        return "S-shaped"
    shapes = _scaling_shapes(x)
    return min(shapes, key=lambda name: float(np.abs(warped - shapes[name]).mean()))


def _advice(name: str, parameter: Parameter, shape: str, values: list[Any]) -> str | None:
    """Say what to declare next time, where a scaling expresses what was learned."""
    record, low, high = parameter.explain(name), values[0], values[-1]
    declared = None if record is None else record["scaling"]
    if shape == "S-shaped":
        return (
            f"no scaling has the shape learned for {name}: keep warping, or narrow its range to "
            "where the curve is steep"
        )
    wanted = shape.removesuffix("-like").replace("-", "_")
    if declared == wanted or declared not in ("linear", "log", "reverse_log"):
        return None
    if wanted == "log" and low < 0:
        return None
    if wanted == "log" and low == 0:
        return f"next time give {name} a low above 0, and declare scaling='log'"
    if wanted == "reverse_log" and not (isinstance(high, float) and low >= 0 and high < 1):
        return None
    return f"next time declare scaling={wanted!r} for {name}"
