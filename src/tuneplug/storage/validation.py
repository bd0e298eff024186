"""Check that stored settings and records have the keys and types that a study writes."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from tuneplug.storage.base import TrialRecord
from tuneplug.trial import TrialState

__all__ = ["DEFAULTS", "SETTINGS_DEFAULTS", "check_record", "check_settings"]

#: Types of parameter values that are stored as they are.
PLAIN_TYPES = (type(None), bool, int, float, str)
STATES = tuple(state.value for state in TrialState)
DIRECTIONS = ("minimize", "maximize")


def _is_int(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_count(value: Any) -> bool:
    return _is_int(value) and value >= 0


def _is_number(value: Any) -> bool:
    """Return whether a value is a number that a float can hold, also NaN and infinity."""
    return type(value) is float or (type(value) is int and abs(value) < 2**1023)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_params(value: Any) -> bool:
    return type(value) is dict and all(map(_is_param, value.values()))


def _is_param(value: Any) -> bool:
    if type(value) is dict:
        return list(value) == ["repr"] and _is_text(value["repr"])
    return type(value) in PLAIN_TYPES


def _is_reports(value: Any) -> bool:
    """Return whether a value is a list of reports whose steps increase in each fold."""
    if type(value) is not list or not all(map(_is_report, value)):
        return False
    last: dict[int | None, int] = {}
    for step, _, fold in value:
        if step <= last.get(fold, -1):
            return False
        last[fold] = step
    return True


def _is_report(value: Any) -> bool:
    if type(value) is not list or len(value) != 3:
        return False
    step, number, fold = value
    return _is_int(step) and _is_number(number) and (fold is None or _is_int(fold))


def _is_claim(value: Any) -> bool:
    pair = type(value) is list and len(value) == 2
    return pair and _is_text(value[0]) and _is_int(value[1]) and value[1] >= 1


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


Rules = Mapping[str, tuple[str, Callable[[Any], bool]]]

RECORD: Rules = {
    "number": ("an integer of at least 0", _is_count),
    "state": (f"one of {list(STATES)}", lambda value: _is_text(value) and value in STATES),
    "params": ("a dict of numbers, strings, booleans, None or {'repr': text}", _is_params),
    "reports": (
        "a list of [integer step, number, integer fold or None] with steps that increase",
        _is_reports,
    ),
    "origin": ("text", _is_text),
    "value": ("a finite number or None", _optional(_is_finite)),
    "variance": (
        "a finite number of at least 0, or None",
        _optional(lambda value: _is_finite(value) and value >= 0),
    ),
    "error": ("text or None", _optional(_is_text)),
    "started": ("a finite number or None", _optional(_is_finite)),
    "finished": ("a finite number or None", _optional(_is_finite)),
    "cost": (
        "a finite number of at least 0, or None",
        _optional(lambda value: _is_finite(value) and value >= 0),
    ),
    "constraints": (
        "a list of one or more finite numbers, or None",
        _optional(
            lambda value: type(value) is list and bool(value) and all(map(_is_finite, value))
        ),
    ),
    "expected_improvement": ("a number or None", _optional(_is_number)),
    "resource": ("an integer or None", _optional(_is_int)),
    "fidelity": ("a number above 0 and at most 1", lambda v: _is_finite(v) and 0 < v <= 1),
    "claim": ("[text, integer of at least 1] or None", _optional(_is_claim)),
    "attributes": ("a dict", lambda value: type(value) is dict),
    "stop_reason": ("text or None", _optional(_is_text)),
    "direction": (
        f"one of {list(DIRECTIONS)}, or None",
        _optional(lambda value: _is_text(value) and value in DIRECTIONS),
    ),
    "metric": ("text or None", _optional(_is_text)),
}

#: Values of keys that records lack if an earlier tuneplug wrote them.
DEFAULTS: dict[str, Any] = {
    "cost": None,
    "constraints": None,
    "fidelity": 1.0,
    "claim": None,
    "attributes": {},
}

SETTINGS: Rules = {
    "direction": (f"one of {list(DIRECTIONS)}", lambda v: _is_text(v) and v in DIRECTIONS),
    "seed": ("an integer of at least 0", lambda value: type(value) is int and value >= 0),
    "attributes": ("a dict", lambda value: type(value) is dict),
    "space": ("a dict or None", _optional(lambda value: type(value) is dict)),
}
#: Values of keys that settings lack if an earlier tuneplug wrote them.
SETTINGS_DEFAULTS: dict[str, Any] = {"attributes": {}, "space": None}


def check_settings(settings: Any) -> None:
    """Check the settings of a study.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or a value breaks its rule.
    """
    _check(SETTINGS_DEFAULTS | settings if type(settings) is dict else settings, SETTINGS)


def check_record(record: TrialRecord, number: int) -> None:
    """Check the record of the trial with this number.

    Raises
    ------
    ValueError
        If a key is missing or unknown, a value breaks its rule, or the values contradict each
        other.
    """
    _check(DEFAULTS | record if type(record) is dict else record, RECORD)
    if record["number"] != number:
        raise ValueError(f"'number' must be {number}, but got {record['number']}")
    state, value = record["state"], record["value"]
    if state == TrialState.COMPLETE.value and value is None:
        raise ValueError("'value' of a complete trial must be a finite number, but got None")
    for key in ("value", "cost", "constraints"):
        if state == TrialState.RUNNING.value and record.get(key) is not None:
            raise ValueError(f"{key!r} of a running trial must be None, but got {record[key]!r}")


def _check(document: Any, rules: Rules) -> None:
    if type(document) is not dict:
        raise ValueError(f"it must be a dict, but got {reprlib.repr(document)}")
    if document.keys() != rules.keys():
        missing = sorted(rules.keys() - document.keys())
        unknown = sorted(map(reprlib.repr, document.keys() - rules.keys()))
        raise ValueError(
            f"its keys must be {list(rules)}, but {missing} are missing and [{', '.join(unknown)}] "
            "are unknown"
        )
    for key, (rule, holds) in rules.items():
        if not holds(document[key]):
            raise ValueError(f"{key!r} must be {rule}, but got {reprlib.repr(document[key])}")
