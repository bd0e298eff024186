"""The table of trials as columns and rows of strict JSON; the page makes its rows on demand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tuneplug.trial import Trial
from tuneplug_report.contents import Source
from tuneplug_report.texts import MAX_CELL, cell, last_line, shown

__all__ = ["table_of"]


def table_of(source: Source) -> dict[str, Any]:
    """Return the columns and the rows of the table of trials."""
    names = list(source.space.names) if source.space is not None else []
    value = shown(source.value_name, MAX_CELL)
    params = [shown(name, MAX_CELL) for name in names]
    if source.study is None:
        return {"columns": ["trial", "state", value, *params], "rows": _rows_of(source, names)}
    partial = any(not trial.is_full for trial in source.trials)
    columns = ["trial", "state", value, *["fidelity"] * partial, "origin", *params]
    rows = [_row(trial, names, partial) for trial in source.trials]
    return {"columns": [*columns, "seconds", "cost", "note"], "rows": rows}


def _row(trial: Trial, names: list[str], partial: bool) -> list[Any]:
    params = trial.proposed_params
    known = trial.started is not None and trial.finished is not None
    duration = trial.finished - trial.started if known else None  # type: ignore[operator]
    values = (
        *(trial.number, trial.state.value, trial.value),
        *[trial.fidelity] * partial,
        trial.origin,
        *_cells(params, names),
        *(duration, trial.cost),
        trial.stop_reason
        or last_line(trial.error)
        or (None if trial.is_feasible else "infeasible"),
    )
    return [cell(value) for value in values]


def _cells(params: Mapping[str, Any], names: list[str]) -> list[Any]:
    """Return the values of parameters: None if inactive, and the category None as text."""
    return [("None" if params[n] is None else params[n]) if n in params else None for n in names]


def _rows_of(source: Source, names: list[str]) -> list[list[Any]]:
    results = source.results
    if results is None:
        return []
    rows = []
    for row, value in enumerate(results.y.tolist()):
        params = results.configurations[row] if results.configurations else {}
        state = "failed" if math.isnan(value) else "complete"
        if results.kinds[row] == "infeasible":
            state = "infeasible"
        shown_value = None if math.isnan(value) else value
        values = (results.trials[row], state, shown_value, *_cells(params, names))
        rows.append([cell(value) for value in values])
    return rows
