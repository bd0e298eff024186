"""Render the progress of running studies: live bars, or log lines if redrawing is impossible."""

from __future__ import annotations

import sys
import threading
import time
from importlib.util import find_spec
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from tuneplug import Study
from tuneplug_rich.summary import Summary, eta, format_duration

__all__ = ["BarRenderer", "LineRenderer", "can_redraw"]

#: Width of a console from which on the remaining time is shown.
NARROW = 80


def can_redraw(console: Console) -> bool:
    """Return whether a console supports redrawing: a terminal, or a notebook with ipywidgets."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_interactive


class _TimeColumn(ProgressColumn):
    """Elapsed time, and the estimated remaining time if it is known and there is room."""

    def __init__(self, *, narrow: bool) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._narrow = narrow

    def render(self, task: Task) -> Text:
        elapsed = task.elapsed or 0.0
        n_planned = task.fields["n_planned"]  # task.total cannot be reset to None
        if self._narrow or task.stop_time is not None or n_planned is None:
            return Text(format_duration(elapsed))
        pace, updated_at = task.fields["pace"]
        remaining = eta(n_planned - task.completed, pace, elapsed - updated_at)
        return Text(f"{format_duration(elapsed)}, {format_duration(remaining)} left")


class _StateColumn(ProgressColumn):
    """Number of trials per state; truncated in a narrow terminal."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["states"], no_wrap=True, overflow="ellipsis")


class _Bar(NamedTuple):
    """The bar of one study."""

    task: TaskID
    n_ended_before: int  # trials that had ended when the bar was started
    started: float  # time.monotonic()

    def pace(self, summary: Summary) -> tuple[float | None, float]:
        """Return mean seconds per trial (None before the first end), and elapsed seconds."""
        elapsed = time.monotonic() - self.started
        n_ended = summary.n_ended - self.n_ended_before
        return (elapsed / n_ended if n_ended else None), elapsed


def _fields(summary: Summary, suffix: str = "") -> dict[str, Any]:
    return {
        "total": summary.n_planned,
        "n_planned": summary.n_planned,
        "completed": summary.n_ended,
        "count": summary.count,
        "best": summary.best,
        "states": summary.states + suffix,
    }


class BarRenderer:
    """Show one live bar per running study; rich redraws them several times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()  # studies may run on several threads
        self._progress: Progress | None = None
        self._bars: dict[Study, _Bar] = {}

    def start(self, study: Study) -> None:
        """Add a bar for a study."""
        summary = Summary.of(study)
        with self._lock:
            if self._progress is None:
                self._progress = self._make_progress()
                self._progress.start()
            fields = {**_fields(summary), "pace": (None, 0.0)}
            task = self._progress.add_task(study.strategy.name, **fields)
            self._bars[study] = _Bar(task, summary.n_ended, time.monotonic())

    def update(self, study: Study) -> bool:
        """Update the bar of a study; return whether the study has a bar."""
        with self._lock:
            bar = self._bars.get(study)
            if self._progress is None or bar is None:
                return False
            summary = Summary.of(study)
            self._progress.update(bar.task, **_fields(summary), pace=bar.pace(summary))
            return True

    def end(self, study: Study, error: BaseException | None) -> None:
        """Freeze the bar of a study; stop the display with the last bar."""
        with self._lock:
            bar = self._bars.pop(study, None)
            if self._progress is not None and bar is not None:
                summary = Summary.of(study)
                fields = _fields(summary, _error_suffix(error))
                if summary.n_planned is None:
                    fields["total"] = summary.n_ended  # ends the pulsing animation
                self._progress.update(bar.task, **fields)
                self._progress.stop_task(bar.task)
            if not self._bars:
                self.stop()

    def stop(self) -> None:
        """Stop the display with all bars, and restore the terminal."""
        with self._lock:
            progress, self._progress = self._progress, None
            self._bars.clear()
            if progress is not None:
                progress.stop()

    def _make_progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[best]}", markup=False),
            _TimeColumn(narrow=self._console.width < NARROW),
            _StateColumn(),
            console=self._console,
            # Prints appear above the bar, unless the stream is redirected to a file.
            redirect_stdout=self._console.is_jupyter or _is_terminal(sys.stdout),
            redirect_stderr=self._console.is_jupyter or _is_terminal(sys.stderr),
        )


def _error_suffix(error: BaseException | None) -> str:
    return "" if error is None else f", ended by {type(error).__name__}"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


class LineRenderer:
    """Print one line per new best trial, and one at the end of a study, as for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def new_best(self, study: Study) -> None:
        """Print the progress of a study whose last trial is the new best."""
        self._print(study)

    def end(self, study: Study, seconds: float, error: BaseException | None) -> None:
        """Print the result of a study."""
        self._print(study, f"  in {format_duration(seconds)}{_error_suffix(error)}")

    def _print(self, study: Study, suffix: str = "") -> None:
        line = f"{study.strategy.name}  {Summary.of(study)}{suffix}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
