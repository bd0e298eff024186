"""Search spaces as JSON documents, and back.

The document of a space has its sub-spaces, each a list of parameters in the order of declaration:

    {"version": 1, "subspaces": [[{"name": "eta", "type": "float", "low": 0, "high": 1, ...}]]}

Plain categories are kept as they are, other objects by their keys only: these must be given again.
Scalings of plugins are kept by name, with a few values that tell whether the plugin has changed.
A document is data: reading it imports nothing that it names, and evaluates nothing.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, final

import numpy as np

from tuneplug.errors import SpaceError, safe_repr
from tuneplug.space import Float, Int, Linear, Log, Parameter, ReverseLog, Scaling, SearchSpace
from tuneplug.space.categorical import Categorical
from tuneplug.space.distributions import Quantiles, as_parameter
from tuneplug.space.scaling import AUTO_NAMES, NAMED
from tuneplug.storage.categories import check_categories, repr_key
from tuneplug.storage.distributions import distribution_document, distribution_of
from tuneplug.storage.plain_values import plain_document, plain_value

__all__ = ["MakeScaling", "parameter_names", "space_document", "space_from_document"]

#: Version of the documents.
VERSION = 1
#: Relative positions of the values that identify a scaling, and the tolerance of their comparison.
PROBES = (0.25, 0.5, 0.75)
CLOSE: Mapping[str, Any] = {"rtol": 1e-9, "atol": 0.0, "equal_nan": True}
#: Types of parameters that a document can hold.
RESTORED = (Categorical, Float, Int, Quantiles)
#: Makes the scaling with a name; raises a ValueError if there is none.
MakeScaling = Callable[[str], Scaling]
Document = dict[str, Any]


def space_document(space: SearchSpace) -> Document:
    """Return a space as JSON values.

    Raises
    ------
    SpaceError
        If categories have no stable and unique key; see ``check_categories``.
    """
    check_categories(space)
    subspaces = [
        [_parameter_document(name, parameter) for name, parameter in subspace.items()]
        for subspace in space.subspaces
    ]
    return {"version": VERSION, "subspaces": subspaces}


def _parameter_document(name: str, parameter: Parameter) -> Document:
    when = [
        [parent, list(map(_category_document, values))]
        for parent, values in (parameter.when or {}).items()
    ]
    return {"name": name, "when": when, **_content_document(parameter)}


def _content_document(parameter: Parameter) -> Document:
    """Return what a type of parameters has besides name and condition."""
    if isinstance(parameter, Categorical):
        return {
            "type": "categorical",
            "categories": list(map(_category_document, parameter.values)),
        }
    if isinstance(parameter, (Float, Int)):
        ends = {"low": _number(parameter.low), "high": _number(parameter.high)}
        kind = "int" if isinstance(parameter, Int) else "float"
        return {"type": kind, **ends, "scaling": _scaling_document(parameter)}
    if isinstance(parameter, Quantiles):
        known = distribution_document(parameter.distribution)
        if known is not None:
            texts = {"label": parameter.label, "reason": parameter.reason}
            return {"type": "quantiles", "distribution": known, **texts}
        return {"type": "other", "repr": parameter.label}
    return {"type": "other", "repr": safe_repr(parameter)}


def _number(end: Any) -> float:
    return int(end) if isinstance(end, Integral) else float(end)


def _category_document(value: Any) -> Any:
    try:
        return plain_document(value)
    except TypeError:  # it is not plain
        return {"repr": repr_key(value)}


def _scaling_document(parameter: Float | Int) -> Any:
    declared = parameter.scaling
    if isinstance(declared, str):
        return declared
    if parameter.low == parameter.high:  # a constant has no scale
        return Linear.name
    if type(declared) in (Linear, Log, ReverseLog):
        return declared.name
    return {"plugin": declared.name, "at": list(map(plain_document, _probe(declared, parameter)))}


def _probe(scaling: Scaling, parameter: Float | Int) -> list[float]:
    """Return values of a range that are the same as long as the scaling is."""
    ends = float(parameter.low), float(parameter.high)
    found: list[float] = scaling.from_unit(PROBES, *ends).tolist()
    return found


def space_from_document(
    document: Any,
    given: Mapping[str, Any] | None = None,
    make_scaling: MakeScaling | None = None,
) -> SearchSpace:
    """Return the space of a document.

    Parameters
    ----------
    document : dict
        Result of ``space_document``, after a way through JSON.
    given : mapping of str to parameter, optional
        Declarations that replace those of the document, or come after them.  A replaced parameter
        keeps its condition unless the given one has its own.  With all names of the document, or
        if the space has several sub-spaces, they are the whole space.
    make_scaling : callable, optional
        Makes the scaling of a plugin from its name.  If None, no plugin has a scaling.

    Raises
    ------
    SpaceError
        If objects cannot be restored and are not given.  The message names the parameters and the
        objects.
    ValueError
        If the document is not one of a space.
    """
    subspaces = _checked_subspaces(document)
    names = {entry["name"] for subspace in subspaces for entry in subspace}
    if given is not None and (len(subspaces) > 1 or names <= given.keys()):
        return SearchSpace(given)
    reader = _Reader(given or {}, make_scaling)
    restored = [reader.subspace(subspace) for subspace in subspaces]
    if reader.missing:
        lines = "\n".join(f"  - {line}" for line in reader.missing)
        raise SpaceError(
            f"objects of a space that cannot be stored must be given again, but these are "
            f"missing:\n{lines}\ngive space= with these parameters, such as "
            f"space={{{reader.first_missing!r}: ...}}, or with all"
        )
    if given:
        return SearchSpace(restored)
    try:
        return SearchSpace(restored)
    except (SpaceError, ArithmeticError, RuntimeError, TypeError) as error:  # of scipy's functions
        raise ValueError(f"the stored space is none: {error}") from None


def parameter_names(document: Any) -> list[str]:
    """Return the names of all parameters of a document, each once, in order of declaration.

    Raises
    ------
    ValueError
        If the document is not one of a space.
    """
    subspaces = _checked_subspaces(document)
    return list(dict.fromkeys(entry["name"] for subspace in subspaces for entry in subspace))


@final
class _Reader:
    """Restores the parameters of sub-spaces, and notes the objects that are missing."""

    def __init__(self, given: Mapping[str, Any], make_scaling: MakeScaling | None) -> None:
        self._given, self._make_scaling = given, make_scaling
        self.missing: list[str] = []
        self.first_missing = ""
        self._name = ""

    def _miss(self, what: str) -> None:
        self.first_missing = self.first_missing or self._name
        self.missing.append(f"{self._name}: {what}")

    def subspace(self, entries: Sequence[Document]) -> dict[str, Any]:
        """Return the declarations of a sub-space."""
        given = dict(self._given)
        found: dict[str, Any] = {}
        for entry in entries:
            self._name = name = entry["name"]
            found[name] = _parameter(given.pop(name)) if name in given else self._content(entry)
        for entry in entries:
            self._name = name = entry["name"]
            conditional = entry["when"] and not getattr(found[name], "when", None)
            if conditional and isinstance(found[name], RESTORED):
                found[name] = replace(found[name], when=self._when(entry["when"], found))
        return found | given

    def _content(self, entry: Document) -> Parameter | None:
        """Return a parameter without its condition; None if it cannot be restored."""
        kind = entry["type"]
        if kind == "categorical":
            return self._categorical(entry["categories"])
        if kind in ("float", "int"):
            return self._range(entry)
        if kind == "quantiles":
            label, reason = entry["label"], entry["reason"]
            return Quantiles(distribution_of(entry["distribution"]), label, reason)
        self._miss(f"the parameter {entry['repr']}")
        return None

    def _categorical(self, stored: Sequence[Any]) -> Categorical | None:
        objects = [category["repr"] for category in stored if _is_key(category)]
        if objects:
            self._miss(f"the categories {', '.join(objects)}")
            return None
        return Categorical(list(map(plain_value, stored)))

    def _range(self, entry: Document) -> Float | Int | None:
        kind: type[Float] | type[Int] = Int if entry["type"] == "int" else Float
        low, high, scaling = entry["low"], entry["high"], entry["scaling"]
        if isinstance(scaling, str):
            return kind(low, high, scaling)
        name = scaling["plugin"]
        made = self._scaling(name)
        if made is None:
            return None
        parameter = kind(low, high, made)
        if parameter.errors() or not np.allclose(
            _probe(made, parameter), list(map(plain_value, scaling["at"])), **CLOSE
        ):
            self._miss(f"the scaling {name!r} as it was: that of the plugin is another function")
            return None
        return parameter

    def _scaling(self, name: str) -> Scaling | None:
        try:
            if self._make_scaling is not None:
                return self._make_scaling(name)
        except ValueError:
            pass  # no plugin has it
        self._miss(f"the scaling {name!r}, which no plugin registers")
        return None

    def _when(
        self, stored: Iterable[tuple[str, list[Any]]], found: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        conditions = {}
        for parent, values in stored:
            parameter = found.get(parent)
            known = parameter.values if isinstance(parameter, Categorical) else []
            by_key = {repr_key(category): category for category in reversed(known)}
            absent = [v["repr"] for v in values if _is_key(v) and v["repr"] not in by_key]
            if absent and parameter is not None:  # if it is None, its categories are missing
                self._miss(f"the categories {', '.join(absent)} of {parent!r} in its condition")
            conditions[parent] = [
                by_key.get(v["repr"]) if _is_key(v) else plain_value(v) for v in values
            ]
        return conditions


def _parameter(declared: Any) -> Any:
    """Return the parameter of a declaration; what is none is left to the errors of the space."""
    try:
        return as_parameter(declared)
    except ValueError:
        return declared


# ------------------------------------------------------------------ checks of a document


def _is_key(category: Any) -> bool:
    return type(category) is dict and [*category] == ["repr"]


FIELDS: Mapping[str, tuple[str, ...]] = {
    "categorical": ("categories",),
    "float": ("low", "high", "scaling"),
    "int": ("low", "high", "scaling"),
    "quantiles": ("distribution", "label", "reason"),
    "other": ("repr",),
}


def _checked_subspaces(document: Any) -> list[list[Document]]:
    """Return the sub-spaces of a document, whose every field has been checked."""
    _check_keys(document, ("version", "subspaces"), "a space")
    version = document["version"]
    known = type(version) is int and version == VERSION
    _check(known, f"its version must be {VERSION}", version)
    subspaces = document["subspaces"]
    _check(type(subspaces) is list and len(subspaces) > 0, "a space needs sub-spaces", subspaces)
    for subspace in subspaces:
        _check(type(subspace) is list, "a sub-space must be a list", subspace)
        for entry in subspace:
            _check_entry(entry)
        names = [entry["name"] for entry in subspace]
        _check(len(set(names)) == len(names), "names must be distinct", names)
    checked: list[list[Document]] = subspaces
    return checked


def _check_entry(entry: Any) -> None:
    kind = entry.get("type") if type(entry) is dict else None
    _check(type(kind) is str and kind in FIELDS, f"a type must be one of {[*FIELDS]}", entry)
    _check_keys(entry, ("name", "when", "type", *FIELDS[str(kind)]), "a parameter")
    for key in ("name", "label", "reason", "repr"):
        _check(type(entry.get(key, "")) is str, f"{key!r} must be text", entry)
    for end in ("low", "high"):
        whole = kind == "int"
        _check(_is_number(entry.get(end, 0), whole=whole), f"{end!r} must be a number", entry)
    if "scaling" in entry:
        _check_scaling(entry["scaling"])
    _check_when(entry["when"])
    _check_categories(entry.get("categories", ()))


def _check_scaling(scaling: Any) -> None:
    if type(scaling) is str:
        _check(scaling in AUTO_NAMES or scaling in NAMED, "a scaling must be known", scaling)
        return
    _check_keys(scaling, ("plugin", "at"), "a scaling")
    _check(type(scaling["plugin"]) is str, "the name of a scaling must be text", scaling)
    at = scaling["at"]
    _check(type(at) is list and len(at) == len(PROBES), "a scaling must have its values", scaling)
    _check(all(type(plain_value(value)) is float for value in at), "values must be floats", at)


def _check_when(when: Any) -> None:
    pairs = type(when) is list and all(type(pair) is list and len(pair) == 2 for pair in when)
    _check(pairs, "a condition must be a list of pairs", when)
    for parent, values in when:
        _check(type(parent) is str, "a condition must name a parameter", parent)
        _check(type(values) is list, "the values of a condition must be a list", values)
        _check_categories(values)
    names = [parent for parent, _ in when]
    _check(len(set(names)) == len(names), "the names of a condition must be distinct", names)


def _check_categories(categories: Any) -> None:
    _check(type(categories) in (list, tuple), "categories must be a list", categories)
    for category in categories:
        if _is_key(category):
            _check(type(category["repr"]) is str, "a key must be text", category)
        else:
            plain_value(category)


def _is_number(value: Any, *, whole: bool = False) -> bool:
    return type(value) is int or (not whole and type(value) is float and math.isfinite(value))


def _check_keys(document: Any, keys: Sequence[str], what: str) -> None:
    same = type(document) is dict and document.keys() == set(keys)
    _check(same, f"{what} must have the keys {[*keys]}", document)


def _check(holds: bool, rule: str, got: Any) -> None:
    if not holds:
        raise ValueError(f"the stored space cannot be read: {rule}, but got {reprlib.repr(got)}")
