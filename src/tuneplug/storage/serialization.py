"""Trials as records that JSON can hold, and back.

Plain values of a configuration (numbers, strings, booleans, None) stand for themselves.  Any other
choice is known again by how it is written, its ``repr`` or a function's qualified name, among the
choices of the space, so that the very object comes back, and choices can be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tuneplug.errors import SpaceError
from tuneplug.space import SearchSpace
from tuneplug.space.categorical import Categorical
from tuneplug.storage.base import TrialRecord
from tuneplug.trial import Trial, TrialState
from tuneplug.trial.learning_curves import Report
from tuneplug.trial.reporting import TrialReporter

__all__ = ["check_choices", "from_record", "to_record"]

#: How the ``repr`` of an object begins to give its address, which is another one tomorrow.
ADDRESS = " at 0x"

#: Attributes of a trial in its record, besides its number, state, parameters and reports.
PLAIN = (
    "origin",
    "value",
    "variance",
    "error",
    "started",
    "finished",
    "expected_improvement",
    "resource",
)
#: Attributes of the trial's reporter in its record.
REPORTED = ("stop_reason", "direction", "metric")


def to_record(trial: Trial) -> TrialRecord:
    """Return what is kept of a trial."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "params": {name: _to_json(value) for name, value in trial.params.items()},
        "reports": [[r.step, r.value, _to_builtin(r.fold)] for r in trial.reports],
        **{name: _to_builtin(getattr(trial, name)) for name in (*PLAIN, *REPORTED)},
    }


def from_record(record: TrialRecord, space: SearchSpace) -> Trial:
    """Return the trial that was kept.

    Raises
    ------
    ValueError
        If its configuration is not in the space.
    """
    kept = {name: _value(name, value, space) for name, value in record["params"].items()}
    params = space.canonical(kept)
    return Trial(
        record["number"],
        params,
        space.locate(params),
        state=TrialState(record["state"]),
        reporter=TrialReporter(
            reports=[Report(*report) for report in record["reports"]],
            **{name: record[name] for name in REPORTED},
        ),
        **{name: record[name] for name in PLAIN},
    )


def check_choices(space: SearchSpace) -> None:
    """Check that each choice can be known again.

    Raises
    ------
    SpaceError
        If one is written with an address, or as another one is.
    """
    for name in dict.fromkeys(name for branch in space.subspaces for name in branch):
        distinct = Categorical(list(_choices(name, space))).values
        kept = [k["repr"] for value in distinct if isinstance(k := _to_json(value), dict)]
        if vague := {w for w in kept if ADDRESS in w or kept.count(w) > 1}:
            raise SpaceError(
                "choices of a study that is kept must be told apart by their repr, tomorrow too, "
                f"but {name!r} has {sorted(vague)}: give their class a __repr__, or declare names "
                "and look them up in the objective"
            )


def _to_json(value: Any) -> Any:
    plain = value is None or type(value) in (bool, int, float, str)
    return value if plain else {"repr": _repr_key(value)}


def _repr_key(value: Any) -> str:
    written = repr(value)
    if ADDRESS in written and hasattr(value, "__qualname__"):  # a function
        return f"{value.__module__}.{value.__qualname__}"
    return written


def _to_builtin(value: Any) -> Any:
    """Return what JSON can hold: NumPy's scalars become Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _value(name: str, kept: Any, space: SearchSpace) -> Any:
    if not isinstance(kept, dict):
        return kept
    written = kept["repr"]
    choices = list(_choices(name, space))
    if not choices:
        return written  # the space says what is wrong with that
    for choice in choices:
        if _repr_key(choice) == written:
            return choice
    raise ValueError(f"{name}: no choice of {choices!r} is written {written}")


def _choices(name: str, space: SearchSpace) -> Iterator[Any]:
    for branch in space.subspaces:
        parameter = branch.get(name)
        if isinstance(parameter, Categorical):
            yield from parameter.values
