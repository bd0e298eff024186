"""Encode configurations: from the parameters of one sub-space to a point of the unit cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.errors import did_you_mean
from tuneplug.space.parameters import Parameter
from tuneplug.space.validation import INACTIVE_COORDINATE, condition_points

__all__ = ["KEY_DIGITS", "Column", "ColumnCondition", "SubspaceEncoder"]

#: Number of digits to which coordinates are rounded in keys.
KEY_DIGITS = 12


@dataclass(frozen=True)
class ColumnCondition:
    """A condition: the parameter of another entry is active, and at one of the points ``at``."""

    entry: int
    at: tuple[float, ...]


@dataclass(frozen=True)
class Column:
    """One parameter in one or more sub-spaces; ``column`` is None for a constant."""

    name: str
    parameter: Parameter
    column: int | None
    conditions: tuple[ColumnCondition, ...]
    subspaces: tuple[int, ...]

    def point(self, value: Any) -> float:
        """Return the coordinate of a value.

        Raises
        ------
        ValueError
            If it is not a value of the parameter.
        """
        try:
            at = condition_points(self.parameter, [value])
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        if not at:
            raise ValueError(f"{self.name} is constant, but got {value!r}")
        return at[0]


@final
class SubspaceEncoder:
    """Encodes the configurations of one sub-space.

    Parameters
    ----------
    template : ndarray of shape (d,)
        The point of a configuration without parameters.
    entries : mapping of int to Column
        Parameters of the sub-space with their numbers among all entries; parents come before
        their children.
    """

    def __init__(self, template: FloatArray, entries: Mapping[int, Column]) -> None:
        self._template, self._entries = template, entries
        self._names = {entry.name for entry in entries.values()}

    def encode(self, params: Mapping[str, Any]) -> FloatArray:
        """Map a configuration to the cube, shape (d,), without snapping.

        Raises
        ------
        ValueError
            If it is no configuration of this sub-space; the message lists all errors.
        """
        row, errors, placed = self._template.copy(), [], set()
        for number, entry in self._entries.items():
            if entry.name in params:
                try:
                    point = entry.point(params[entry.name])
                except ValueError as error:
                    errors.append(str(error))
                else:
                    placed.add(number)
                    if entry.column is not None:
                        row[entry.column] = point
        if errors := errors + self._name_errors(params, self._activity(row, placed)):
            raise ValueError("; ".join(errors))
        return row

    def _activity(self, row: FloatArray, placed: set[int]) -> dict[str, bool | None]:
        """Return whether each parameter is active; None if a parent lacks a valid value."""
        active: dict[int, bool | None] = {}
        for number, entry in self._entries.items():
            held = [self._holds(c, row, active, placed) for c in entry.conditions]
            active[number] = False if False in held else None if None in held else True
        return {self._entries[number].name: on for number, on in active.items()}

    def _holds(
        self,
        condition: ColumnCondition,
        row: FloatArray,
        active: Mapping[int, bool | None],
        placed: set[int],
    ) -> bool | None:
        if not active[condition.entry]:
            return active[condition.entry]
        if condition.entry not in placed:
            return None
        column = self._entries[condition.entry].column
        if column is None:
            return True
        return any(abs(row[column] - at) < 10.0**-KEY_DIGITS for at in condition.at)

    def _name_errors(
        self, params: Mapping[str, Any], active: Mapping[str, bool | None]
    ) -> list[str]:
        errors = []
        if missing := sorted(n for n, on in active.items() if on and n not in params):
            errors.append(f"a configuration must give every active parameter: {missing} missing")
        if extra := sorted((n for n in params if active.get(n, False) is False), key=str):
            errors.append(
                f"a configuration must give active parameters only: {extra} not expected"
                + self._hints(extra)
            )
        return errors

    def _hints(self, extra: Sequence[Any]) -> str:
        unknown = [name for name in extra if name not in self._names]
        hints = [(name, did_you_mean(name, sorted(self._names))) for name in unknown]
        return "".join(f"; {name!r}{hint}" for name, hint in hints if hint)

    def may_contain(self, params: Mapping[str, Any]) -> bool:
        """Return False only if ``encode`` raises; faster than to try."""
        if not params.keys() <= self._names:
            return False
        return all(
            entry.parameter.contains(params[entry.name])
            if entry.name in params
            else bool(entry.conditions)
            for entry in self._entries.values()
        )

    def keeps_types(self, row: FloatArray, params: Mapping[str, Any]) -> bool:
        """Return whether the values at an encoded point have the types of the configuration."""
        for entry in self._entries.values():
            if entry.name in params:
                at = INACTIVE_COORDINATE if entry.column is None else row[entry.column]
                (value,) = entry.parameter.from_unit(np.array([at]))
                if type(value) is not type(params[entry.name]):
                    return False
        return True
