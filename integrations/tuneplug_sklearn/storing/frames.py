"""Columns of data frames of pandas and polars, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneplug.optional import is_instance_of

__all__ = ["Column", "columns_of", "is_frame", "is_series"]


@dataclass(frozen=True)
class Column:
    """A column of a frame.

    Attributes
    ----------
    name : object
    dtype : str
        Data type of the frame's library, as text.
    arrays : sequence of ndarray
        Together they define the values of the column: the values, or the values that are not
        missing and a mask of the missing ones, or categories and codes.
    """

    name: Any
    dtype: str
    arrays: Sequence[Any]


def is_frame(value: Any) -> bool:
    """Return whether a value is a data frame of pandas or polars."""
    return any(is_instance_of(value, library, "DataFrame") for library in ("pandas", "polars"))


def is_series(value: Any) -> bool:
    """Return whether a value is a column of pandas or polars, or an index."""
    return is_instance_of(value, "pandas", "Series", "Index") or is_instance_of(
        value, "polars", "Series"
    )


def columns_of(frame: Any) -> list[Column]:
    """Return the columns of a frame, or the column that a series is."""
    if is_instance_of(frame, "polars", "DataFrame"):
        return [_polars_column(column) for column in frame.get_columns()]
    if is_instance_of(frame, "polars", "Series"):
        return [_polars_column(frame)]
    if is_series(frame):
        return [_pandas_column(frame.name, frame)]
    names = frame.columns.tolist()
    return [_pandas_column(name, frame.iloc[:, i]) for i, name in enumerate(names)]


def _polars_column(series: Any) -> Column:
    dtype = str(series.dtype)
    missing = series.is_null().to_numpy()
    categories: list[Any] = []
    if dtype.startswith("Enum"):
        categories = [np.array(series.cat.get_categories().to_list(), dtype=object)]
    return Column(series.name, dtype, [missing, series.drop_nulls().to_numpy(), *categories])


def _pandas_column(name: Any, series: Any) -> Column:
    dtype, text = series.dtype, str(series.dtype)
    if isinstance(dtype, np.dtype):
        return Column(name, dtype.name, [np.asarray(series)])
    if is_instance_of(dtype, "pandas", "CategoricalDtype"):
        categories = columns_of(dtype.categories)[0]
        order = ", ordered" if dtype.ordered else ""
        found = [*categories.arrays, np.asarray(series.array.codes, dtype=np.int64)]
        return Column(name, f"category of {categories.dtype}{order}", found)
    if is_instance_of(dtype, "pandas", "SparseDtype"):
        return Column(name, text, [np.asarray(series.array)])
    missing = np.asarray(series.isna())
    present = series[~missing]
    if is_instance_of(dtype, "pandas", "DatetimeTZDtype"):
        present = present.astype(np.int64)
    return Column(name, text, [missing, np.asarray(present.to_numpy())])
