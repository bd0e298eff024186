"""Validate documents against botocore's model of the service, and the rules botocore ignores.

botocore checks names, types and minima.  Enumerations, patterns and maxima are in its model as
well, but only the service checks them; here they are checked, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tuneplug_sagemaker._compat import BOTOCORE

__all__ = ["service_shape", "validate"]

#: Unicode classes of the model's patterns, in the syntax of Python's expressions.
SEPARATORS = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": SEPARATORS}

#: Bits of the model's integers without the sign.
BITS = {"integer": 31, "long": 63}


@cache
def _service() -> Any:
    with BOTOCORE.required_by("validate()"):
        from botocore.loaders import Loader
        from botocore.model import ServiceModel
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def service_shape(name: str) -> Any:
    """Return a shape of the service model, such as ``"ParameterRanges"``."""
    return _service().shape_for(name)


def validate(
    document: Mapping[str, Any], shape: str = "CreateHyperParameterTuningJobRequest"
) -> None:
    """Raise if a document breaks a rule of the service's model.

    Parameters
    ----------
    document : mapping
    shape : str, default "CreateHyperParameterTuningJobRequest"
        Name of the shape in the model.

    Raises
    ------
    ValueError
        If a field is missing or unknown, or has a wrong type, length, size or value.  The message
        lists all errors.
    MissingDependencyError
        If botocore is not installed.

    Examples
    --------
    >>> validate({"Type": "maximise", "MetricName": "auc"}, "HyperParameterTuningJobObjective")
    Traceback (most recent call last):
    ValueError: HyperParameterTuningJobObjective must follow the model of the service: \
Type must be one of ['Maximize', 'Minimize'], but got 'maximise'
    """
    model = service_shape(shape)
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(document, model).generate_report()
    errors = [line for line in report.splitlines() if line]
    errors += _errors(document, model, "")
    if errors:
        raise ValueError(f"{shape} must follow the model of the service: {'; '.join(errors)}")


def _errors(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Yield what botocore does not check; wrong types are left to botocore."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        for name in value:
            if name in shape.members:
                yield from _errors(value[name], shape.members[name], f"{path}.{name}".lstrip("."))
    elif kind == "list" and isinstance(value, (list, tuple)):
        yield from _too_large(len(value), shape, f"the number of elements of {path}")
        for i, element in enumerate(value):
            yield from _errors(element, shape.member, f"{path}[{i}]")
    elif kind == "map" and isinstance(value, Mapping):
        yield from _too_large(len(value), shape, f"the number of elements of {path}")
        for key, element in value.items():
            yield from _errors(key, shape.key, f"key {key!r} of {path}")
            yield from _errors(element, shape.value, f"{path}[{key!r}]")
    elif kind == "string" and isinstance(value, str):
        yield from _string_errors(value, shape, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _number_errors(value, shape, path)


def _too_large(size: float, shape: Any, what: str) -> Iterator[str]:
    largest = shape.metadata.get("max")
    if largest is not None and size > largest:
        yield f"{what} must be at most {largest}, but got {size}"


def _string_errors(value: str, shape: Any, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{path} must be one of {_shown(shape.enum)}, but got {value!r}"
    long = list(_too_large(len(value), shape, f"the length of {path}"))
    yield from long
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not long and not _expression(pattern).fullmatch(value):
        yield f"{path} must match {pattern!r}, but got {value!r}"


def _number_errors(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(value, bool):
        yield f"{path} must be a number, but got {value!r}"
    elif isinstance(value, (int, float)) and not math.isfinite(value):
        yield f"{path} must be finite, but got {value!r}"
    elif shape.type_name in BITS and isinstance(value, int) and value >= 1 << BITS[shape.type_name]:
        yield f"{path} must be less than 2^{BITS[shape.type_name]}, but got {value}"
    elif isinstance(value, (int, float)):
        yield from _too_large(value, shape, path)


def _shown(names: list[str]) -> str:
    return str(names) if len(names) <= 10 else f"the {len(names)} values of the model"


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    for name, translated in UNICODE_CLASSES.items():
        pattern = pattern.replace(name, translated)
    return re.compile(pattern)
