"""Hashable keys of categories: equal keys mean the same category.

A declared category keeps its types: 1, 1.0 and True differ, and so do (1, 2) and [1, 2].  NaN
equals NaN.  Containers and arrays are compared by their contents.  Two estimators (objects with
``get_params``) of one class with equal parameters are the same category, as ``sklearn.clone`` has
it.  All other objects are compared by ``==``.

A value that is looked up may have changed on its way: an object was copied, a tuple went through
JSON, a number comes from NumPy.  ``IDENTITIES`` lists the rules, the strictest first.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, final

import numpy as np

from tuneplug.space.parameters import is_real

__all__ = ["COPIED", "IDENTITIES", "PLAIN", "Identity"]

#: Types whose values are compared by a hash of type and value.
PLAIN = frozenset({bool, int, float, str, bytes, type(None)})
#: Types of objects that copies share.
SHARED = (type, FunctionType, BuiltinFunctionType, ModuleType, np.ufunc)
NAN = "nan"


@final
class _Equality:
    """An object in a key: compared by ``==``, or by identity if ``==`` has no truth value."""

    __slots__ = ("_hash", "value")

    def __init__(self, value: Any, hashed: int) -> None:
        self.value, self._hash = value, hashed

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Equality) or type(self.value) is not type(other.value):
            return False
        if self.value is other.value:
            return True
        try:
            return bool(self.value == other.value)
        except (TypeError, ValueError):
            return False


@final
@dataclass(frozen=True)
class Identity:
    """A rule for which values are the same category.

    Parameters
    ----------
    by_state : bool, default False
        Whether objects are compared by class and state if their class defines no equality.  If
        False, they are compared by identity.
    as_json : bool, default False
        Whether values are the same that JSON writes alike: lists, tuples and arrays, and mappings
        with keys 1 and "1".
    by_number : bool, default False
        Whether numbers of different types are the same.
    """

    by_state: bool = False
    as_json: bool = False
    by_number: bool = False

    def key(self, value: Any) -> Hashable:
        """Return the hashable key of a value."""
        kind = type(value)
        if kind in PLAIN or isinstance(value, np.generic):
            return self._scalar_key(value)
        if isinstance(value, (list, tuple)):
            return (list if self.as_json else kind, tuple(map(self.key, value)))
        if isinstance(value, np.ndarray):
            return self._array_key(value)
        if isinstance(value, dict):
            items = ((self._name_key(name), self.key(part)) for name, part in value.items())
            return (dict if self.as_json else kind, frozenset(items))
        if isinstance(value, (set, frozenset)):
            return (kind, frozenset(map(self.key, value)))
        if self.by_number and is_real(value):
            return ("number", value)
        return self._object_key(value)

    def _scalar_key(self, value: Any) -> Hashable:
        if self.by_number and isinstance(value, np.generic):
            item = value.item()
            return self.key(float(item) if isinstance(item, np.longdouble) else item)
        kind = "number" if self.by_number and is_real(value) else type(value)
        same = bool(np.all(value == value))  # not NaN, and not NaT
        return (kind, value if same else NAN)

    def _array_key(self, array: np.ndarray[Any, Any]) -> Hashable:
        if self.as_json:
            return self.key(array.tolist())
        head = (type(array), array.dtype.str, array.shape)
        if type(array) is not np.ndarray or array.dtype.kind not in "biufc":
            return (*head, self.key(array.tolist()))
        # One pattern of bits for all NaN, and one for 0.0 and -0.0.
        canonical = (
            np.where(np.isnan(array), np.nan, array + 0) if array.dtype.kind in "fc" else array
        )
        return (*head, canonical.astype(array.dtype).tobytes())

    def _name_key(self, name: Any) -> Hashable:
        if self.as_json and type(name) in PLAIN and not isinstance(name, (str, bytes)):
            return (str, json.dumps(name))
        return self.key(name)

    def _object_key(self, value: Any) -> Hashable:
        kind: Any = type(value)
        if isinstance(value, SHARED):
            return (kind, value)
        try:
            contents = self._contents(value)
        except Exception:  # noqa: BLE001  the code of a stranger's class
            contents = None
        return _Equality(value, self._hash(value)) if contents is None else (kind, *contents)

    def _contents(self, value: Any) -> tuple[Hashable, ...] | None:
        """Return the keys of what an object consists of; None if it is compared by ``==``."""
        if (params := _own_params(value)) is not None:
            return (self._params_key(params), () if self.by_state else _learned(value))
        if self.by_state and _is_copied(value):
            return tuple(map(self.key, _state(value)))
        return None

    def _params_key(self, params: Mapping[str, Any]) -> Hashable:
        by_state = dataclasses.replace(self, by_state=True)
        return frozenset((name, by_state.key(value)) for name, value in params.items())

    def _hash(self, value: Any) -> int:
        try:
            return hash(value)
        except Exception:  # noqa: BLE001  unhashable, or the code of a stranger's class
            if not dataclasses.is_dataclass(value):
                return 0
            compared = [f.name for f in dataclasses.fields(value) if f.compare]
            return hash(tuple(self.key(getattr(value, name)) for name in compared))


#: The rule for which a copy of a category is that category.
COPIED = Identity(by_state=True)
#: Rules by which a value is looked up among the categories, the strictest first.
IDENTITIES = (
    Identity(),
    COPIED,
    Identity(by_state=True, as_json=True),
    Identity(by_state=True, as_json=True, by_number=True),
)


def _own_params(value: Any) -> Mapping[str, Any] | None:
    """Return the parameters of an estimator; None if the object is none.

    Nested estimators are among the values, so ``deep=True`` would only repeat them.
    """
    if not callable(getattr(type(value), "get_params", None)):
        return None
    params = value.get_params(deep=False)
    return params if isinstance(params, Mapping) else None


def _learned(value: Any) -> Hashable:
    """Return what tells fitted estimators with equal parameters apart."""
    state = getattr(value, "__dict__", {})
    learned = [n for n in state if n.endswith("_") and not n.startswith("_")]
    return frozenset((name, id(state[name])) for name in learned)


def _is_copied(value: Any) -> bool:
    """Return whether a copy of an object does not equal the object."""
    kind: Any = type(value)
    if kind.__hash__ is None or isinstance(value, MethodType):
        return True
    return bool(kind.__eq__ is object.__eq__)


def _state(value: Any) -> tuple[Any, ...]:
    """Return what ``copy.copy`` would restore a copy from."""
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):  # a global object
        return (reduced,)
    return tuple(list(p) if i > 2 and p is not None else p for i, p in enumerate(reduced[:5]))
