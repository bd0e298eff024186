"""Cross-validation of candidates, one fold at a time, on whichever worker.

The folds are made once and shared by all candidates.
"""

from __future__ import annotations

import functools
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import clone

from tuneplug.execution import Broadcast
from tuneplug_sklearn._compat import (
    fit_and_score,
    has_callbacks,
    metric_names,
    use_warning_filters,
)
from tuneplug_sklearn.executors import worker_context
from tuneplug_sklearn.monitored_fit import FoldWatch, Watch, Watcher

__all__ = ["Evaluation", "Raised", "blank", "run_fold", "test_scores"]


@dataclass(frozen=True)
class Evaluation:
    """The data and options that all fits share; broadcast to the workers once.

    Parameters
    ----------
    estimator : estimator
        Cloned for each fit.
    X, y : array-like
    splits : list of (train, test)
    search : estimator
        What scikit-learn's callbacks are told the fits belong to.
    n_candidates : int
        How many are expected in all, for messages.
    options : dict
        Passed on to scikit-learn's ``_fit_and_score``.
    config : dict
        scikit-learn's configuration where the search was called.
    filters : list
        The warning filters there.
    watcher : Watcher or None
        What watches the fits, None where nothing could.
    """

    estimator: Any
    X: Any
    y: Any
    splits: Sequence[tuple[Any, Any]]
    search: Any
    n_candidates: int
    options: Mapping[str, Any]
    config: Mapping[str, Any]
    filters: Sequence[Any]
    watcher: Watcher | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the search at home, with all that an earlier fit left in it, if nobody asks."""
        search = self.search if has_callbacks(self.search) else None
        return {**self.__dict__, "search": search}

    def __call__(
        self, params: dict[str, Any], candidate: int, fold: int, context: Any, watch: Watch | None
    ) -> dict[str, Any]:
        """Return scikit-learn's result of one fit; ``"watched"`` has what came of watching it."""
        estimator = clone(self.estimator)
        train, test = self.splits[fold]
        fit_and_score_it = functools.partial(
            fit_and_score,
            estimator,
            self.X,
            self.y,
            train=train,
            test=test,
            parameters=params,
            split_progress=(fold, len(self.splits)),
            candidate_progress=(candidate, self.n_candidates),
            caller=self.search,
            callback_ctx=context,
            **self.options,
        )
        if self.watcher is None or watch is None:
            return fit_and_score_it()
        fit_params = self.options["fit_params"]
        data = (self.X, self.y, train, test, fit_params, fold)
        with FoldWatch(self.watcher, watch, estimator, *data).watching() as record:
            result = fit_and_score_it()
        return {**result, "watched": record.watched}

    def failed(self, error: str) -> dict[str, Any]:
        """Return scikit-learn's result of a fit that raised, for one that never came back.

        Raises
        ------
        RuntimeError
            If errors are to be raised.
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


@dataclass(frozen=True)
class Raised:
    """An exception that a fit raised, on its way back from a worker."""

    error: BaseException

    @classmethod
    def of(cls, error: Exception, *, travels: bool) -> Raised:
        text = traceback.format_exc()
        if travels:
            error.add_note(f"on a worker:\n{text}")
            try:
                cloudpickle.loads(cloudpickle.dumps(error))
            except Exception:  # noqa: BLE001  whatever its __reduce__ does
                return cls(RuntimeError(f"a fit raised what cannot be pickled:\n{text}"))
        return cls(error)

    def __reduce__(self) -> tuple[Any, ...]:
        return _thawed, (cloudpickle.dumps(self.error),)


def _thawed(error: bytes) -> Raised:
    return Raised(cloudpickle.loads(error))


def run_fold(
    evaluation: Broadcast,
    params: dict[str, Any],
    candidate: int,
    fold: int,
    context: Any,
    watch: Watch | None,
    n_threads: int | None,
    in_process: bool,
) -> dict[str, Any] | Raised:
    """Fit and score on a worker; return an exception as ``Raised``.

    ``in_process`` means that the worker is a thread of the process that runs the search.
    """
    try:
        evaluate: Evaluation = evaluation.value
        with ExitStack() as stack:
            stack.enter_context(worker_context(n_threads, in_process=in_process))
            stack.enter_context(config_context(**evaluate.config))
            if not in_process:
                stack.enter_context(warnings.catch_warnings())
                use_warning_filters(evaluate.filters)
            return evaluate(params, candidate, fold, context, watch)
    except Exception as error:  # noqa: BLE001  the search decides what becomes of it
        return Raised.of(error, travels=not in_process)


def test_scores(
    results: Sequence[dict[str, Any] | None], metric: str | None
) -> NDArray[np.float64]:
    """Return the test score of each fold, shape (F,); NaN where there is none.

    ``metric`` names it where there are several; None takes the first of several.

    Raises
    ------
    ValueError
        If there is no such metric.
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
    return np.array(scores, dtype=np.float64)


def blank(like: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result of the form of another one for a fit that was left out: NaN scores."""

    def scores(given: Any) -> Any:
        return dict.fromkeys(given, np.nan) if isinstance(given, Mapping) else np.nan

    filled = {"fit_time": np.nan, "score_time": np.nan, "fit_error": None}
    return {
        **{key: scores(given) if key.endswith("_scores") else given for key, given in like.items()},
        **filled,
    }
