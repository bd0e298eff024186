"""Fit and score one candidate on one fold, on any worker."""

from __future__ import annotations

import functools
import reprlib
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import clone

from tuneplug.execution import Broadcast, ForkGuard, format_failure
from tuneplug_sklearn._compat import (
    fit_and_score,
    has_callbacks,
    metric_names,
    record_error,
    safe_split,
    use_warning_filters,
)
from tuneplug_sklearn.constraints import Fold, measure
from tuneplug_sklearn.executors import worker_context
from tuneplug_sklearn.interrupts import caught_interrupts_raised
from tuneplug_sklearn.monitored_fit import FitLimits, FoldData, MonitorConfig, MonitoredFold
from tuneplug_sklearn.scoring import FoldScoring
from tuneplug_sklearn.subsampling import Subsampling, TrainingPart

__all__ = [
    "Evaluation",
    "FoldTask",
    "RemoteError",
    "nan_result",
    "run_fold",
    "test_scores",
]


@dataclass(frozen=True)
class FoldTask:
    """The fit of one candidate on one fold.

    Attributes
    ----------
    params : dict
        Configuration of the candidate.
    candidate, fold : int
        Number of the candidate and of the fold.
    limits : FitLimits or None
        Limits of a monitored fit.  If None, the fit is not monitored.
    callback_context : CallbackContext or None
        Context of scikit-learn's callbacks.  If None, no callback is set.
    share : float
        Share of the training part that the fit uses.
    """

    params: Mapping[str, Any]
    candidate: int
    fold: int
    limits: FitLimits | None = None
    callback_context: Any = None
    share: float = 1.0


@dataclass(frozen=True)
class Evaluation:
    """The data and options that all fits share; broadcast to each worker once.

    Attributes
    ----------
    estimator : estimator
        Cloned for each fit.
    X, y : array-like
    splits : sequence of (train, test)
    caller : estimator or None
        The search, for scikit-learn's callbacks.
    n_candidates : int
        Maximum number of candidates, for scikit-learn's messages.
    options : mapping
        Arguments of scikit-learn's ``_fit_and_score``.
    config : mapping
        scikit-learn's configuration in the calling thread.
    filters : sequence
        Warning filters of the calling process.
    monitoring : MonitorConfig or None
        If None, no fit is monitored.
    metric : str or None
        Name of the score that drives the search.  If None, the only score, or the first one.
    subsampling : Subsampling or None
        The order of each training part.  If None, every fit uses the whole one.
    constraints : callable or None
        Called with each fitted estimator and its ``Fold``.  If None, there are no constraints.
    """

    estimator: Any
    X: Any
    y: Any
    splits: Sequence[tuple[Any, Any]]
    caller: Any
    n_candidates: int
    options: Mapping[str, Any]
    config: Mapping[str, Any]
    filters: Sequence[Any]
    monitoring: MonitorConfig | None = None
    metric: str | None = None
    subsampling: Subsampling | None = None
    constraints: Callable[[Any, Fold], Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Drop the search estimator when pickling unless scikit-learn's callbacks need it.

        Its fitted attributes may be large.
        """
        caller = self.caller if has_callbacks(self.caller) else None
        return {**self.__dict__, "caller": caller}

    def __call__(self, task: FoldTask) -> dict[str, Any]:
        """Return scikit-learn's result of one fit.

        A monitored fit adds its ``"fit_record"``, a scorer that raised its ``"score_error"``, and
        constraints of a finished fit add their values.
        """
        estimator, (train, test, _) = clone(self.estimator), self._rows(task)
        recorded = record_error(self.options["scorer"], self.filters)
        run = functools.partial(
            fit_and_score,
            estimator,
            self.X,
            self.y,
            train=train,
            test=test,
            parameters=task.params,
            split_progress=(task.fold, len(self.splits)),
            candidate_progress=(task.candidate, self.n_candidates),
            caller=self.caller,
            callback_ctx=task.callback_context,
            **{**self.options, "scorer": recorded},
        )
        with caught_interrupts_raised():
            result = self._monitored(task, estimator, run)
        if recorded.error is not None:
            result["score_error"] = recorded.error
        return self._constrained(task, estimator, result)

    def _constrained(
        self, task: FoldTask, estimator: Any, result: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the result with the constraints of a fit that was neither failed nor stopped.

        If they cannot be computed, the fit counts as failed.
        """
        record = result.get("fit_record")
        stopped = record is not None and record.stop_reason is not None
        if self.constraints is None or stopped or result["fit_error"] is not None:
            return result
        train, test, _ = self._rows(task)
        try:
            tested = safe_split(estimator, self.X, self.y, np.asarray(test), np.asarray(train))
            fold = Fold(task.fold, np.array(train), np.array(test), *tested)
            return {**result, "constraints": list(measure(self.constraints, estimator, fold))}
        except Exception as error:
            if self.options["error_score"] == "raise":
                raise
            failed = self.failed_result(format_failure(error))
            changed = ("test_scores", "train_scores", "fit_error")
            return result | {key: failed[key] for key in changed if key in failed}

    def _rows(self, task: FoldTask) -> tuple[Any, Any, TrainingPart | None]:
        """Return the rows to train and to score on, and the part of a subsampled fold."""
        train, test = self.splits[task.fold]
        if self.subsampling is None:
            return train, test, None
        part = TrainingPart(self.subsampling.orders[task.fold], task.share)
        return part.rows, test, part

    def _monitored(
        self, task: FoldTask, estimator: Any, run: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the result of a fit, and of its monitor if there is one."""
        if self.monitoring is None or task.limits is None:
            return self._result_of(run)
        train, test, part = self._rows(task)
        data = FoldData(self.X, self.y, train, test, self.options["fit_params"], task.fold, part)
        scorer, params = self.options["scorer"], self.options["score_params"]
        scoring = FoldScoring(scorer, self.metric, (self.X, self.y, train, test), params or {})
        monitored = MonitoredFold(self.monitoring, task.limits, estimator, data, scoring)
        with monitored.monitoring():
            result = self._result_of(run)
        return {**result, "fit_record": monitored.record}

    def _result_of(self, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the result of a fit; a failed one for what scikit-learn does not catch.

        Panics of extension modules derive from ``BaseException`` only, and scikit-learn cannot
        format every exception that it catches.  Interrupts propagate.  A process that the fit forks
        ends with it.
        """
        try:
            with ForkGuard():
                return run()
        except (KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:
            if self.options["error_score"] == "raise" or _can_be_formatted(error):
                raise
            return self.failed_result(format_failure(error.__context__ or error))
        except BaseException as error:  # noqa: BLE001  it fails its own candidate
            return self.failed_result(format_failure(error))

    def failed_result(self, error: str) -> dict[str, Any]:
        """Return the result to record for a lost fit: each score is ``error_score``.

        Raises
        ------
        RuntimeError
            If ``error_score`` is ``"raise"``.
        """
        if self.options["error_score"] == "raise":
            raise RuntimeError(error)
        value, names = self.options["error_score"], metric_names(self.options["scorer"])
        scores = {"train_scores": value, "test_scores": value}
        if names is not None:
            scores = {kind: dict.fromkeys(names, value) for kind in scores}
        if not self.options["return_train_score"]:
            del scores["train_scores"]
        times = {"fit_time": np.nan, "score_time": np.nan}
        return {**scores, **times, "n_test_samples": 0, "fit_error": error}

    @contextmanager
    def worker_settings(self, n_threads: int | None, *, in_process: bool) -> Iterator[None]:
        """Context manager: apply the caller's configuration, and a worker's limit of threads."""
        with worker_context(n_threads, in_process=in_process), config_context(**self.config):
            if in_process:
                yield
                return
            with warnings.catch_warnings():
                use_warning_filters(self.filters)
                yield


def _can_be_formatted(error: BaseException) -> bool:
    """Return whether a traceback can show an exception, and those from which it resulted."""
    try:
        traceback.format_exception(error)
    except Exception:  # noqa: BLE001  whatever attributes of a third party's exception raise
        return False
    return True


@dataclass(frozen=True)
class RemoteError:
    """An exception that a fit raised on a worker."""

    error: BaseException

    @classmethod
    def of(cls, error: BaseException, *, picklable: bool) -> RemoteError:
        """Return the error; with ``picklable``, one that a pickle preserves, with a traceback."""
        text = format_failure(error)
        if picklable:
            try:
                error.add_note(f"on a worker:\n{text}")
                cloudpickle.loads(cloudpickle.dumps(error))
            except Exception:  # noqa: BLE001  whatever its attributes raise
                return cls(
                    RuntimeError(f"a fit raised an exception that cannot be pickled:\n{text}")
                )
        return cls(error)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (cloudpickle.dumps(self.error),)


def _unpickle(error: bytes) -> RemoteError:
    return RemoteError(cloudpickle.loads(error))


def run_fold(
    shared: Broadcast, task: FoldTask, n_threads: int | None, in_process: bool
) -> dict[str, Any] | RemoteError:
    """Fit and score on a worker; return an exception as a ``RemoteError``.

    Also an interrupt in another process is returned.

    Parameters
    ----------
    shared : Broadcast
        Broadcast of the ``Evaluation``.
    task : FoldTask
    n_threads : int or None
        Native threads that the fit may use.  If None, no limit.
    in_process : bool
        Whether the worker is a thread of the process that runs the search.
    """
    try:
        evaluation: Evaluation = shared.value
        with evaluation.worker_settings(n_threads, in_process=in_process):
            return evaluation(task)
    except Exception as error:  # noqa: BLE001  the scheduler raises it in the search
        return RemoteError.of(error, picklable=not in_process)
    except (KeyboardInterrupt, SystemExit) as error:
        if in_process:
            raise
        return RemoteError.of(error, picklable=True)  # it would end the worker of a cluster


def test_scores(
    results: Sequence[dict[str, Any] | None], metric: str | None
) -> NDArray[np.float64]:
    """Return the test score of each fold, shape (F,); NaN if there is no result.

    ``metric`` is the one of several metrics to return.  If None, the first metric.

    Raises
    ------
    ValueError
        If a result lacks the metric, or a float cannot represent a score.
    """
    scores = []
    for result in results:
        score = np.nan if result is None else result["test_scores"]
        if isinstance(score, Mapping):
            name = next(iter(score)) if metric is None else metric
            if name not in score:
                raise ValueError(f"objective_metric must be one of {list(score)}, but got {name!r}")
            score = score[name]
        scores.append(score)
    try:
        return np.array(scores, dtype=np.float64)
    except (TypeError, OverflowError) as error:
        raise ValueError(
            "scores must be real numbers that a float can represent, but got "
            f"{reprlib.repr(scores)}: return a float from the scorer"
        ) from error


def nan_result(like: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result with NaN scores and times for a fold that was not evaluated.

    It has the keys and metrics of the result ``like``.
    """

    def scores(given: Any) -> Any:
        return dict.fromkeys(given, np.nan) if isinstance(given, Mapping) else np.nan

    filled = {"fit_time": np.nan, "score_time": np.nan, "fit_error": None}
    return {
        **{key: scores(given) if key.endswith("_scores") else given for key, given in like.items()},
        **filled,
    }
