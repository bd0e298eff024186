"""Read and write ``ParameterRanges``: numbers are text there, and numbers here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any

from tuneplug import Categorical, Float, Int
from tuneplug.space import Linear, Log, Parameter, ReverseLog

__all__ = ["KINDS", "as_text", "number_text", "read_ranges", "with_scaling_types", "write_ranges"]

#: Maximum number of categories, and of ranges of each kind.
MAX_CATEGORIES = MAX_RANGES = 30
#: Service's spelling of the scalings; a range without one has tuneplug's "auto".
SCALING_TYPES = {
    "auto": "Auto",
    "Auto": "Auto",
    "linear": "Linear",
    "Linear": "Linear",
    "log": "Logarithmic",
    "Logarithmic": "Logarithmic",
    "reverse_log": "ReverseLogarithmic",
    "ReverseLogarithmic": "ReverseLogarithmic",
    Linear(): "Linear",
    Log(): "Logarithmic",
    ReverseLog(): "ReverseLogarithmic",
}
TWICE = "a name must have one range, but has several"
KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")


def as_text(value: Any) -> str:
    """Return a value as the service passes it to a training job."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    return repr(float(value)) if isinstance(value, float) else str(value)


def number_text(text: str) -> str:
    """Return the text of a number, unchanged.

    Raises
    ------
    ValueError
        If only Python reads it as a number, such as ``"1_000"``.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is no number")
    return text


# ---------------------------------------------------------------------- reading


def read_ranges(ranges: Mapping[str, Any]) -> tuple[dict[str, Parameter], list[str]]:
    """Return the parameters of ``ParameterRanges``, and the errors of invalid ranges."""
    space: dict[str, Parameter] = {}
    errors = []
    for kind in KINDS:
        for declared in ranges.get(kind, ()):
            name = declared["Name"]
            if name in space and f"{name}: {TWICE}" not in errors:
                errors.append(f"{name}: {TWICE}")
            try:
                space[name] = _parameter(kind, declared)
            except ValueError as error:
                errors.append(f"{name}: {error}")
    return space, errors


def _parameter(kind: str, declared: Mapping[str, Any]) -> Parameter:
    if kind == "CategoricalParameterRanges":
        return Categorical(list(declared["Values"]))
    number = _integer if kind == "IntegerParameterRanges" else _real
    low, high = (number(declared[end], end) for end in ("MinValue", "MaxValue"))
    cls = Int if kind == "IntegerParameterRanges" else Float
    parameter: Parameter = cls(low, high, declared.get("ScalingType", "auto"))  # type: ignore[arg-type]
    if errors := parameter.errors():
        raise ValueError("; ".join(errors))
    return parameter


def _integer(text: str, end: str) -> int:
    try:
        return int(number_text(text))
    except ValueError:
        raise ValueError(f"{end} must be an integer as text, but got {text!r}") from None


def _real(text: str, end: str) -> float:
    try:
        value = float(number_text(text))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{end} must be a finite number as text, but got {text!r}")
    return value


# ---------------------------------------------------------------------- writing


def write_ranges(space: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return parameters as ``ParameterRanges``.

    Raises
    ------
    ValueError
        If the service lacks what a parameter has.  The message lists all errors.
    """
    ranges: dict[str, Any] = {}
    errors = []
    for name, parameter in space.items():
        errors += [f"{name}: {error}" for error in _unsupported(parameter)]
    for name, parameter in () if errors else space.items():
        kind, declared = _declared(parameter)
        ranges.setdefault(kind, []).append({"Name": name, **declared})
    errors += [
        f"at most {MAX_RANGES} {kind} are possible, but got {len(declared)}"
        for kind, declared in ranges.items()
        if len(declared) > MAX_RANGES
    ]
    if errors:
        raise ValueError(f"the service has no such ranges: {'; '.join(errors)}")
    return ranges


def _unsupported(parameter: Parameter) -> Iterator[str]:
    if not isinstance(parameter, (Int, Float, Categorical)):
        yield f"only Float, Int and Categorical can be written, but got {parameter!r}"
        return
    if parameter.when:
        yield f"conditions cannot be written, but got when={dict(parameter.when)!r}"
    if isinstance(parameter, Categorical):
        yield from _unsupported_categories(list(parameter.choices))
    elif _scaling_type(parameter) is None:
        yield f"the service has no scaling {parameter.scaling!r}"


def _unsupported_categories(choices: list[Any]) -> Iterator[str]:
    if len(choices) > MAX_CATEGORIES:
        yield f"at most {MAX_CATEGORIES} categories are possible, but got {len(choices)}"
    if other := [choice for choice in choices if not isinstance(choice, str)]:
        yield f"categories must be text, but got {other[:5]!r}: declare them as text"


def _scaling_type(parameter: Int | Float) -> str | None:
    try:
        return SCALING_TYPES.get(parameter.scaling)
    except TypeError:  # a scaling that cannot be hashed is none of the service's
        return None


def with_scaling_types(space: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return parameters whose "auto" has the service's spelling, so that it is written."""
    return {
        name: replace(parameter, scaling="Auto")
        if isinstance(parameter, (Int, Float)) and parameter.scaling == "auto"
        else parameter
        for name, parameter in space.items()
    }


def _declared(parameter: Parameter) -> tuple[str, dict[str, Any]]:
    if isinstance(parameter, Categorical):
        return "CategoricalParameterRanges", {"Values": list(parameter.choices)}
    assert isinstance(parameter, (Int, Float)), "checked before"
    kind = "IntegerParameterRanges" if isinstance(parameter, Int) else "ContinuousParameterRanges"
    number = int if isinstance(parameter, Int) else float
    ends = {
        "MinValue": as_text(number(parameter.low)),
        "MaxValue": as_text(number(parameter.high)),
    }
    if parameter.scaling == "auto":  # the service's default
        return kind, ends
    return kind, {**ends, "ScalingType": _scaling_type(parameter)}
