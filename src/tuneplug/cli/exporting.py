"""The trials of a stored study as CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from tuneplug.cli.output import as_json
from tuneplug.cli.records import StudyRecords, category_text, is_feasible
from tuneplug.errors import printable
from tuneplug.optional import OptionalDependency
from tuneplug.storage import TrialRecord

__all__ = ["FORMATS", "exported", "study_document"]

FORMATS = ("csv", "json", "parquet")
#: Starts of a text that spreadsheets take for a formula, also with the signs of full width.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: A record without values, for the names of the columns.
NO_TRIAL: TrialRecord = {"params": {}, "reports": []}
#: Smallest and largest integer of a column of Parquet.
INT64 = (-(2**63), 2**63 - 1)


def exported(study: StudyRecords, form: str) -> bytes:
    """Return the trials of a study in a format.

    Raises
    ------
    MissingDependencyError
        If pandas or pyarrow is not installed, which Parquet needs.
    """
    if form == "json":
        return f"{as_json(study_document(study))}\n".encode()
    names = study.param_names
    n = max((len(record["constraints"] or ()) for record in study.records), default=0)
    columns = [*_row(NO_TRIAL, names, n)]
    rows = [[*_row(record, names, n).values()] for record in study.records]
    return _csv(columns, rows) if form == "csv" else _parquet(columns, rows)


def study_document(study: StudyRecords) -> dict[str, Any]:
    """Return all that is stored of a study."""
    return {"name": study.name, **study.settings, "trials": study.records}


def _row(record: dict[str, Any], names: Sequence[str], n_constraints: int) -> dict[str, Any]:
    """Return the row of a trial, with the columns of ``Study.to_frame``."""
    started, finished = record.get("started"), record.get("finished")
    params = {f"param_{name}": category_text(record["params"].get(name)) for name in names}
    keys = ("origin", "expected_improvement", "stop_reason")
    return {
        **{key: record.get(key) for key in ("number", "state", "value", "fidelity")},
        **params,
        **{key: record.get(key) for key in keys},
        "n_reports": len(record["reports"]),
        "error": record.get("error"),
        "started": started,
        "duration": None if started is None or finished is None else finished - started,
        "cost": record.get("cost"),
        **_constraints(record, n_constraints),
    }


def _constraints(record: dict[str, Any], n: int) -> dict[str, Any]:
    """Return the columns of n constraints: their values, and whether all hold."""
    if n == 0:
        return {}
    known = record.get("constraints")
    values = {f"constraint_{i}": v for i, v in enumerate(known or (None,) * n)}
    return {**values, "feasible": None if known is None else is_feasible(record)}


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([*map(_csv_cell, row)] for row in [columns, *rows])
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _csv_cell(value: Any) -> Any:
    """Return a cell without control characters that no spreadsheet takes for a formula.

    A text that looks like a formula gets an apostrophe, with which spreadsheets mark a text.
    """
    if not isinstance(value, str):
        return value
    text = CONTROL.sub(lambda found: printable(found[0]), value)
    formula = text.lstrip().startswith(FORMULA) and not NUMBER.fullmatch(text)
    return f"'{text}" if formula else text


def _parquet(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    needed = OptionalDependency("pandas and pyarrow", "pandas", "parquet", ("pyarrow",))
    with needed.required_by("export to Parquet"):
        import pandas as pd
        import pyarrow  # noqa: F401
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    frame = pd.DataFrame(dict(zip(map(_text, columns), map(_column, values), strict=True)))
    stream = io.BytesIO()
    frame.to_parquet(stream, engine="pyarrow", index=False)
    return stream.getvalue()


def _column(values: Sequence[Any]) -> list[Any]:
    """Return values of one type: text if they have several, or if a type is too small."""
    types = {type(value) for value in values if value is not None}
    fits = all(INT64[0] <= value <= INT64[1] for value in values if type(value) is int)
    if types <= {int, float} and fits:
        return list(values) if float not in types else [_as_float(value) for value in values]
    if types == {bool}:
        return list(values)
    return [None if value is None else _text(value) for value in values]


def _text(value: Any) -> str:
    """Return a text that UTF-8 can hold."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _as_float(value: Any) -> float | None:
    return None if value is None else float(value)
