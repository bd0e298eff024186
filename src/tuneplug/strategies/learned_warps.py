"""Learned warps as curves in the user's units, and advice on the declared scaling."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneplug._html import html_table
from tuneplug._typing import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.space.parameters import Parameter
from tuneplug.surrogate.fitting import TrainingData, fit_surrogate, sample_hyperparameters
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import Hyperparameters
from tuneplug.surrogate.warping import kumaraswamy

__all__ = ["WarpCurve", "WarpCurves", "warp_curves"]

N_CURVE_POINTS = 101
#: Slice sampling for the band: number of steps, burn-in, and thinning.
N_STEPS, BURN_IN, THIN = 400, 100, 4
#: Quantiles of the posterior: lower end of the band, curve, and upper end of the band.
QUANTILES = (0.05, 0.5, 0.95)
#: A band excludes the identity if it is farther than this from it, on the unit interval.
MIN_BEND = 0.05
#: Minimum effect for a shape: with a smaller effect, any warp fits equally well.
MIN_EFFECT = 0.1
#: Two scalings of a range differ if they are farther apart than this, on the unit interval.  Log
#: and linear differ if high / low is above 2.2.
MIN_CHANGE = 0.1
#: A scaling has the shape of a curve if it leaves at most this part of the distance between the
#: curve and the declared scaling.
MAX_REST = 0.5
#: Number of observed points over which the effect is averaged, and of grid points per parameter.
N_EFFECT_POINTS, N_EFFECT_STEPS = 32, 11
#: High / low of the log scale that a shape is compared with, if the range includes 0 or less.
LOG_RATIO = 100.0


@dataclass(frozen=True, repr=False)
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
        Pointwise median of the images of ``unit`` under the posterior's warps,
        w = 1 - (1 - u^a)^b.
    lower, upper : ndarray of shape (k,)
        Pointwise band that holds 90 % of the posterior's warps.  The curve lies inside.
    a, b : float
        Medians of the shape parameters of the posterior's warps; a = b = 1 is the identity.
    effect : float
        Standard deviation of the predicted loss along the parameter, with all other parameters
        fixed, in units of the standard deviation of all losses.
    shape : str or None
        Shape of scaling and warp together, in the user's units: ``"linear-like"``, ``"log-like"``,
        ``"reverse-log-like"``, or ``"S-shaped"`` if the warp stretches the middle or both ends.
        None if the band includes the declared scaling, if the parameter has little effect, or if
        none of these scalings is much closer to the curve than the declared one.
    advice : str or None
        Scaling to declare next time.  None if the shape is None, or if its scaling cannot be
        declared for the range.
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
    shape: str | None
    advice: str | None

    def __repr__(self) -> str:
        values = f"values=[{self.values[0]!r}, ..., {self.values[-1]!r}]"
        fit = f"a={self.a:.3g}, b={self.b:.3g}, effect={self.effect:.3g}"
        found = f"shape={self.shape!r}, advice={self.advice!r}"
        return f"WarpCurve({self.parameter!r}, {values}, {fit}, {found})"

    def _repr_html_(self) -> str:
        """Return a table of the shape and the advice, for notebooks."""
        return WarpCurves({self.parameter: self})._repr_html_()


class WarpCurves(dict[str, WarpCurve]):
    """Learned warps by the name of the parameter; a table in notebooks."""

    def _repr_html_(self) -> str:
        rows = [
            (
                curve.parameter,
                f"{curve.values[0]:.6g} to {curve.values[-1]:.6g}",
                f"{curve.effect:.3g}",
                curve.shape or "as declared",
                curve.advice or "",
            )
            for curve in self.values()
        ]
        heads = ("parameter", "range", "effect", "shape", "advice")
        return html_table("Learned warps", heads, rows)


def warp_curves(data: TrainingData, space: SearchSpace) -> Mapping[str, WarpCurve]:
    """Return the learned warp of each numeric parameter, by the parameter's name."""
    gp = fit_surrogate(dataclasses.replace(data, inference="map"))[0]
    samples = sample_hyperparameters(data, n=N_STEPS, burn_in=BURN_IN, thin=THIN)
    return WarpCurves(
        (space.column_names[column], _warp_curve(i, gp, samples, space))
        for i, column in enumerate(data.layout.ordered)
    )


def _warp_curve(
    i: int, gp: GaussianProcess, samples: Sequence[Hyperparameters], space: SearchSpace
) -> WarpCurve:
    """Return the curve of the i-th ordered column."""
    column = gp.layout.ordered[i]
    parameter, name = space.dimensions[column], space.column_names[column]
    low, high = parameter.unit_bounds
    unit = np.linspace(low, high, N_CURVE_POINTS)
    values = parameter.from_unit(unit)
    shapes = np.array([(sample.a[i], sample.b[i]) for sample in samples])
    lower, warped, upper = _quantiles(unit, shapes)
    a, b = np.median(shapes, axis=0)
    effect = _effect(gp, column, unit)
    shape = _shape(values, unit, (lower, warped, upper)) if effect > MIN_EFFECT else None
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
        advice=None if shape is None else _advice(name, parameter, shape, values),
    )


def _quantiles(unit: FloatArray, shapes: FloatArray) -> FloatArray:
    """Return the pointwise quantiles of the warps with the given shapes (n, 2), shape (3, k)."""
    warps = np.array([kumaraswamy(unit, a, b) for a, b in shapes])
    return np.asarray(np.quantile(warps, QUANTILES, axis=0))


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


def _shape(
    values: list[Any], unit: FloatArray, curves: tuple[FloatArray, FloatArray, FloatArray]
) -> str | None:
    """Return the name of the shape of a curve with its band; None if it has no clear shape."""
    lower, warped, upper = curves
    above, below = bool(np.any(lower > unit + MIN_BEND)), bool(np.any(upper < unit - MIN_BEND))
    if above and below:
        return "S-shaped"
    return _closest_scaling(values, unit, warped) if above or below else None


def _closest_scaling(values: list[Any], unit: FloatArray, warped: FloatArray) -> str | None:
    """Return the scaling that is much closer to the curve than the declared one, None if none."""
    distances = {
        name: float(np.abs(warped - scaled).mean())
        for name, scaled in _scaling_shapes(np.array(values, dtype=np.float64)).items()
        if np.abs(scaled - unit).max() > MIN_CHANGE
    }
    limit = MAX_REST * float(np.abs(warped - unit).mean())
    closest = min(distances, key=distances.__getitem__, default=None)
    return closest if closest is not None and distances[closest] <= limit else None


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
