"""Trials as records that JSON can hold, and back.

Plain values of a setting (numbers, strings, booleans, None) stand for themselves.  Any other choice
is known again by its ``repr`` among the choices of the space, so that the very object comes back,
and choices can be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tuneplug.categorical import Categorical
from tuneplug.curves import Report
from tuneplug.space import SearchSpace
from tuneplug.storage.base import Record
from tuneplug.trial import Trial, TrialState

__all__ = ["from_record", "to_record"]

#: What a trial is kept by, besides its number, state, setting and reports.
PLAIN = (
    "origin",
    "value",
    "variance",
    "error",
    "stop_reason",
    "started",
    "finished",
    "expected_gain",
    "resource",
    "direction",
    "metric",
)


def to_record(trial: Trial) -> Record:
    """Return what is kept of a trial."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "params": {name: _kept(value) for name, value in trial.params.items()},
        "reports": [[report.step, report.value, report.fold] for report in trial.reports],
        **{name: getattr(trial, name) for name in PLAIN},
    }


def from_record(record: Record, space: SearchSpace) -> Trial:
    """Return the trial that was kept.

    Raises
    ------
    ValueError
        If its setting is not in the space.
    """
    params = {name: _value(name, kept, space) for name, kept in record["params"].items()}
    unit = space.snap(space.encode(params)[None, :])[0]
    return Trial(
        record["number"],
        space.canonical(params),
        unit,
        state=TrialState(record["state"]),
        reports=[Report(*report) for report in record["reports"]],
        **{name: record[name] for name in PLAIN},
    )


def _kept(value: Any) -> Any:
    plain = value is None or type(value) in (bool, int, float, str)
    return value if plain else {"repr": repr(value)}


def _value(name: str, kept: Any, space: SearchSpace) -> Any:
    if not isinstance(kept, dict):
        return kept
    written = kept["repr"]
    choices = list(_choices(name, space))
    if not choices:
        return written  # the space says what is wrong with that
    for choice in choices:
        if repr(choice) == written:
            return choice
    raise ValueError(f"{name}: no choice of {choices!r} is written {written}")


def _choices(name: str, space: SearchSpace) -> Iterator[Any]:
    for branch in space.branches:
        parameter = branch.get(name)
        if isinstance(parameter, Categorical):
            yield from parameter.values
