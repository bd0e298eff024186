"""Check and convert numbers and flags that the user gives, and copy configurations."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from tuneplug.errors import safe_repr

__all__ = [
    "CopiedOnAccess",
    "as_constraints",
    "as_cost",
    "as_real",
    "as_variance",
    "as_whole",
    "check_flag",
    "copied_on_access",
    "copy_value",
]

#: Types of values without parts that could change.
PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})
#: Types that convert to a float but are no real numbers.
NOT_NUMBERS = (bool, np.bool_, np.timedelta64, str, bytes, bytearray, complex)

_Class = TypeVar("_Class")


def as_real(
    value: Any, what: str = "the objective", *, cure: str = "return or report a float"
) -> float:
    """Convert a real number to a float.

    A real number is an instance of ``numbers.Real``, or an object without dimensions whose class
    has ``__float__``: a scalar or a 0-dimensional array of NumPy, a tensor, a ``Fraction``, a
    ``Decimal``.  Strings, booleans, complex numbers, dates and masked values are none.

    Parameters
    ----------
    value : object
    what : str
        Description of the value, for the message of an error.
    cure : str
        End of that message.

    Raises
    ------
    TypeError
        If the value is not a real number.
    ValueError
        If the conversion raises an exception, for example because the number is too large.
    """
    if type(value) is float:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0 and not np.ma.is_masked(value):
        value = value[()]
    if not _is_number(value):
        raise TypeError(f"{what} must be a real number, but got {safe_repr(value)}: {cure}")
    try:
        return float(value)
    except Exception as error:
        raise ValueError(
            f"{what} must be a number that a float can represent, but got {safe_repr(value)}: "
            f"{type(error).__name__}: {safe_repr(error, str)}"
        ) from error


def _is_number(value: Any) -> bool:
    """Return whether a value counts as a real number; no code of its class may raise an error."""
    try:
        if isinstance(value, NOT_NUMBERS) or np.ma.is_masked(value):
            return False
        if isinstance(value, Real):
            return True
        kind = str(getattr(value, "dtype", "float"))
        dimensions = getattr(value, "ndim", 0), getattr(value, "shape", ())
        known = "float" in kind or "int" in kind
        return known and hasattr(type(value), "__float__") and _are_none(*dimensions)
    except Exception:  # noqa: BLE001  a value that cannot be looked at is no number
        return False


def _are_none(ndim: Any, shape: Any) -> bool:
    """Return whether the number of dimensions is 0; a library may offer them as methods."""
    n = ndim() if callable(ndim) else ndim
    return isinstance(n, Integral) and n == 0 and (callable(shape) or tuple(shape) == ())


def as_whole(value: Any, what: str, *, cure: str = "count boosting rounds or epochs from 0") -> int:
    """Convert a whole number, such as a NumPy integer or 2.0, to an int.

    Parameters
    ----------
    value : object
    what, cure : str
        As in ``as_real``.

    Raises
    ------
    TypeError
        If the value is not a real number.
    ValueError
        If the value is not whole, or does not fit into 64 bits.
    """
    if type(value) is not int:
        message = f"{what} must be a whole number, but got {safe_repr(value)}: {cure}"
        if not _is_number(value):
            raise TypeError(message)
        number = int(value) if _is_integer(value) else as_real(value, what, cure=cure)
        if not math.isfinite(number) or number != int(number):
            raise ValueError(message)
        value = int(number)
    if abs(value) > sys.maxsize:
        raise ValueError(f"{what} must fit into 64 bits, but got {safe_repr(value)}")
    return int(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, NOT_NUMBERS)


def check_flag(name: str, value: object) -> None:
    """Raise TypeError unless the value is True or False, of Python or of NumPy."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, but got {safe_repr(value)}")


def copy_value(value: Any) -> Any:
    """Return a value such that a change of the result does not change the value.

    Containers are copied with their elements.  Any other object is copied if the copy is equal to
    it, or if it is an estimator (it has ``get_params``).  An object that equals only itself, such
    as a function, is returned as it is.
    """
    if type(value) in PLAIN:
        return value
    if type(value) is dict:
        return {key: copy_value(element) for key, element in value.items()}
    if type(value) is list:
        return list(map(copy_value, value))
    if type(value) is tuple:
        elements = tuple(map(copy_value, value))
        same = all(a is b for a, b in zip(elements, value, strict=True))
        return value if same else elements
    if type(value) is np.ndarray and value.dtype != object:
        return value.copy()
    return _copy_object(value)


def _copy_object(value: Any) -> Any:
    try:
        copied = copy.deepcopy(value)
        same = hasattr(value, "get_params") or bool(copied == value)
    except Exception:  # noqa: BLE001  the class may support neither copies nor comparisons
        return value
    return copied if same else value


class CopiedOnAccess:
    """Descriptor of an attribute that holds a dict and returns a copy of it at each access."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is None:
            return self
        return copy_value(obj.__dict__[self._name])

    def __set__(self, obj: Any, value: Mapping[str, Any]) -> None:
        obj.__dict__[self._name] = dict(value)


def copied_on_access(name: str) -> Callable[[type[_Class]], type[_Class]]:
    """Return a decorator of a class: reading the attribute returns a copy of its dict."""

    def decorate(cls: type[_Class]) -> type[_Class]:
        setattr(cls, name, CopiedOnAccess(name))
        return cls

    return decorate


def as_variance(variance: Any) -> float | None:
    """Convert a variance as ``as_cost`` does a cost."""
    return _as_finite_at_least_0(variance, "variance")


def as_cost(cost: Any) -> float | None:
    """Convert a cost to a float; None is an unknown cost.

    Raises
    ------
    TypeError
        If the cost is not a real number.
    ValueError
        If the cost is negative or not finite.
    """
    return _as_finite_at_least_0(cost, "cost")


def as_constraints(values: Any) -> tuple[float, ...] | None:
    """Convert values of constraints to floats; None for no constraints.

    Raises
    ------
    TypeError
        If they are not a sequence of real numbers.
    ValueError
        If there are none, or one is not finite.
    """
    if values is None:
        return None
    cure = "give a list with a number for each constraint, which holds if the number is at most 0"
    has_values = hasattr(values, "__iter__") and getattr(values, "ndim", None) != 0
    if isinstance(values, (str, bytes, Mapping, set)) or not has_values:
        raise TypeError(f"constraints must be a sequence, but got {safe_repr(values)}: {cure}")
    found = tuple(as_real(value, "a constraint", cure=cure) for value in values)
    if not found or not all(map(math.isfinite, found)):
        raise ValueError(
            f"constraints must be one or more finite numbers, but got {safe_repr(values)}: {cure}"
        )
    return found


def _as_finite_at_least_0(value: Any, what: str) -> float | None:
    if value is None:
        return None
    number = as_real(value, what, cure="leave it out if it is unknown")
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(
            f"{what} must be finite and not negative, but got {value!r}: leave it out if it is "
            "unknown"
        )
    return number
