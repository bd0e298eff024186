"""ProgressBar: show running studies."""

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
    """Show the progress of a study: a bar, the best value, trials per state, and times.

    ``verbose="bar"`` of a study or a search makes one; or register one with their plugins.  In a
    terminal, or in a notebook with ipywidgets, a live bar is shown while ``optimize`` or a search
    runs, and prints appear above it.  Otherwise, as in a log, one line is printed per new best
    trial and one at the end.  With ``ask`` and ``tell`` the last trial is not known, so only the
    lines of new best trials are printed.

    Parameters
    ----------
    console : rich.console.Console or None, default None
        Console to write to.  If None, stderr.

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

    name = "bar"

    def __init__(self, *, console: Console | None = None) -> None:
        renderers = _renderers_module()
        self._console: Console = renderers.Console(stderr=True) if console is None else console
        self._bars = renderers.BarRenderer(self._console)
        self._lines = renderers.LineRenderer(self._console)
        self._can_redraw = renderers.can_redraw
        self._started: dict[Study, float] = {}  # start times of studies rendered as lines

    def __repr__(self) -> str:
        return "ProgressBar()"

    # ------------------------------------------------------------------ events

    @hookimpl
    def tuneplug_study_started(self, study: Study) -> None:
        """Start the bar of the study."""
        if not self._can_redraw(self._console):
            self._started[study] = time.monotonic()
            return
        with self._stop_on_error():
            self._bars.start(study)

    @hookimpl
    def tuneplug_trial_asked(self, study: Study) -> None:
        """Update the number of running trials."""
        with self._stop_on_error():
            self._bars.update(study)

    @hookimpl
    def tuneplug_trial_finished(self, study: Study, trial: Trial) -> None:
        """Update the bar, or print a line if the trial is the new best."""
        with self._stop_on_error():
            if not self._bars.update(study) and study.history.best() is trial:
                self._lines.new_best(study)

    @hookimpl
    def tuneplug_study_finished(self, study: Study, error: BaseException | None) -> None:
        """End the bar, or print the last line."""
        with self._stop_on_error():
            if study in self._started:
                seconds = time.monotonic() - self._started.pop(study)
                self._lines.end(study, seconds, error)
            else:
                self._bars.end(study, error)

    @contextmanager
    def _stop_on_error(self) -> Iterator[None]:
        """Context manager: stop all bars if an event raises, as the observer is then detached."""
        try:
            yield
        except BaseException:
            self._bars.stop()
            raise


def _renderers_module() -> Any:
    """Import the module that needs rich; MissingDependencyError if it is not installed."""
    with OptionalDependency("rich", "rich", "rich").required_by("ProgressBar"):
        from tuneplug_rich import renderers
    return renderers
