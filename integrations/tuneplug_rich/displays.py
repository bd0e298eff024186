"""Where a running study is shown: as a live bar, or in lines where nothing can be redrawn."""

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
from tuneplug_rich.summary import Summary, as_time, left

__all__ = ["Bars", "Lines", "can_redraw"]


def can_redraw(console: Console) -> bool:
    """Whether a console takes what is drawn over again: a terminal, a notebook with widgets."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_interactive


class _Times(ProgressColumn):
    """Time since the start, and what is left where the number of trials is known."""

    def render(self, task: Task) -> Text:
        elapsed = task.elapsed or 0.0
        planned = task.fields["planned"]  # a total, once known, cannot be taken back
        if task.stop_time is not None or planned is None:
            return Text(as_time(elapsed))
        pace, paced_at = task.fields["pace"]
        to_come = left(planned - task.completed, pace, elapsed - paced_at)
        return Text(f"{as_time(elapsed)}, {as_time(to_come)} left")


class _States(ProgressColumn):
    """Trials by state, cut short where the terminal is narrow, as the bar is."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["states"], no_wrap=True, overflow="ellipsis")


class _Shown(NamedTuple):
    """The bar of a study: how many trials had ended when it began, and when that was."""

    task: TaskID
    before: int
    began: float

    def pace(self, summary: Summary) -> tuple[float | None, float]:
        """Return the seconds for each trial, and of how many seconds that is."""
        elapsed, done = time.monotonic() - self.began, summary.done - self.before
        return (elapsed / done if done else None), elapsed


def _fields(summary: Summary, more: str = "") -> dict[str, Any]:
    count = str(summary.done) if summary.planned is None else f"{summary.done}/{summary.planned}"
    return {
        "total": summary.planned,
        "planned": summary.planned,
        "completed": summary.done,
        "count": count,
        "best": summary.best,
        "states": summary.states + more,
    }


class Bars:
    """A bar for each study that runs, redrawn several times a second while there is any."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()  # studies may run on several threads
        self._progress: Progress | None = None
        self._shown: dict[Study, _Shown] = {}

    def start(self, study: Study) -> None:
        """Show a study."""
        summary = Summary.of(study)
        with self._lock:
            if self._progress is None:
                self._progress = self._make()
                self._progress.start()
            first = {**_fields(summary), "pace": (None, 0.0)}
            task = self._progress.add_task(study.strategy.name, **first)
            self._shown[study] = _Shown(task, summary.done, time.monotonic())

    def update(self, study: Study) -> bool:
        """Show how far a study has come; return whether it is one that is shown."""
        with self._lock:
            shown = self._shown.get(study)
            if self._progress is None or shown is None:
                return False
            summary = Summary.of(study)
            pace = shown.pace(summary)
            self._progress.update(shown.task, **_fields(summary), pace=pace)
            return True

    def end(self, study: Study, error: BaseException | None) -> None:
        """Leave the bar as it is; with the last one the display ends."""
        with self._lock:
            shown = self._shown.pop(study, None)
            if self._progress is not None and shown is not None:
                summary = Summary.of(study)
                fields = _fields(summary, _ended_by(error))
                if summary.planned is None:
                    fields["total"] = summary.done  # nothing moves any more
                self._progress.update(shown.task, **fields)
                self._progress.stop_task(shown.task)
            if not self._shown:
                self.stop()

    def stop(self) -> None:
        """End the display, whatever is shown: the terminal is given back."""
        with self._lock:
            progress, self._progress = self._progress, None
            self._shown.clear()
            if progress is not None:
                progress.stop()

    def _make(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[best]}", markup=False),
            _Times(table_column=Column(no_wrap=True)),
            _States(),
            console=self._console,
            # What is printed goes above the bar; what is sent to a file goes to the file.
            redirect_stdout=self._console.is_jupyter or _is_terminal(sys.stdout),
            redirect_stderr=self._console.is_jupyter or _is_terminal(sys.stderr),
        )


def _ended_by(error: BaseException | None) -> str:
    return "" if error is None else f", ended by {type(error).__name__}"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


class Lines:
    """A line for each new best, and one at the end: for logs, and where no end is announced."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def best(self, study: Study) -> None:
        """Say how far a study has come, as its latest trial is the best."""
        self._print(study)

    def end(self, study: Study, seconds: float, error: BaseException | None) -> None:
        """Say what came of it."""
        self._print(study, f"  in {as_time(seconds)}{_ended_by(error)}")

    def _print(self, study: Study, more: str = "") -> None:
        line = f"{study.strategy.name}  {Summary.of(study)}{more}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
