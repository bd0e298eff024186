"""Convert trials to records of JSON values, and back.

Plain parameter values (numbers, strings, booleans, None) are stored as they are.  Any other
category is stored as its key: its ``repr``, or the qualified name of a function.  It is restored as
the category of the space with the same key.  Categories can be added to the space later.
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

__all__ = ["check_categories", "from_record", "to_record"]

#: Start of the address in the ``repr`` of an object; it differs between processes.
ADDRESS = " at 0x"

#: Attributes of a trial in its record, in addition to number, state, parameters and reports.
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
#: Attributes of the reporter of a trial in its record.
REPORTED = ("stop_reason", "direction", "metric")


def to_record(trial: Trial) -> TrialRecord:
    """Return the record of a trial."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "params": {name: _to_json(value) for name, value in trial.params.items()},
        "reports": [[r.step, r.value, _to_builtin(r.fold)] for r in trial.reports],
        **{name: _to_builtin(getattr(trial, name)) for name in (*PLAIN, *REPORTED)},
    }


def from_record(record: TrialRecord, space: SearchSpace) -> Trial:
    """Return the trial of a record.

    Raises
    ------
    ValueError
        If the configuration is not in the space.
    """
    restored = {name: _from_json(name, value, space) for name, value in record["params"].items()}
    params = space.canonical(restored)
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


def check_categories(space: SearchSpace) -> None:
    """Check that the key of each category is unique and the same in every process.

    Raises
    ------
    SpaceError
        If a key contains an address, or if two categories of a parameter have the same key.
    """
    for name in dict.fromkeys(name for subspace in space.subspaces for name in subspace):
        distinct = Categorical(list(_categories(name, space))).values
        keys = [k["repr"] for value in distinct if isinstance(k := _to_json(value), dict)]
        if ambiguous := {key for key in keys if ADDRESS in key or keys.count(key) > 1}:
            raise SpaceError(
                "categories in a storage need a unique repr that is the same in every process, "
                f"but {name!r} has {sorted(ambiguous)}: give their class a __repr__, or declare "
                "names and look them up in the objective"
            )


def _to_json(value: Any) -> Any:
    plain = value is None or type(value) in (bool, int, float, str)
    return value if plain else {"repr": _repr_key(value)}


def _repr_key(value: Any) -> str:
    key = repr(value)
    if ADDRESS in key and hasattr(value, "__qualname__"):  # a function
        return f"{value.__module__}.{value.__qualname__}"
    return key


def _to_builtin(value: Any) -> Any:
    """Convert a NumPy scalar to a Python number."""
    return value.item() if isinstance(value, np.generic) else value


def _from_json(name: str, stored: Any, space: SearchSpace) -> Any:
    if not isinstance(stored, dict):
        return stored
    key = stored["repr"]
    categories = list(_categories(name, space))
    if not categories:
        return key  # the space raises the error
    for category in categories:
        if _repr_key(category) == key:
            return category
    raise ValueError(f"{name}: no category of {categories!r} has the repr {key}")


def _categories(name: str, space: SearchSpace) -> Iterator[Any]:
    for subspace in space.subspaces:
        parameter = subspace.get(name)
        if isinstance(parameter, Categorical):
            yield from parameter.values
