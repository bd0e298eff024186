"""Describe objects by what they consist of, the same in every process.

A description maps paths to texts: ``"estimator.C"`` to ``"1.0"``.  What is too long for a text,
such as the elements of an array, has a digest beside it: ``["150 values of int64", "9f2c..."]``.
Two objects are the same if their descriptions are equal.

- Numbers, strings, enumerations, data types and ranges are described by value and type.  NaN equals
  NaN.  NumPy's scalars are as Python's of the same value.
- Lists, tuples and dicts by their elements; sets and dicts without an order.
- Arrays, sparse matrices, series and frames by shape, data type, column names and elements.  The
  memory order, the byte order and the index do not count, and neither does the name of a series.
- Functions by qualified name, code, closure, and default values; functions of the standard library
  and of released packages by name only.  Global variables that a function uses do not count.
- Classes by qualified name.
- Estimators by class, parameters and metadata requests.  ``n_jobs``, ``verbose`` and the cache of a
  pipeline do not count.  What an estimator has learned counts inside of ``FrozenEstimator`` only,
  because ``clone`` drops it elsewhere.
- Random generators by their state, except NumPy's global one.
- Dataclasses by their fields; all other objects by class and by what pickle would store.
"""

from __future__ import annotations

import collections
import copyreg
import dataclasses
import enum
import functools
import json
import random
import struct
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse

from tuneplug import SearchSpace
from tuneplug.optional import is_instance_of
from tuneplug_sklearn.storing.code import (
    CODE_TEXT,
    code_digest,
    has_own_code,
    qualified_name,
)
from tuneplug_sklearn.storing.contents import array_digest, sparse_digest
from tuneplug_sklearn.storing.frames import Column, columns_of, is_frame, is_series
from tuneplug_sklearn.storing.leaves import (
    MAX_TEXT,
    Description,
    Leaf,
    digest_of,
    plain_leaf,
    shape_text,
    text_leaf,
)
from tuneplug_sklearn.storing.parts import (
    has_effect,
    is_filled,
    is_frozen_distribution,
    named_element,
    states_of,
)

__all__ = ["describe", "describe_data"]

#: Most elements and most columns that are described one by one.
MAX_ELEMENTS, MAX_COLUMNS = 100, 200
PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)
SINGLETONS = (type(Ellipsis), type(NotImplemented))
NAMED = (type, types.BuiltinFunctionType, types.BuiltinMethodType, np.ufunc)
DICTS = (dict, collections.OrderedDict, types.MappingProxyType)
FUNCTIONS = (types.FunctionType, types.MethodType)


def describe(value: Any, path: str) -> Description:
    """Return the description of an object; its paths begin with ``path``.

    Raises
    ------
    ValueError
        If a part of the object cannot be described; the message has its path.
    """
    describer = _Describer()
    describer.add(path, value)
    return describer.found


def describe_data(value: Any, path: str) -> Description:
    """Return the description of rows of data: a list is described as an array.

    Lists of strings, and rows of different lengths, are described as arrays of objects.

    Raises
    ------
    ValueError
        If an element cannot be described.
    """
    return describe(_as_array(value) if isinstance(value, (list, tuple)) else value, path)


def _as_array(rows: list[Any] | tuple[Any, ...]) -> Any:
    if not any(isinstance(row, (str, bytes)) for row in rows):
        try:
            found = np.asarray(rows)
        except ValueError:  # rows of different lengths
            pass
        else:
            if found.dtype.kind not in "US":
                return found
    objects = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        objects[i] = row
    return objects


class _Describer:
    """Collects the description of an object and of all of its parts."""

    def __init__(self, *, learned: bool = False) -> None:
        self.found: Description = {}
        self._open: dict[int, str] = {}  # objects being described, by identity
        self._learned = learned  # whether what estimators have learned counts

    def add(self, path: str, value: Any) -> None:
        """Add the description of a value.

        Raises
        ------
        ValueError
            If a part of it cannot be described.
        """
        if isinstance(value, np.generic) and not isinstance(value, np.void):
            value = _as_builtin(value)
        if type(value) in PLAIN:
            self.found[path] = plain_leaf(value)
        elif id(value) in self._open:
            self.found[path] = f"the object at {self._open[id(value)]}"
        else:
            self._open[id(value)] = path
            try:
                self._add_object(path, value)
            except _RefusalError:
                raise
            except RecursionError:
                raise _refusal(path, value, "it is nested too deeply") from None
            except Exception as error:
                raise _refusal(path, value, f"{type(error).__name__}: {error}") from error
            finally:
                del self._open[id(value)]

    def _add_object(self, path: str, value: Any) -> None:
        if isinstance(value, enum.Enum):
            self.found[path] = f"{qualified_name(type(value))}.{value.name}"
        elif isinstance(value, types.ModuleType):
            self.found[path] = f"module {value.__name__}"
        elif isinstance(value, FUNCTIONS):
            self._add_function(path, value)
        elif isinstance(value, NAMED):
            self._add_named(path, value)
        elif isinstance(value, (np.dtype, range, np.generic, *SINGLETONS)):
            self.found[path] = repr(value)
        elif is_frame(value) or is_series(value):
            self._add_columns(path, value)
        elif isinstance(value, np.ndarray):
            self.found[path] = [shape_text(value), array_digest(value, self._encode)]
        elif sparse.issparse(value):
            text = f"{shape_text(value)}, sparse"
            self.found[path] = [text, sparse_digest(value, self._encode)]
        elif type(value) in (list, tuple, collections.deque):
            self._add_elements(path, f"{type(value).__name__} of {len(value)}", value)
        elif isinstance(value, (set, frozenset)):
            parts = sorted(self._encode(part).decode("latin-1") for part in value)
            self.found[path] = [f"{type(value).__name__} of {len(parts)}", digest_of(parts)]
        elif type(value) in DICTS or is_instance_of(value, "sklearn.utils", "Bunch"):
            self._add_items(path, f"dict of {len(value)}", value)
        else:
            self._add_instance(path, value)

    def _add_instance(self, path: str, value: Any) -> None:
        kind = type(value)
        if callable(getattr(kind, "get_params", None)):
            self._add_estimator(path, value)
        elif isinstance(value, (np.random.RandomState, np.random.Generator, random.Random)):
            self._add_generator(path, value)
        elif isinstance(value, SearchSpace):
            self.found[path] = qualified_name(kind)
            self.add(f"{path}.subspaces", value.subspaces)
        elif isinstance(value, Iterator):
            raise _refusal(path, value, "its elements can be used only once", "pass a list")
        elif isinstance(value, functools.partial):
            self.found[path] = "partial"
            self.add(f"{path}.func", value.func)
            self.add(f"{path}.args", value.args)
            self.add(f"{path}.keywords", value.keywords)
        elif is_frozen_distribution(value):
            self.found[path] = qualified_name(type(value.dist))
            self.add(f"{path}.args", value.args)
            self.add(f"{path}.kwds", value.kwds)
        elif dataclasses.is_dataclass(value):
            self.found[path] = qualified_name(kind)
            for field in dataclasses.fields(value):
                self.add(f"{path}.{field.name}", getattr(value, field.name))
        elif hasattr(kind, "__array__"):
            array = np.asarray(value)
            self.found[path] = [shape_text(array), array_digest(array, self._encode)]
        else:
            self._add_state(path, value)

    # ------------------------------------------------------------------ containers and data

    def _add_elements(self, path: str, text: str, parts: Iterable[Any]) -> None:
        """Add the elements of a list; those with a name, such as steps, have its path."""
        pairs = [named_element(i, part) for i, part in enumerate(parts)]
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            pairs = [(f"[{i}]", part) for i, part in enumerate(parts)]
        elif any(name.startswith(".") for name in names):
            text = f"{text}: {', '.join(name.strip('.') for name in names)}"
        self._add_parts(path, text, pairs)

    def _add_items(self, path: str, text: str, items: Mapping[Any, Any]) -> None:
        pairs = [(f"[{self._key_text(key)}]", part) for key, part in items.items()]
        self._add_parts(path, text, sorted(pairs, key=lambda pair: pair[0]))

    def _add_parts(self, path: str, text: str, pairs: list[tuple[str, Any]]) -> None:
        """Add parts under their names, or one digest if there are many."""
        if len(pairs) <= MAX_ELEMENTS:
            self.found[path] = text_leaf(text)
            for name, part in pairs:
                self.add(path + name, part)
            return
        self.found[path] = [text, digest_of(self._encoded(path, pairs))]

    def _encoded(self, path: str, pairs: list[tuple[str, Any]]) -> Iterator[str]:
        for name, part in pairs:
            with self._apart() as found:
                self.add(path + name, part)
            yield json.dumps(found, sort_keys=True)

    def _key_text(self, key: Any) -> str:
        if type(key) in PLAIN and len(repr(key)) <= MAX_TEXT:
            return repr(key)
        return digest_of([self._encode(key).decode("latin-1")])

    @contextmanager
    def _apart(self) -> Iterator[Description]:
        """Context manager: collect the description of a part by itself."""
        found, self.found = self.found, {}
        try:
            yield self.found
        finally:
            self.found = found

    def _encode(self, element: Any) -> bytes:
        """Return bytes that stand for an element of an array or a set."""
        kind = type(element)
        if kind is str:
            text = element.encode(errors="surrogatepass")
            return b"s%d:%b" % (len(text), text)
        if kind is float and element == element:
            return b"f" + struct.pack("<d", element + 0.0)
        with self._apart() as found:
            self.add("", element)
        return b"j" + json.dumps(found, sort_keys=True).encode()

    def _add_columns(self, path: str, frame: Any) -> None:
        columns = columns_of(frame)
        leaves = [self._column_leaf(column, len(frame)) for column in columns]
        if is_series(frame):
            self.found[path] = leaves[0]
            return
        names = [self._key_text(column.name) for column in columns]
        text = f"frame of {len(frame)} rows x {len(columns)} columns"
        if len(columns) > MAX_COLUMNS or len(set(names)) < len(columns):
            self.found[path] = [text, digest_of([*names, *map(json.dumps, leaves)])]
            return
        self.found[path] = text
        self.found[f"{path}.columns"] = text_leaf(f"[{', '.join(names)}]")
        self.found |= {f"{path}[{n}]": leaf for n, leaf in zip(names, leaves, strict=True)}

    def _column_leaf(self, column: Column, n: int) -> Leaf:
        parts = [array_digest(array, self._encode) for array in column.arrays]
        digest = parts[0] if len(parts) == 1 else digest_of(parts)
        return [f"{n} values of {column.dtype}", digest]

    # ------------------------------------------------------------------ functions and objects

    def _add_named(self, path: str, value: Any) -> None:
        owner = getattr(value, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType) or isinstance(value, type):
            self.found[path] = qualified_name(value)
            return
        self.found[path] = f"method {value.__name__}"
        self.add(f"{path}.__self__", owner)

    def _add_function(self, path: str, function: Any) -> None:
        if isinstance(function, types.MethodType):
            self.found[path] = f"method {function.__name__}"
            self.add(f"{path}.__func__", function.__func__)
            self.add(f"{path}.__self__", function.__self__)
            return
        self.found[path] = qualified_name(function)
        if not has_own_code(function):
            return
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for name, cell in cells.items():
            if is_filled(cell):
                self.add(f"{path}.{name}", cell.cell_contents)
        version = f"{CODE_TEXT}{sys.version_info[0]}.{sys.version_info[1]}"
        self.found[f"{path}.__code__"] = [version, code_digest(function.__code__)]
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                self.add(f"{path}.{name}", getattr(function, name))

    def _add_generator(self, path: str, generator: Any) -> None:
        name = type(generator).__name__
        if self._learned:  # a fitted estimator draws nothing, and a copy has another state
            self.found[path] = name
            return
        if isinstance(generator, random.Random):
            state: Any = generator.getstate()
        elif isinstance(generator, np.random.Generator):
            state = generator.bit_generator.state
        elif generator is np.random.mtrand._rand:
            self.found[path] = "NumPy's global random generator"
            return
        else:
            state = generator.get_state(legacy=False)
        digest = digest_of([self._encode(state).decode("latin-1")])
        self.found[path] = [f"{name} in a state", digest]

    def _add_estimator(self, path: str, estimator: Any) -> None:
        kind = type(estimator)
        self.found[path] = qualified_name(kind)
        params = estimator.get_params(deep=False)
        for name, value in sorted(params.items()):
            if has_effect(kind, name, value):
                self._add_param(f"{path}.{name}", estimator, value)
        state = getattr(estimator, "__dict__", {})
        requests = state.get("_metadata_request")
        if requests is not None:
            self.found[f"{path}.get_metadata_routing()"] = str(requests)
        if self._learned:
            for name in sorted(state.keys() - params.keys() - {"_metadata_request"}):
                self.add(f"{path}.{name}", state[name])

    def _add_param(self, path: str, estimator: Any, value: Any) -> None:
        frozen = is_instance_of(estimator, "sklearn.frozen", "FrozenEstimator")
        before, self._learned = self._learned, self._learned or frozen
        try:
            self.add(path, value)
        finally:
            self._learned = before

    def _add_state(self, path: str, value: Any) -> None:
        """Add an object by class and by what pickle would store."""
        reducer = copyreg.dispatch_table.get(type(value))
        reduced: Any = value.__reduce_ex__(4) if reducer is None else reducer(value)
        if isinstance(reduced, str):
            self.found[path] = f"{getattr(value, '__module__', None)}.{reduced}"
            if hasattr(value, "__wrapped__"):  # by functools.cache
                self.add(f"{path}.__wrapped__", value.__wrapped__)
            return
        make, arguments, state, elements, items = (*reduced, *[None] * 5)[:5]
        self.found[path] = qualified_name(type(value))
        if getattr(make, "__name__", None) not in ("__newobj__", "_reconstructor"):
            self.add(f"{path}.__reduce__", make)
        if tuple(arguments) != (type(value),):
            self.add(f"{path}.__args__", [a for a in arguments if a is not type(value)])
        for part in states_of(state):
            if isinstance(part, dict):
                for name, of in sorted(part.items(), key=lambda item: str(item[0])):
                    self.add(f"{path}.{name}", of)
            elif part is not None:
                self.add(f"{path}.__state__", part)
        if elements is not None:
            listed = list(elements)
            self._add_elements(f"{path}.__elements__", f"{len(listed)} elements", listed)
        if items is not None:
            self._add_items(f"{path}.__items__", "items", dict(items))


def _as_builtin(scalar: Any) -> Any:
    """Return a NumPy scalar as Python's, if Python has its type without loss."""
    if isinstance(scalar, (np.datetime64, np.timedelta64, np.longdouble, np.clongdouble)):
        return scalar
    return scalar.item()


class _RefusalError(ValueError):
    """A part of an object cannot be described."""


def _refusal(
    path: str,
    value: Any,
    why: str,
    cure: str = "give its class a __getstate__ without such parts",
) -> _RefusalError:
    return _RefusalError(
        "a stored search must consist of objects with content that can be compared, but "
        f"{path} is of type {qualified_name(type(value))}, which has none ({why}): {cure}, or "
        "search without a storage"
    )
