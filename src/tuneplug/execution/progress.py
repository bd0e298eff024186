"""Progress of a search: lines on stdout, and the objects that callbacks receive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneplug.errors import printable, safe_repr, warn_caller
from tuneplug.trial import History, Trial, TrialState

__all__ = ["Progress", "ProgressReporter", "check_callbacks"]

#: Largest width of a number with six digits, such as -1.23457e-05.
NUMBER_WIDTH = 12


@dataclass(frozen=True)
class Progress:
    """The state of a search after a trial ended.

    Attributes
    ----------
    number : int
        Number of the trial.
    params : dict
        Configuration of the trial.
    score : float or None
        Value of the trial; in a scikit-learn search, its mean test score.  None if the trial
        failed.  The value of a stopped trial is a prediction.
    state : {"complete", "stopped", "failed"}
    stop_reason : str or None
        Why the trial was stopped; None if it was not stopped.
    n_done : int
        Number of trials that have ended.
    n_iter : int or None
        Maximum number of trials; None if the search has only a timeout.  Trials of a dead process
        that run again are added.
    best_number, best_params, best_score : int, dict, float; or None
        The best completed trial so far; None if no trial has completed.
    elapsed : float
        Seconds since the search started.
    suggesting : float
        Seconds that the strategy has taken to suggest configurations, including those in which all
        workers were busy and none waited for it.
    metric : str
        Name of the score.
    stop_metric : str or None
        Name of the reported metric that a stopping rule compared.  None if no rule stopped the
        trial, or the metric has no name.
    fidelity : float
        Share of the full resource that the trial had.  Below 1, it is never the best trial.
    n_earlier : int
        How many of ``n_done`` had ended before the search was resumed.
    error : str or None
        Traceback or message of a failed trial.
    feasible : bool
        Whether the constraints of the trial hold.  If not, it is never the best trial.
    """

    number: int
    params: Mapping[str, Any]
    score: float | None
    state: str
    stop_reason: str | None
    n_done: int
    n_iter: int | None
    best_number: int | None
    best_params: Mapping[str, Any] | None
    best_score: float | None
    elapsed: float
    suggesting: float
    metric: str = "score"
    stop_metric: str | None = None
    fidelity: float = 1.0
    n_earlier: int = 0
    error: str | None = None
    feasible: bool = True

    @property
    def left(self) -> float | None:
        """Estimated seconds until ``n_iter`` trials have ended; None if ``n_iter`` is None."""
        if self.n_iter is None:
            return None
        return self.elapsed / (self.n_done - self.n_earlier) * (self.n_iter - self.n_done)

    def __str__(self) -> str:
        width = 0 if self.n_iter is None else len(str(self.n_iter))
        value = f"{self._value:<{len(printable(self.metric)) + 2 + NUMBER_WIDTH}}"
        best = "none yet"
        if self.best_score is not None:
            best = f"{self.best_score:.6g} (trial {self.best_number})"
        left = "" if self.left is None else f", {self.left:.0f} s left"
        return (
            f"[{self._count}] trial {self.number:<{width}}  {value}  "
            f"best {best:<{NUMBER_WIDTH + len(' (trial )') + width}}  "
            f"{self.elapsed:>4.0f} s ({self.suggesting:.1f} s suggesting){left}"
        ) + "".join(f"; {remark}" for remark in self._remarks)

    @property
    def _count(self) -> str:
        if self.n_iter is None:
            return str(self.n_done)
        return f"{self.n_done:>{len(str(self.n_iter))}}/{self.n_iter}"

    @property
    def _value(self) -> str:
        """The score, with ``~`` before a prediction."""
        if self.score is None:
            return "failed"
        stopped = self.state == TrialState.STOPPED.value
        return f"{printable(self.metric)} {'~' * stopped}{self.score:.6g}"

    @property
    def _remarks(self) -> list[str]:
        """Remarks on some trials only; they come last, so that they do not move columns."""
        remarks = [_last_line(self.error)] if self.score is None and self.error else []
        if self.fidelity < 1.0:
            remarks.append(f"fidelity {self.fidelity:.3g}")
        if not self.feasible:
            remarks.append("infeasible")
        if self.stop_reason is not None:
            metric = "" if self.stop_metric is None else f" on {printable(self.stop_metric)}"
            remarks.append(f"stopped by {printable(self.stop_reason.partition(':')[0])}{metric}")
        return remarks


def _last_line(error: str) -> str:
    """Return the last line of the error of a failed trial."""
    lines = error.strip().splitlines()
    return printable(safe_repr(lines[-1], str)) if lines else "no message"


def _configuration(params: Mapping[str, Any]) -> str:
    """Return the line of a configuration."""
    return "  " + ", ".join(f"{printable(k)}={printable(safe_repr(v))}" for k, v in params.items())


def _verbosity(verbose: Any) -> tuple[int, str | None]:
    """Return the level of ``verbose``, and the observer that it names instead of one.

    Raises
    ------
    TypeError
        If ``verbose`` is neither an integer nor a string.
    """
    if isinstance(verbose, str):
        return 0, verbose
    if not isinstance(verbose, (int, np.integer, np.bool_)):
        raise TypeError(
            f"verbose must be an integer or the name of an observer, but got {safe_repr(verbose)}: "
            "pass verbose=1 for a line for each trial, or verbose='bar'"
        )
    return int(verbose), None


class ProgressReporter:
    """Prints a line and calls the callbacks after each trial.

    Parameters
    ----------
    history : History
        History of the study.
    n_iter : int or None
        Maximum number of trials; None if the search has only a timeout.
    metric : str
        Name of the score.
    callbacks : iterable of callable
        Functions that are called with a ``Progress``.
    verbose : int or str
        If at least 1, print a line for each trial, and advice after the last one; if at least 2,
        the configurations, too.  A name is that of an observer, which shows the progress instead.

    Attributes
    ----------
    level : int
        ``verbose``; 0 if that is a name.
    observer : str or None
        The name of the observer.

    Raises
    ------
    TypeError
        If ``verbose`` is neither an integer nor a string.
    """

    def __init__(
        self,
        history: History,
        n_iter: int | None,
        metric: str,
        callbacks: Iterable[Callable[[Progress], Any]],
        verbose: int | str,
    ) -> None:
        self._history, self._n_done, self._n_earlier = history, 0, 0
        self._n_iter, self._metric = n_iter, metric
        self._callbacks = _Callbacks(callbacks)
        self.level, self.observer = _verbosity(verbose)
        self._start, self._suggesting = time.monotonic(), 0.0

    def resume(self, n_done: int) -> None:
        """Count trials that had ended before the search was resumed."""
        self._n_done = self._n_earlier = n_done

    def start(self, n_workers: int) -> None:
        """Print how many workers start, if there are several."""
        if self.level > 0 and n_workers > 1:
            print(f"Starting {n_workers} workers", flush=True)

    @contextmanager
    def suggesting(self) -> Iterator[None]:
        """Context manager: add its duration to ``Progress.suggesting``."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._suggesting += time.monotonic() - start

    def report(self, trial: Trial) -> bool:
        """Print a line and call the callbacks; return whether a callback ends the search."""
        self._n_done += 1
        progress = self._progress(trial)
        if self.level > 0:
            print(progress, flush=True)
        if self.level > 1:
            print(_configuration(progress.params), flush=True)
        return self._callbacks.call(progress)

    def warn_of_failures(self) -> None:
        """Warn of each callback that failed more than once, with the number of its failures."""
        self._callbacks.warn_of_failures()

    def advise(self, advice: Mapping[str, str]) -> None:
        """Print advice on parameters, by name, if ``verbose`` is at least 1."""
        if self.level > 0:
            for name, text in advice.items():
                print(printable(f"{name}: {text}"), flush=True)

    def _progress(self, trial: Trial) -> Progress:
        best = self._history.best()
        return Progress(
            number=trial.number,
            params=trial.params,
            score=trial.value,
            state=trial.state.value,
            stop_reason=trial.stop_reason,
            n_done=self._n_done,
            n_iter=None if self._n_iter is None else max(self._n_iter, self._n_done),
            best_number=None if best is None else best.number,
            best_params=None if best is None else best.params,
            best_score=None if best is None else best.value,
            elapsed=time.monotonic() - self._start,
            suggesting=self._suggesting,
            metric=self._metric,
            stop_metric=_stop_metric(trial),
            fidelity=trial.fidelity,
            n_earlier=self._n_earlier,
            error=trial.error,
            feasible=trial.is_feasible,
        )


def check_callbacks(callbacks: Iterable[Any], hint: str = "") -> None:
    """Check that all callbacks are callable.

    Raises
    ------
    TypeError
        If ``callbacks`` is not a list, or a callback is not callable; that message ends with
        ``hint``.
    """
    if isinstance(callbacks, (str, bytes)) or not isinstance(callbacks, Iterable):
        raise TypeError(
            f"callbacks must be a list of callables, but got {safe_repr(callbacks)}: pass "
            "callbacks=[callback]"
        )
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(
                f"callbacks must be callables that take a Progress, but got {safe_repr(callback)}"
                f"{hint or ': pass functions, such as callbacks=[print]'}"
            )


def _stop_metric(trial: Trial) -> str | None:
    """Return the metric that a stopping rule compared; reasons of rules are ``"rule: ..."``."""
    by_rule = ": " in (trial.stop_reason or "")
    return trial.metric if by_rule else None


class _Callbacks:
    """The callbacks of a search, and how often each of them failed."""

    def __init__(self, callbacks: Iterable[Callable[[Progress], Any]]) -> None:
        self._callbacks = tuple(callbacks)
        self._n_failed = [0] * len(self._callbacks)
        self._n_calls = 0

    def call(self, progress: Progress) -> bool:
        """Call each callback; return whether one of them returned True.

        If a callback raises an exception or returns another true value, warn at its first failure,
        and call the remaining callbacks.
        """
        ends, self._n_calls = False, self._n_calls + 1
        for index, callback in enumerate(self._callbacks):
            try:
                ends |= _ends_search(callback(progress))
            except Exception as error:  # noqa: BLE001  a callback's exception must not end the search
                self._n_failed[index] += 1
                if self._n_failed[index] == 1:
                    warn_caller(
                        f"the callback {safe_repr(callback)} failed after trial "
                        f"{progress.number}: {safe_repr(error)}",
                        UserWarning,
                    )
        return ends

    def warn_of_failures(self) -> None:
        """Warn of each callback that failed more than once, with the number of its failures."""
        for callback, n_failed in zip(self._callbacks, self._n_failed, strict=True):
            if n_failed > 1:
                warn_caller(
                    f"the callback {safe_repr(callback)} failed {n_failed} times in "
                    f"{self._n_calls} calls: the warning of its first failure has the cause",
                    UserWarning,
                )


def _ends_search(answer: Any) -> bool:
    """Return whether a callback's return value ends the search.

    Raises
    ------
    TypeError
        If the value is true, but not a bool of Python or NumPy.
    """
    if isinstance(answer, bool | np.bool_):
        return bool(answer)
    if answer is not None and answer:
        raise TypeError(
            f"a callback must return True to end the search, or None or False, but got {answer!r}: "
            "return bool(...) or nothing"
        )
    return False
