"""The log of results is append-only, resumes, and survives an interrupted write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
from _log import ResultLog


class Cell(NamedTuple):
    task: str
    seed: int


@dataclass(frozen=True)
class Result:
    cell: Cell
    value: float
    error: str | None = None


@pytest.fixture
def log(tmp_path):
    return ResultLog(tmp_path / "new" / "runs.jsonl", Cell, Result, lambda r: r.error is None)


def test_results_are_read_back_as_written(log):
    assert log.read() == {}
    results = [Result(Cell("t", seed), seed / 3) for seed in range(3)]
    for result in results:
        log.append(result)
    assert log.read() == {result.cell: result for result in results}


def test_an_interrupted_write_is_skipped(log):
    log.append(Result(Cell("t", 0), 1.0))
    line = log.path.read_text()
    log.path.write_text(line + line[:10])
    assert list(log.read()) == [Cell("t", 0)]


def test_cells_without_a_finished_result_are_resumed_and_the_last_result_counts(log, capsys):
    cells = [Cell("t", seed) for seed in range(3)]
    log.append(Result(cells[0], 1.0))
    log.append(Result(cells[1], 0.0, error="no luck"))
    assert log.resume(cells) == cells[1:]
    assert capsys.readouterr().out == f"2 runs to make, 1 in {log.path}\n"
    log.append(Result(cells[1], 2.0))
    assert log.resume(cells) == cells[2:]
    assert log.read()[cells[1]].value == 2.0
