"""The fingerprint of a search: what decides whether a stored search is the same search.

A fingerprint is a dict of JSON values::

    {"format": 1, "parts": {...}, "space": {...}, "versions": {...}}

``parts`` is the description of estimator, scoring, splitter, settings, data and fit parameters; see
``tuneplug_sklearn.storing.descriptions``.  ``space`` has the ends or categories of each parameter,
because ranges may widen and categories may be added.  ``versions`` of libraries may change.

What only decides which candidates are tried, or when the search ends, is no part of it: number of
candidates, workers, time budgets, callbacks, ``verbose``, ``refit``, strategy, stopping rule,
racing and completion rules.  What decides the result of a fit is: ``settings`` should have
``error_score``, ``return_train_score``, ``validation_fraction``, ``monitor``, the metric that
drives the search, the resource with its levels, ``random_state`` if it is an int, and
``constraints`` if there are any.
"""

from __future__ import annotations

import json
import platform
import reprlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tuneplug
from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.space import Parameter
from tuneplug_sklearn.storing.contents import new_hash
from tuneplug_sklearn.storing.descriptions import describe, describe_data
from tuneplug_sklearn.storing.leaves import Description, Leaf, same_leaf

__all__ = [
    "Fingerprint",
    "SearchDefinition",
    "changed_versions",
    "check_fingerprint",
    "compare",
    "fingerprint_key",
    "make_fingerprint",
]

Fingerprint = dict[str, Any]

FORMAT = 1
#: Libraries whose versions are kept even if no object of theirs is in the search.
LIBRARIES = ("numpy", "scipy", "sklearn", "pandas", "polars")
#: Keys of a parameter's record: the values that may be added, and all else.
ENDS, CATEGORIES, REST = "ends", "categories", "rest"
STORED_FOLDS = "an iterator, whose folds are stored"
ABSENT = "absent"


@dataclass(frozen=True)
class SearchDefinition:
    """What decides the results of the fits of a search.

    Attributes
    ----------
    estimator : estimator
    space : SearchSpace
    scoring, cv : object
        Arguments of the search.
    settings : mapping of str to object
        Further arguments that decide results.
    X, y : array-like
    params : mapping of str to object
        Parameters of ``fit``, such as groups and sample weights.
    """

    estimator: Any
    space: SearchSpace
    scoring: Any
    cv: Any
    settings: Mapping[str, Any]
    X: Any
    y: Any
    params: Mapping[str, Any]


# ------------------------------------------------------------------ make


def make_fingerprint(definition: SearchDefinition) -> Fingerprint:
    """Return the fingerprint of a search.

    Raises
    ------
    ValueError
        If an object has no content that can be compared; the message has its path.
    """
    parts = describe(definition.estimator, "estimator")
    parts |= describe(definition.scoring, "scoring")
    parts |= _describe_cv(definition.cv)
    for name, value in definition.settings.items():
        parts |= describe(value, name)
    parts |= describe_data(definition.X, "X") | describe_data(definition.y, "y")
    for name, value in definition.params.items():
        parts |= _describe_fit_param(value, f"fit_params.{name}")
    space = _describe_space(definition.space)
    return {"format": FORMAT, "parts": parts, "space": space, "versions": _versions(parts)}


def fingerprint_key(fingerprint: Fingerprint) -> str:
    """Return a name for searches with equal parts and parameters, as hexadecimal text.

    The ranges of the parameters do not count: a search whose ranges were widened has the same key.
    """
    hashed = new_hash("key")
    named = [fingerprint["format"], fingerprint["parts"], sorted(fingerprint["space"])]
    hashed.update(json.dumps(named, sort_keys=True).encode())
    return hashed.hexdigest()


def _describe_cv(cv: Any) -> Description:
    if hasattr(cv, "split"):
        return describe(cv, "cv")
    if isinstance(cv, Iterator):
        return {"cv": STORED_FOLDS}
    if isinstance(cv, Sequence) and not isinstance(cv, str):
        folds = [tuple(np.asarray(rows) for rows in fold) for fold in cv]
        return describe(folds, "cv")
    return describe(cv, "cv")


def _describe_fit_param(value: Any, path: str) -> Description:
    """Return the description of a parameter of ``fit``: a list of numbers is an array."""
    numbers = isinstance(value, (list, tuple)) and all(
        isinstance(element, (bool, int, float, str, np.generic)) for element in value
    )
    return (describe_data if numbers else describe)(value, path)


def _describe_space(space: SearchSpace) -> dict[str, dict[str, Any]]:
    several = len(space.subspaces) > 1
    return {
        f"space[{number}].{name}" if several else f"space.{name}": _parameter_record(parameter)
        for number, subspace in enumerate(space.subspaces)
        for name, parameter in subspace.items()
    }


def _parameter_record(parameter: Parameter) -> dict[str, Any]:
    kind = {"type": type(parameter).__name__}
    if isinstance(parameter, (Float, Int)):
        number = float if isinstance(parameter, Float) else int
        rest = describe(parameter.scaling, "scaling") | describe(parameter.when, "when")
        return {**kind, ENDS: [number(parameter.low), number(parameter.high)], REST: rest}
    if isinstance(parameter, Categorical):
        values = [_category_leaf(value) for value in parameter.values]
        return {**kind, CATEGORIES: values, REST: describe(parameter.when, "when")}
    return {**kind, REST: describe(parameter, "declaration")}


def _category_leaf(value: Any) -> Leaf:
    description = describe(value, "")
    if len(description) == 1:
        return description[""]
    hashed = new_hash("category")
    hashed.update(json.dumps(description, sort_keys=True).encode())
    return [str(description[""]), hashed.hexdigest()]


def _versions(parts: Description) -> dict[str, str]:
    """Return the versions of Python, tuneplug, and the libraries of the described objects."""
    named = {leaf.partition(".")[0] for leaf in parts.values() if isinstance(leaf, str)}
    versions = {"python": platform.python_version(), "tuneplug": tuneplug.__version__}
    for library in sorted({*LIBRARIES, *named}):
        version = getattr(sys.modules.get(library), "__version__", None)
        if isinstance(version, str):
            versions[library] = version
    return versions


# ------------------------------------------------------------------ compare


def compare(stored: Fingerprint, current: Fingerprint) -> list[str]:
    """Return how a search differs from a stored one, one line each; an empty list if it does not.

    Ranges may be wider than the stored ones, and categories may have been added.  Of parts within
    a part that differs itself, such as the parameters of another estimator, nothing is said.

    Raises
    ------
    ValueError
        If ``stored`` is no fingerprint.
    """
    check_fingerprint(stored)
    return [
        *_part_differences(stored["parts"], current["parts"]),
        *_space_differences(stored["space"], current["space"]),
    ]


def changed_versions(stored: Fingerprint, current: Fingerprint) -> list[str]:
    """Return which libraries have other versions than in a stored search, one line each.

    Raises
    ------
    ValueError
        If ``stored`` is no fingerprint.
    """
    check_fingerprint(stored)
    old, new = stored["versions"], current["versions"]
    common = [name for name in old if name in new and old[name] != new[name]]
    return [f"{name}: {old[name]}, now {new[name]}" for name in common]


def _part_differences(old: Description, new: Description) -> Iterator[str]:
    differing: list[str] = []
    for path in sorted({*old, *new}):
        if same_leaf(old.get(path), new.get(path)) or any(_within(path, d) for d in differing):
            continue
        differing.append(path)
        yield f"{path}: {_change(old.get(path), new.get(path))}"


def _within(path: str, outer: str) -> bool:
    return path.startswith((f"{outer}.", f"{outer}["))


def _change(old: Leaf | None, new: Leaf | None) -> str:
    before, after = _text(old), _text(new)
    return f"{before}, now other content" if before == after else f"{before}, now {after}"


def _text(leaf: Leaf | None) -> str:
    if leaf is None:
        return ABSENT
    return leaf if isinstance(leaf, str) else leaf[0]


def _space_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if before is None or after is None or not _covers(before, after):
            yield f"{path}: {_summary(before)}, now {_summary(after)}"
            continue
        for line in _part_differences(before[REST], after[REST]):
            yield f"{path}.{line}"


def _covers(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether all values of a stored parameter are values of the new one."""
    if old["type"] != new["type"]:
        return False
    if ENDS in old:
        return bool(new[ENDS][0] <= old[ENDS][0] and old[ENDS][1] <= new[ENDS][1])
    return all(any(same_leaf(v, w) for w in new[CATEGORIES]) for v in old.get(CATEGORIES, ()))


def _summary(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return ABSENT
    if ENDS in record:
        return f"{record['type']}({record[ENDS][0]!r}, {record[ENDS][1]!r})"
    if CATEGORIES in record:
        return f"{record['type']} of {', '.join(map(_text, record[CATEGORIES]))}"
    return str(record["type"])


# ------------------------------------------------------------------ check


def check_fingerprint(document: Any) -> None:
    """Check a fingerprint that was read from a storage.

    Raises
    ------
    ValueError
        If it is not one that ``make_fingerprint`` returns.
    """
    if type(document) is not dict or document.get("format") != FORMAT:
        raise ValueError(
            f"a fingerprint must be a dict with format={FORMAT}, but got {reprlib.repr(document)}"
        )
    _require(
        document.keys() == {"format", "parts", "space", "versions"}
        and _is_description(document["parts"])
        and _is_mapping(document["versions"], _is_text)
        and _is_mapping(document["space"], _is_record),
        document,
    )


def _require(holds: bool, document: Any) -> None:
    if not holds:
        raise ValueError(
            "a fingerprint must have texts and digests of its parts, the space and versions, but "
            f"got {reprlib.repr(document)}"
        )


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_leaf(value: Any) -> bool:
    return _is_text(value) or (
        type(value) is list and len(value) == 2 and all(map(_is_text, value))
    )


def _is_mapping(value: Any, is_value: Any) -> bool:
    return type(value) is dict and all(_is_text(k) and is_value(v) for k, v in value.items())


def _is_description(value: Any) -> bool:
    return _is_mapping(value, _is_leaf)


def _is_record(value: Any) -> bool:
    if type(value) is not dict or not _is_text(value.get("type")):
        return False
    rest = value.keys() - {"type", REST}
    if REST not in value or not _is_description(value[REST]):
        return False
    if value["type"] in ("Float", "Int"):
        return rest == {ENDS} and _is_ends(value[ENDS])
    if value["type"] == "Categorical":
        values = value.get(CATEGORIES)
        return rest == {CATEGORIES} and type(values) is list and all(map(_is_leaf, values))
    return not rest


def _is_ends(value: Any) -> bool:
    return (
        type(value) is list and len(value) == 2 and all(type(end) in (int, float) for end in value)
    )
