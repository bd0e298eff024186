"""Report the fits of a library to a trial, from inside the callbacks of the library.

A callback calls ``begin`` once the library has evaluated the first step of a fit, ``report`` after
every step, and ends the fit if ``ended`` is True.
"""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from tuneplug.errors import safe_repr
from tuneplug.monitoring.fit_monitor import MonitoredFit
from tuneplug.monitoring.metric_selection import (
    Entry,
    MetricError,
    check_metric_options,
    select_metric,
)
from tuneplug.trial.reporting import Direction, TrialReporter

if TYPE_CHECKING:
    from tuneplug.trial.trial import Trial

__all__ = ["FitReporter", "SearchFitReporter"]

#: Serializes the first reports of fits that start on several threads: each opens its own fold.
_FOLD_LOCK = threading.Lock()


@dataclass
class _Fit:
    """The current fit of one thread."""

    entry: Entry | None
    fold: int | None = None
    has_reports: bool = False


class FitReporter:
    """Reports every step of a fit to a trial.

    Each fit opens a fold of the trial.  A fit that continues a model continues its fold.  One
    reporter serves several fits, also on several threads: each thread runs one fit at a time.
    Copies report to the same trial.

    Parameters
    ----------
    trial : Trial or TrialReporter
    metric : str, optional
        Metric to report, by its name or its display name.  If None, the last one.
    dataset : str, optional
        Evaluation set to report.  If None, the last one that is not the training data.
    maximize : bool, optional
        Whether larger values of the metric are better.  Required if the library does not define
        the direction of the metric.

    Raises
    ------
    TypeError
        If ``trial`` is not a trial, if ``metric`` or ``dataset`` is not a string, or if
        ``maximize`` is not a bool.
    """

    def __init__(
        self,
        trial: Trial | TrialReporter,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        maximize: bool | None = None,
    ) -> None:
        if not (hasattr(trial, "report") and hasattr(trial, "should_stop")):
            raise TypeError(
                f"trial must be a Trial, but got {safe_repr(trial)}: pass the trial that the "
                "objective gets, or that study.ask() returned"
            )
        check_metric_options(metric, maximize, dataset)
        self.trial = trial
        self.metric = metric
        self.dataset = dataset
        self.maximize = maximize
        self._metric_required = True
        self._fits: dict[int, _Fit] = {}  # by thread

    @property
    def entry(self) -> Entry | None:
        """Entry that the fit of the calling thread reports; None if it reports nothing."""
        return self._fits[threading.get_ident()].entry

    @property
    def ended(self) -> bool:
        """Whether the trial has ended, so that the fit must end after the current step."""
        return self.trial.should_stop()

    def begin(
        self,
        entries: Sequence[Entry],
        direction: Callable[[Entry], Direction | None],
        *,
        sep: str,
        training: Collection[str],
        hint: str,
    ) -> Entry | None:
        """Begin a fit on the calling thread, and set the metric of the trial.

        Parameters
        ----------
        entries : sequence of Entry
            All evaluated metrics.
        direction : callable
            Takes an entry and returns the direction that the library defines, or None.
        sep, training, hint
            As in ``select_metric``.

        Returns
        -------
        Entry or None
            Entry to report after each step; None if the fit reports nothing.

        Raises
        ------
        ValueError
            If there are no entries, or if the direction is not the one of the study.
        MetricError
            If no entry matches ``metric`` and ``dataset``, if the direction of the metric is
            unknown, or if the direction is not the one of ``maximize``.
        """
        entry = None
        if entries or self._metric_required:
            entry = select_metric(
                entries, self.metric, self.dataset, sep=sep, training=training, hint=hint
            )
            resolved = self._resolve_direction(entry.metric, direction(entry))
            if resolved is not None:
                self.trial.set_metric(entry.display_name(sep), resolved)
        self._fits[threading.get_ident()] = _Fit(entry)
        return entry

    def report(self, value: float, step: int) -> None:
        """Report a value of the metric for a step of the fit on the calling thread."""
        fit = self._fits[threading.get_ident()]
        if fit.has_reports:
            self.trial.report(value, step, fold=fit.fold)
            return
        with _FOLD_LOCK:
            fit.fold = self._start_fold(step)
            self.trial.report(value, step, fold=fit.fold)
        fit.has_reports = True

    def warn(self, message: str) -> None:
        """Warn the user from a function that a method of the callback calls."""
        warnings.warn(message, UserWarning, stacklevel=4)  # attributed to the library's loop

    def refuse_distributed(self, n_workers: int) -> NoReturn:
        """Raise a RuntimeError for a training that is distributed over workers."""
        raise RuntimeError(
            "a TrialCallback needs training in one process, but this training is distributed "
            f"(workers: {n_workers}), and each worker has its own copy of the trial: train each "
            "trial on one worker, and run trials in parallel through "
            "study.optimize(executor=...)"
        )

    def _resolve_direction(self, metric: str, defined: Direction | None) -> Direction | None:
        given: Direction | None = None
        if self.maximize is not None:
            given = "maximize" if self.maximize else "minimize"
        if defined is None and given is None and self._metric_required:
            raise MetricError(
                "maximize must be given for a metric that the library does not define, but got "
                f"maximize=None for {metric!r}: pass maximize=True or maximize=False"
            )
        if defined is not None and given is not None and defined != given:
            raise MetricError(
                f"maximize must be {defined == 'maximize'} for {metric!r}, as the library defines "
                f"it, but got maximize={self.maximize}: omit maximize=.  If the metric is your "
                "own, rename it or correct the direction that it returns"
            )
        return defined or given

    def _start_fold(self, step: int) -> int | None:
        return self.trial.start_fold(step)

    def __deepcopy__(self, memo: dict[int, Any]) -> FitReporter:
        return copy.copy(self)  # with the same trial

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fits": {}}


class SearchFitReporter(FitReporter):
    """Reports the fit of a search to its reporter.

    Reports have no fold, since the fit belongs to one.  Warnings are added to the notes of the fit.
    If no stopping rule compares the reports, the fit may have no metric, or one of unknown
    direction.

    Parameters
    ----------
    fit : MonitoredFit
    metric : str, optional
        As in ``FitReporter``.
    maximize : bool, optional
        As in ``FitReporter``.
    score_metric : str, optional
        Metric to report if ``metric`` is None: the one that orders fits as ``fit.scoring`` does.
        If these three are None, a note names the metric that decides instead of the score.
    monitor : str, optional
        Class of the monitor, for the cure in that note.
    """

    def __init__(
        self,
        fit: MonitoredFit,
        metric: str | None = None,
        *,
        maximize: bool | None = None,
        score_metric: str | None = None,
        monitor: str = "FitMonitor",
    ) -> None:
        chosen = score_metric if metric is None else metric
        super().__init__(fit.reporter, chosen, maximize=maximize)
        self._metric_required = fit.pruning
        self._notes = fit.notes
        self._scoring = fit.scoring if chosen is None and maximize is None else None
        self._monitor = monitor

    def begin(
        self,
        entries: Sequence[Entry],
        direction: Callable[[Entry], Direction | None],
        *,
        sep: str,
        training: Collection[str],
        hint: str,
    ) -> Entry | None:
        """Begin a fit as ``FitReporter.begin`` does; note a metric that replaces the score."""
        entry = super().begin(entries, direction, sep=sep, training=training, hint=hint)
        if entry is not None and self._scoring is not None:
            self.warn(
                f"fits should be compared by scoring={self._scoring.name!r}, but no metric of the "
                f"library orders fits as it does, and {entry.metric!r} decides which fits are "
                f"stopped: name the metric in monitor={self._monitor}(metric=...), pass another "
                "scoring=, or pass stopping=None"
            )
        return entry

    def warn(self, message: str) -> None:
        """Add a warning to the notes of the fit."""
        self._notes.append(message)

    def _start_fold(self, step: int) -> int | None:
        return None
