"""Failures of the trials of one call of ``Study.optimize``: warnings, and the end of the search."""

from __future__ import annotations

import re
from collections import Counter

from tuneplug.errors import AllTrialsFailedError, warn_caller
from tuneplug.trial import Trial, TrialState
from tuneplug.trial.trial import NOT_FINITE

__all__ = ["FailureMonitor", "brief_exception", "exception_of"]

#: Number of trials from the start of a search that end it if all of them fail alike.
N_ALIKE = 5
#: Maximum length of an exception in a warning, and of a traceback in an error.
MAX_EXCEPTION, MAX_TRACEBACK = 2_000, 20_000
#: Maximum number of different tracebacks in the message when every trial failed.
N_TRACEBACKS = 3
#: Origins of configurations that the user chose: their failures say little about other ones.
CHOSEN = ("user", "grid")
#: A frame of a traceback: the line of its file, the indented lines below, and a count of repeats.
FRAME = re.compile(r"^  File \".*\n(?:    .*\n)*(?:  \[Previous line repeated .*\n)?", re.MULTILINE)


class FailureMonitor:
    """Warns of failed trials, and ends a search whose trials all fail alike.

    Parameters
    ----------
    fail_fast : bool
        Whether the search ends if its first trials all fail with the same exception.
    """

    def __init__(self, *, fail_fast: bool) -> None:
        self._fail_fast = fail_fast
        self._first: list[Trial] = []
        self._errors: Counter[str] = Counter()
        self._n_other = 0

    def record(self, trial: Trial) -> None:
        """Take note of a trial that ended; warn if it is the first one that failed."""
        if len(self._first) < N_ALIKE:
            self._first.append(trial)
        if trial.state is not TrialState.FAILED:
            self._n_other += 1
            return
        self._errors[trial.error or ""] += 1
        if self._errors.total() == 1:
            warn_caller(
                f"trial {trial.number} failed, and the search continues: "
                f"{brief_exception(trial.error or '')}",
                RuntimeWarning,
            )

    @property
    def all_alike(self) -> bool:
        """Whether all trials failed, and the first ones with the same exception.

        No trial starts while this is True.  If a trial that was running completes after all, the
        search continues.
        """
        if not self._fail_fast or self._n_other or len(self._first) < N_ALIKE:
            return False
        errors = {exception_of(trial.error or "") for trial in self._first}
        chosen = any(trial.origin in CHOSEN for trial in self._first)
        return len(errors) == 1 and not chosen and not errors.pop().startswith(NOT_FINITE)

    def raise_if_all_failed(self, n_trials: int | None) -> None:
        """Raise if all trials of the search failed.

        Raises
        ------
        AllTrialsFailedError
            With the number of trials, and with the tracebacks.
        """
        n_failed = self._errors.total()
        if self._n_other or not n_failed:
            return
        ended = ""
        if self.all_alike:
            planned = "" if n_trials is None else f" of {n_trials}"
            ended = (
                f"  The search ended after {n_failed}{planned} trials, because the first {N_ALIKE} "
                "had the same error: correct the objective or the space, or pass fail_fast=False"
            )
        shown = "\n".join(
            f"{count} trial(s) failed with:\n{_shortened(error, MAX_TRACEBACK)}"
            for error, count in self._errors.most_common(N_TRACEBACKS)
        )
        raise AllTrialsFailedError(f"all {n_failed} trials failed.{ended}\n{shown}")

    def warn_of_count(self) -> None:
        """Warn with the number of failed trials, if there are any."""
        if n_failed := self._errors.total():
            warn_caller(
                f"{n_failed} of {n_failed + self._n_other} trials failed: their errors are in "
                "trial.error of study.trials",
                RuntimeWarning,
            )


def brief_exception(error: str) -> str:
    """Return the exception from a traceback for a warning: its start, if it is very long."""
    return _shortened(exception_of(error), MAX_EXCEPTION)


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return f"{text[:length]}... ({len(text)} characters; all of them are in trial.error)"


def exception_of(error: str) -> str:
    """Return the type and the message of the exception from a traceback.

    Any other text is returned as it is.
    """
    frames = list(FRAME.finditer(error))
    return error[frames[-1].end() :].strip() if frames else error.strip()
