"""Log of benchmark results: one JSON line per finished cell, so that interrupted runs resume."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

#: A ``NamedTuple`` that identifies a run.
Cell = TypeVar("Cell", bound=Any)
#: A dataclass with a field ``cell``; its other fields are JSON values.
Result = TypeVar("Result", bound=Any)


class ResultLog(Generic[Cell, Result]):
    """Append-only file of results, one JSON line each.

    Parameters
    ----------
    path : Path
        The file. Its directory is created.
    cell, result : type
        Types of the cells and of the results.
    finished : callable, optional
        Takes a result; returns False if ``resume`` must run its cell again. By default every
        result is final.
    """

    def __init__(
        self,
        path: Path,
        cell: Callable[..., Cell],
        result: Callable[..., Result],
        finished: Callable[[Result], bool] = lambda _: True,
    ) -> None:
        self.path, self.finished = path, finished
        self._cell, self._result = cell, result
        path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[Cell, Result]:
        """Return the last result of each cell.

        An interrupted write leaves a last line without a newline; that line is skipped.
        """
        if not self.path.exists():
            return {}
        text = self.path.read_text(encoding="utf-8")
        results = map(self._decode, text[: text.rfind("\n") + 1].splitlines())
        return {result.cell: result for result in results}

    def append(self, result: Result) -> None:
        """Append one result."""
        line = json.dumps({**asdict(result), "cell": result.cell._asdict()})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def resume(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return the cells that have no finished result yet, and print how many there are."""
        wanted = list(cells)
        done = {cell for cell, result in self.read().items() if self.finished(result)}
        missing = [cell for cell in wanted if cell not in done]
        found = len(wanted) - len(missing)
        print(f"{len(missing)} runs to make, {found} in {self.path}", flush=True)
        return missing

    def _decode(self, line: str) -> Result:
        fields = json.loads(line)
        return self._result(cell=self._cell(**fields.pop("cell")), **fields)
