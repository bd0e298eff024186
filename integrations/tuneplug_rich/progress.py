"""ProgressBar: shows studies while they run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from tuneplug import Study, Trial
from tuneplug.optional import OptionalDependency
from tuneplug.plugins import hookimpl

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ProgressBar"]


@final
class ProgressBar:
    """Shows how far a study has come: a bar, the best value, trials by state, and times.

    Register it with the plugins of a study or a search.  In a terminal, or a notebook with
    ipywidgets, a bar is redrawn while ``optimize`` or a search runs; what is printed meanwhile
    appears above it.  Elsewhere, such as in a log, there is a line for each new best and one at the
    end.  Where trials are asked for one by one, nothing says which is the last, and there are the
    lines of new bests alone.

    Parameters
    ----------
    console : rich.console.Console or None, default None
        Where to show it; None is stderr.

    Raises
    ------
    MissingDependencyError
        If rich is not installed.

    Examples
    --------
    >>> import sys
    >>> from rich.console import Console
    >>> from tuneplug import Study
    >>> from tuneplug.plugins import Plugins
    >>> from tuneplug_rich import ProgressBar
    >>> plugins = Plugins()
    >>> plugins.register(ProgressBar(console=Console(file=sys.stdout)))
    >>> study = Study({"k": [3, 1, 2]}, strategy="grid", plugins=plugins)
    >>> study.optimize(lambda trial: trial.params["k"], 3)
    grid  1/3  best 3 (trial 0)  1 complete
    grid  2/3  best 1 (trial 1)  2 complete
    grid  3/3  best 1 (trial 1)  3 complete  in 0:00:00
    """

    def __init__(self, *, console: Console | None = None) -> None:
        displays = _displays_module()
        self._console: Console = displays.Console(stderr=True) if console is None else console
        self._bars = displays.Bars(self._console)
        self._lines = displays.Lines(self._console)
        self._can_redraw = displays.can_redraw
        self._started: dict[Study, float] = {}  # those shown in lines, while they run

    def __repr__(self) -> str:
        return "ProgressBar()"

    # ------------------------------------------------------------------ events

    @hookimpl
    def tuneplug_study_started(self, study: Study) -> None:
        """Show a study."""
        if not self._can_redraw(self._console):
            self._started[study] = time.monotonic()
            return
        with self._given_back():
            self._bars.start(study)

    @hookimpl
    def tuneplug_trial_asked(self, study: Study) -> None:
        """Show that one more trial is running."""
        with self._given_back():
            self._bars.update(study)

    @hookimpl
    def tuneplug_trial_finished(self, study: Study, trial: Trial) -> None:
        """Show what came of a trial."""
        with self._given_back():
            if not self._bars.update(study) and study.history.best() is trial:
                self._lines.best(study)

    @hookimpl
    def tuneplug_study_finished(self, study: Study, error: BaseException | None) -> None:
        """End what is shown."""
        with self._given_back():
            if study in self._started:
                seconds = time.monotonic() - self._started.pop(study)
                self._lines.end(study, seconds, error)
            else:
                self._bars.end(study, error)

    @contextmanager
    def _given_back(self) -> Iterator[None]:
        """Leave no bar behind where an event fails: nobody would end it."""
        try:
            yield
        except BaseException:
            self._bars.stop()
            raise


def _displays_module() -> Any:
    """Import what needs rich.  Raises MissingDependencyError if it is not installed."""
    with OptionalDependency("rich", "rich", "rich").required_by("ProgressBar"):
        from tuneplug_rich import displays
    return displays
