"""Convert the result of one fit to JSON values, and back.

A result is what the worker returns: scikit-learn's dict, with ``"fit_record"`` if the fit was
monitored, ``"score_error"`` if the scorer raised, and ``"constraints"`` if there are any.  NaN and
infinity are kept as floats, which Python's ``json`` reads and writes.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from tuneplug.stopping import Report
from tuneplug_sklearn.monitored_fit import FitRecord

__all__ = ["decode_result", "encode_result"]

TEST, TRAIN = "test_scores", "train_scores"
#: Keys of the fit's record, and the key of the scorer's traceback.
RECORD, SCORE_ERROR = "fit_record", "score_error"
#: Key of the values of the constraints.
CONSTRAINTS = "constraints"
REQUIRED = (TEST, "fit_time", "score_time", "n_test_samples", "fit_error")
OPTIONAL = (TRAIN, RECORD, SCORE_ERROR, CONSTRAINTS)
DIRECTIONS = ("minimize", "maximize")


def encode_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of one fit as JSON values.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or a score is no number that a float can hold.
    """
    document = dict(result)
    try:
        for name in (TEST, TRAIN):
            if name in document:
                document[name] = _encode_scores(document[name])
        for name in ("fit_time", "score_time"):
            document[name] = float(document[name])
        document["n_test_samples"] = int(document["n_test_samples"])
        if RECORD in document:
            document[RECORD] = _encode_record(document[RECORD])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"a result must have scores and times as numbers, but got {reprlib.repr(document)}: "
            f"{type(error).__name__}: {error}"
        ) from error
    _check(document, RULES, OPTIONAL)
    return document


def decode_result(document: Any) -> dict[str, Any]:
    """Return the result of one fit that was encoded; the document is not changed.

    Raises
    ------
    ValueError
        If it is not what ``encode_result`` returns.
    """
    _check(document, RULES, OPTIONAL)
    result = dict(document)
    if RECORD in result and result[RECORD] is not None:
        stored = result[RECORD]
        result[RECORD] = FitRecord(
            **{**stored, "reports": [Report(*report) for report in stored["reports"]]}
        )
    for name in (TEST, TRAIN):
        if isinstance(result.get(name), dict):
            result[name] = dict(result[name])
    return result


def _encode_scores(scores: Any) -> Any:
    if isinstance(scores, Mapping):
        return {name: float(score) for name, score in scores.items()}
    return float(scores)


def _encode_record(record: FitRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    reports = [[int(step), float(value), fold] for step, value, fold in record.reports]
    n_rounds = None if record.n_rounds is None else int(record.n_rounds)
    return {**vars(record), "reports": reports, "n_rounds": n_rounds, "notes": list(record.notes)}


# ------------------------------------------------------------------ checks


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**1023)


def _is_int(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_count(value: Any) -> bool:
    return _is_int(value) and value >= 0


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_scores(value: Any) -> bool:
    if type(value) is dict:
        return bool(value) and all(_is_text(k) and _is_number(v) for k, v in value.items())
    return _is_number(value)


def _is_constraints(value: Any) -> bool:
    return (
        type(value) is list
        and bool(value)
        and all(_is_number(number) and math.isfinite(number) for number in value)
    )


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _is_report(value: Any) -> bool:
    if type(value) is not list or len(value) != 3:
        return False
    step, number, fold = value
    return _is_count(step) and _is_number(number) and (fold is None or _is_count(fold))


def _is_reports(value: Any) -> bool:
    return type(value) is list and all(map(_is_report, value))


def _is_notes(value: Any) -> bool:
    return type(value) is list and all(map(_is_text, value))


def _is_direction(value: Any) -> bool:
    return value is None or (_is_text(value) and value in DIRECTIONS)


Rules = Mapping[str, tuple[str, Callable[[Any], bool]]]
TEXT = ("text or None", _optional(_is_text))
NUMBER = ("a number", _is_number)
SCORES = ("a number, or a dict of numbers by name", _is_scores)

RECORD_RULES: Rules = {
    "reports": ("a list of [step, number, fold or None]", _is_reports),
    "metric": TEXT,
    "direction": (f"one of {list(DIRECTIONS)}, or None", _is_direction),
    "stop_reason": TEXT,
    "n_rounds": ("an integer of at least 0, or None", _optional(_is_count)),
    "notes": ("a list of texts", _is_notes),
    "failure": TEXT,
}


def _is_record(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() == RECORD_RULES.keys()
        and all(holds(value[key]) for key, (_, holds) in RECORD_RULES.items())
    )


RULES: Rules = {
    TEST: SCORES,
    TRAIN: SCORES,
    "fit_time": NUMBER,
    "score_time": NUMBER,
    "n_test_samples": ("an integer of at least 0", _is_count),
    "fit_error": TEXT,
    RECORD: ("the record of a monitored fit, or None", _optional(_is_record)),
    SCORE_ERROR: TEXT,
    CONSTRAINTS: ("a list of one or more finite numbers", _is_constraints),
}


def _check(document: Any, rules: Rules, optional: tuple[str, ...]) -> None:
    if type(document) is not dict:
        raise ValueError(f"a stored result must be a dict, but got {reprlib.repr(document)}")
    missing = sorted(rules.keys() - document.keys() - set(optional))
    unknown = sorted(map(reprlib.repr, document.keys() - rules.keys()))
    if missing or unknown:
        raise ValueError(
            f"a stored result must have the keys {list(REQUIRED)}, but {missing} are missing and "
            f"[{', '.join(unknown)}] are unknown"
        )
    for key, value in document.items():
        rule, holds = rules[key]
        if not holds(value):
            raise ValueError(f"{key!r} of a result must be {rule}, but got {reprlib.repr(value)}")
