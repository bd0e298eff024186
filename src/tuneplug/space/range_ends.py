"""Advice to widen a range, if the best value lies at one of its ends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tuneplug.space.parameters import Float, Int, Parameter
from tuneplug.space.scaling import Log, Scaling

__all__ = ["end_advice"]

#: A value is at an end if it is at most this far from it, on the unit interval: a value that does
#: not matter is at one of the two ends with a probability of 5 %.
END_MARGIN = 0.025
#: A range can be widened if its scaling is defined on this much more of the scaled axis.
WIDENING = 0.1


def end_advice(parameter: Parameter, best: Any) -> str | None:
    """Return advice to widen the range if the best value lies at an end that is no natural limit.

    Natural limits are ends of the domain of the scaling, 0, the count 1 as the low end of integers,
    and 1 as the high end of a fraction: a range in [0, 1] without log scaling.

    >>> end_advice(Float(0.01, 10), 9.9)
    'best at the high end of [0.01, 10]: widen'
    """
    if not isinstance(parameter, (Float, Int)) or parameter.size == 1:
        return None
    at, low, high = parameter.to_unit([best, parameter.low, parameter.high]).tolist()
    shown = f"[{_shown(parameter.low)}, {_shown(parameter.high)}]"
    if at <= low + END_MARGIN and _can_lower(parameter):
        return f"best at the low end of {shown}: widen"
    if at >= high - END_MARGIN and _can_raise(parameter):
        return f"best at the high end of {shown}: widen"
    return None


def _shown(end: Any) -> str:
    return str(end) if isinstance(end, int) else f"{float(end):.6g}"


def _can_lower(parameter: Float | Int) -> bool:
    if parameter.low == 0 or (isinstance(parameter, Int) and parameter.low == 1):
        return False
    scaling, low, high = parameter.choice.scaling, float(parameter.low), float(parameter.high)
    return _beyond(scaling, low, high, -WIDENING) < low


def _can_raise(parameter: Float | Int) -> bool:
    scaling, low, high = parameter.choice.scaling, float(parameter.low), float(parameter.high)
    if high == 0 or (high == 1 and low >= 0 and not isinstance(scaling, Log)):
        return False
    return _beyond(scaling, low, high, 1.0 + WIDENING) > high


def _beyond(scaling: Scaling, low: float, high: float, u: float) -> float:
    """Return the value at u outside of [0, 1]; NaN if the scaling is not defined there."""
    start, stop = scaling.ends(low, high)
    try:
        with np.errstate(all="ignore"):
            value = float(scaling.inverse(np.array([start * (1.0 - u) + stop * u]))[0])
    except (ValueError, ArithmeticError):  # as the functions of math raise outside of their domain
        return math.nan
    wider = min(value, low), max(value, high)
    return value if math.isfinite(value) and scaling.error(*wider) is None else math.nan
