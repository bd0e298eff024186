"""Convert trials to records of JSON values, and back.

Plain parameter values (numbers, strings, booleans, None) are stored as they are.  Any other
category is stored as its key: its ``repr``, or the qualified name of a function.  It is restored as
the category of the space with the same key.  Categories can be added to the space later.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.storage.base import TrialRecord
from tuneplug.storage.categories import categories_of, repr_key, to_json
from tuneplug.storage.validation import DEFAULTS
from tuneplug.trial import Claim, Trial, TrialState
from tuneplug.trial.learning_curves import Report
from tuneplug.trial.reporting import TrialReporter

__all__ = ["Categories", "categories_by_key", "from_records", "to_record"]

#: Attributes of a trial in its record, beside number, state, parameters, claim and reports.
PLAIN = (
    "origin",
    "value",
    "variance",
    "error",
    "started",
    "finished",
    "cost",
    "constraints",
    "expected_improvement",
    "resource",
    "fidelity",
    "attributes",
)
#: Attributes of the reporter of a trial in its record.
REPORTED = ("stop_reason", "direction", "metric")


def to_record(trial: Trial) -> TrialRecord:
    """Return the record of a trial."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "params": {name: to_json(value) for name, value in trial.proposed_params.items()},
        "reports": [[_to_builtin(part) for part in report] for report in trial.reports],
        "claim": None if trial.claim is None else list(trial.claim),
        **{name: _to_builtin(getattr(trial, name)) for name in (*PLAIN, *REPORTED)},
    }


Categories = dict[str, dict[str, Any]]


def categories_by_key(space: SearchSpace) -> Categories:
    """Return the categories of each parameter by key, which ``from_records`` needs."""
    names = dict.fromkeys(name for subspace in space.subspaces for name in subspace)
    return {
        name: {repr_key(category): category for category in reversed([*categories_of(name, space)])}
        for name in names
    }


def from_records(
    records: Sequence[TrialRecord], space: SearchSpace, categories: Categories
) -> list[Trial]:
    """Return the trials of records that ``check_record`` accepts.

    Parameters
    ----------
    records : sequence of dict
    space : SearchSpace
    categories : dict
        Result of ``categories_by_key`` for the space.

    Raises
    ------
    ValueError
        If a configuration is not in the space.
    """
    stored = [
        {
            name: _from_json(name, value, categories.get(name, {}))
            for name, value in record["params"].items()
        }
        for record in records
    ]
    restored = zip(records, *space.restore(stored), strict=True)
    return [_trial(DEFAULTS | record, params, point) for record, params, point in restored]


def _trial(record: TrialRecord, params: dict[str, Any], point: FloatArray) -> Trial:
    return Trial(
        record["number"],
        params,
        point,
        state=TrialState(record["state"]),
        reporter=TrialReporter(
            reports=[Report(*report) for report in record["reports"]],
            **{name: record[name] for name in REPORTED},
        ),
        claim=None if record["claim"] is None else Claim(*record["claim"]),
        **{name: _from_builtin(record[name]) for name in PLAIN},
    )


def _to_builtin(value: Any) -> Any:
    """Convert a NumPy scalar to a Python number, and a tuple to a list."""
    if isinstance(value, tuple):
        return list(value)
    return value.item() if isinstance(value, np.generic) else value


def _from_builtin(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _from_json(name: str, stored: Any, categories: dict[str, Any]) -> Any:
    if not isinstance(stored, dict):
        return stored
    key = stored["repr"]
    if not categories:
        return key  # the space raises the error
    if key not in categories:
        known = reprlib.repr(list(categories.values()))
        raise ValueError(f"{name}: no category of {known} has the repr {key}")
    return categories[key]
