"""Learned warps as curves in the user's units, and advice on the declared scaling."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.space.parameters import Parameter
from tuneplug.surrogate.fitting import TrainingData, fit_surrogate, sample_hyperparameters
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import Hyperparameters
from tuneplug.surrogate.warping import kumaraswamy

__all__ = ["WarpCurve", "warp_curves"]

N_CURVE_POINTS = 101
#: Slice sampling for the band: number of steps, burn-in, and thinning.
N_STEPS, BURN_IN, THIN = 400, 100, 4
#: Quantiles of the posterior that bound the band.
BAND = (0.05, 0.95)
#: A curve is bent if it is farther than this from the identity, on the unit interval.
MIN_BEND = 0.05
#: Minimum effect for advice: with a smaller effect, any warp fits equally well.
MIN_EFFECT = 0.1
#: Number of observed points over which the effect is averaged, and of grid points per parameter.
N_EFFECT_POINTS, N_EFFECT_STEPS = 32, 11
#: High / low of the log scale that a shape is compared with, if the range includes 0 or less.
LOG_RATIO = 100.0


@dataclass(frozen=True)
class WarpCurve:
    """Learned warp of one parameter, as a curve over its range.

    Attributes
    ----------
    parameter : str
        Name of the parameter.
    values : list
        Points of the curve, in the user's units.
    unit : ndarray of shape (k,)
        The same points on the unit interval, by the declared scaling.
    warped : ndarray of shape (k,)
        Images of ``unit`` under the most probable warp: w = 1 - (1 - u^a)^b.
    lower, upper : ndarray of shape (k,)
        Pointwise band that holds 90 % of the posterior's warps.
    a, b : float
        Shape parameters of the most probable warp; a = b = 1 is the identity.
    effect : float
        Standard deviation of the predicted loss along the parameter, with all other parameters
        fixed, in units of the standard deviation of all losses.
    shape : str
        Shape of scaling and warp together, in the user's units: ``"linear-like"``, ``"log-like"``,
        ``"reverse-log-like"``, or ``"S-shaped"`` if the warp stretches the middle or both ends.
    advice : str or None
        Scaling to declare next time.  None if the band includes the declared scaling, or if the
        parameter has little effect.
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
    """Return the learned warp of each numeric parameter, by the parameter's name."""
    gp = fit_surrogate(dataclasses.replace(data, inference="map"))[0]
    samples = sample_hyperparameters(data, n=N_STEPS, burn_in=BURN_IN, thin=THIN)
    return {
        space.column_names[column]: _warp_curve(i, gp, samples, space)
        for i, column in enumerate(data.layout.ordered)
    }


def _warp_curve(
    i: int, gp: GaussianProcess, samples: Sequence[Hyperparameters], space: SearchSpace
) -> WarpCurve:
    """Return the curve of the i-th ordered column."""
    column = gp.layout.ordered[i]
    parameter, name = space.dimensions[column], space.column_names[column]
    low, high = parameter.unit_bounds
    unit = np.linspace(low, high, N_CURVE_POINTS)
    values = parameter.from_unit(unit)
    a, b = gp.hyper.a[i], gp.hyper.b[i]
    warped = kumaraswamy(unit, a, b)
    lower, upper = _band(unit, [(sample.a[i], sample.b[i]) for sample in samples])
    shape = _shape(np.array(values, dtype=np.float64), unit, warped)
    effect = _effect(gp, column, unit)
    bent = bool(np.any((lower > unit + MIN_BEND) | (upper < unit - MIN_BEND)))
    return WarpCurve(
        parameter=name,
        values=values,
        unit=unit,
        warped=warped,
        lower=lower,
        upper=upper,
        a=float(a),
        b=float(b),
        effect=effect,
        shape=shape,
        advice=_advice(name, parameter, shape, values) if bent and effect > MIN_EFFECT else None,
    )


def _band(unit: FloatArray, shapes: Sequence[tuple[Any, Any]]) -> FloatArray:
    """Return the pointwise quantiles of the warps with the given shapes, shape (2, k)."""
    warps = np.array([kumaraswamy(unit, a, b) for a, b in shapes])
    return np.asarray(np.quantile(warps, BAND, axis=0))


def _effect(gp: GaussianProcess, column: int, unit: FloatArray) -> float:
    """Return the standard deviation of the posterior mean along a column, averaged over points."""
    points = gp.U[:N_EFFECT_POINTS]
    along = np.repeat(points, N_EFFECT_STEPS, axis=0)
    along[:, column] = np.tile(np.linspace(unit[0], unit[-1], N_EFFECT_STEPS), len(points))
    means = gp.predict(along)[0].reshape(len(points), N_EFFECT_STEPS)
    return float(means.std(axis=1).mean())


def _scaling_shapes(x: FloatArray) -> dict[str, FloatArray]:
    """Return each scaling of a monotonic x, rescaled to the unit interval."""

    def rescaled(y: FloatArray) -> FloatArray:
        return np.asarray((y - y[0]) / (y[-1] - y[0]))

    def log(y: FloatArray) -> FloatArray:
        if y.min() <= 0.0:
            y = 1.0 + (LOG_RATIO - 1.0) * (y - y.min()) / np.ptp(y)
        return rescaled(np.log(y))

    return {"linear-like": rescaled(x), "log-like": log(x), "reverse-log-like": log(1.0 - x)}


def _shape(x: FloatArray, unit: FloatArray, warped: FloatArray) -> str:
    """Return the name of the scaling of x that is closest to the warped curve."""
    bend = warped - unit
    if bend.max() > MIN_BEND and bend.min() < -MIN_BEND:
        return "S-shaped"
    shapes = _scaling_shapes(x)
    return min(shapes, key=lambda name: float(np.abs(warped - shapes[name]).mean()))


def _advice(name: str, parameter: Parameter, shape: str, values: list[Any]) -> str | None:
    """Return advice to declare the scaling of the learned shape; None if it cannot be declared."""
    record, low, high = parameter.explain(name), values[0], values[-1]
    declared = None if record is None else record["scaling"]
    if shape == "S-shaped":
        return (
            f"no scaling has the shape learned for {name}: keep warping, or narrow its range to "
            "the part where the curve is steep"
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
