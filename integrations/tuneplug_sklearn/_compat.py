"""Private names of scikit-learn and joblib, and differences between their versions.

No other module of this package imports an undocumented name of either.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import reprlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor as LokyExecutor
from joblib.parallel import get_active_backend as active_backend
from sklearn import metrics
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _fit_and_score,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, StrOptions
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _num_samples as n_samples

from tuneplug.execution import format_failure

__all__ = [
    "BaseSearchCV",
    "CallbackTask",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "LokyExecutor",
    "StrOptions",
    "active_backend",
    "after_each_epoch",
    "check_method_params",
    "fit_and_score",
    "fit_context",
    "has_callbacks",
    "is_default_score",
    "metric_names",
    "n_samples",
    "public_scorers",
    "record_error",
    "safe_split",
    "scorer_function",
    "select_best_index",
    "standard_scorer_name",
    "use_warning_filters",
    "warn_or_raise_about_fit_failures",
]

Fit = TypeVar("Fit", bound=Callable[..., Any])

select_best_index = BaseSearchCV._select_best_index
warn_or_raise_about_fit_failures = _warn_or_raise_about_fit_failures

_FIT_AND_SCORE_NAMES = frozenset(inspect.signature(_fit_and_score).parameters)
#: scikit-learn 1.9 added callbacks and the argument ``callback_ctx``.
HAS_CALLBACKS = "callback_ctx" in _FIT_AND_SCORE_NAMES
#: The wording of an error changed in the same version.
RETURN = "return" if HAS_CALLBACKS else "returned"


def fit_context(fit: Fit) -> Fit:
    """Decorate ``fit`` as scikit-learn does for an estimator whose inner estimator validates."""
    decorated: Fit = _fit_context(prefer_skip_nested_validation=False)(fit)
    return decorated


def fit_and_score(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Call scikit-learn's ``_fit_and_score`` with the arguments that this version has."""
    known = {name: value for name, value in kwargs.items() if name in _FIT_AND_SCORE_NAMES}
    result: dict[str, Any] = _fit_and_score(*args, **known)
    return result


def metric_names(scorers: Any) -> list[str] | None:
    """Return the names of several metrics; None for one metric or a callable ``scoring``."""
    return sorted(scorers._scorers) if isinstance(scorers, _MultimetricScorer) else None


def public_scorers(scorers: Any) -> Any:
    """Return the value of ``scorer_``: a scorer, or a dict of scorers by name."""
    return scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers


def record_error(scorer: Any, filters: Sequence[Any]) -> Any:
    """Return a scorer that computes the same, and records the traceback if it raises.

    It raises an exception also for a masked score, which scikit-learn would take for 0, and for one
    that is no number, for which scikit-learn raises whatever ``error_score`` is.
    Its ``error`` is None as long as it raises no exception.  Several metrics count as failed once
    all of them have: scikit-learn keeps the scores of the others.  scikit-learn then warns by the
    given filters, also if the estimator or the scorer has changed them.
    """
    if isinstance(scorer, _MultimetricScorer):
        metrics = _RecordingMetrics(scorers=scorer._scorers, raise_exc=scorer._raise_exc)
        metrics.filters = filters
        return metrics
    return _RecordingScorer(scorer, filters)


def _unusable(score: Any) -> str | None:
    """Return what is wrong with a score; None if it is a real number."""
    if hasattr(score, "item") and not np.ma.is_masked(score):
        with suppress(ValueError):
            score = score.item()
    try:
        if isinstance(score, numbers.Number) and not np.ma.is_masked(score):
            float(score)  # type: ignore[arg-type]
            return None
    except (TypeError, ValueError, OverflowError):
        pass  # a complex number, or too large a one
    got = "masked" if np.ma.is_masked(score) else f"{reprlib.repr(score)} ({type(score).__name__})"
    return (
        f"a score must be a real number that a float can represent, but got {got}: return a float, "
        "or NaN for no score"
    )


class _RecordingMetrics(_MultimetricScorer):  # type: ignore[misc]
    error: str | None = None
    filters: Sequence[Any] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        scores: dict[str, Any] = super().__call__(*args, **kwargs)
        for name, score in scores.items():
            wrong = None if isinstance(score, str) else _unusable(score)
            if wrong is not None:
                if self._raise_exc:
                    raise TypeError(wrong)
                scores[name] = f"TypeError: {wrong}"  # as scikit-learn keeps what a scorer raises
        errors = [score for score in scores.values() if isinstance(score, str)]
        if errors:
            _restore_warning_filters(self.filters)
        if errors and len(errors) == len(scores):
            self.error = errors[0]
        return scores


class _RecordingScorer:
    error: str | None = None

    def __init__(self, scorer: Any, filters: Sequence[Any]) -> None:
        self._scorer, self._filters = scorer, filters

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            scores = self._scorer(*args, **kwargs)
            for score in scores.values() if isinstance(scores, dict) else [scores]:
                if (wrong := _unusable(score)) is not None:
                    raise TypeError(wrong)
            return scores
        except Exception as error:
            self.error = format_failure(error)
            _restore_warning_filters(self._filters)
            raise

    def __repr__(self) -> str:
        return repr(self._scorer)


def is_default_score(scorer: Any) -> bool:
    """Return whether a scorer calls the estimator's ``score``, as without ``scoring``."""
    return isinstance(scorer, _PassthroughScorer)


def scorer_function(scorer: Any) -> Any:
    """Return the function that ``make_scorer`` got; None if another function made the scorer."""
    return scorer._score_func if isinstance(scorer, _BaseScorer) else None


def standard_scorer_name(scorer: Any) -> str | None:
    """Return scikit-learn's name of a scorer; None if no named scorer computes the same."""
    return _standard_names().get(_computation(scorer)) if isinstance(scorer, _BaseScorer) else None


#: Metrics of probabilities: their ``labels`` only say which classes there are.
OF_PROBABILITIES = (
    "brier_score_loss",
    "d2_brier_score",
    "d2_log_loss_score",
    "log_loss",
    "roc_auc_score",
)


@functools.cache
def _standard_names() -> dict[Any, str]:
    """Return the names of scikit-learn's scorers by what they compute."""
    return {_computation(get_scorer(name)): name for name in get_scorer_names()}


def _computation(scorer: Any) -> Any:
    """Return function, sign, arguments, and whether it takes classes or values of a scorer.

    Arguments that change no score are left out: default values, and the labels of probabilities.
    """
    function, arguments = scorer._score_func, dict(scorer._kwargs)
    if any(function is getattr(metrics, name, None) for name in OF_PROBABILITIES):
        arguments.pop("labels", None)
    with suppress(TypeError, ValueError):  # a function that is not of Python has no signature
        for name, parameter in inspect.signature(function).parameters.items():
            if name in arguments and repr(arguments[name]) == repr(parameter.default):
                del arguments[name]
    given = repr(sorted(arguments.items()))
    return function, scorer._sign, given, scorer._response_method == "predict"


@contextmanager
def after_each_epoch(perceptron: Any, function: Callable[[], None]) -> Iterator[None]:
    """Context manager: ``fit`` of a multilayer perceptron calls a function after each epoch.

    The weights are then those of the epoch.  The fit ends if the function raises.
    """
    update = perceptron._update_no_improvement_count

    def update_and_call(*args: Any, **kwargs: Any) -> None:
        update(*args, **kwargs)
        function()

    perceptron._update_no_improvement_count = update_and_call
    try:
        yield
    finally:
        del perceptron._update_no_improvement_count


def _restore_warning_filters(filters: Sequence[Any]) -> None:
    if list(warnings.filters) != list(filters):
        use_warning_filters(filters)


def use_warning_filters(filters: Iterable[Any]) -> None:
    """Apply the warning filters of another process."""
    warnings.resetwarnings()
    for action, message, category, module, line in filters:
        texts = {"message": message, "module": module}
        patterns = {
            key: text if isinstance(text, str) else text.pattern
            for key, text in texts.items()
            if text is not None
        }
        if patterns:
            warnings.filterwarnings(action, category=category, lineno=line, append=True, **patterns)
        else:
            warnings.simplefilter(action, category, line, append=True)


def has_callbacks(estimator: Any) -> bool:
    """Whether callbacks of scikit-learn 1.9 are set on an estimator."""
    return bool(getattr(estimator, "_skl_callbacks", ()))


class CallbackTask:
    """A task that scikit-learn 1.9 reports to its callbacks; without effect in older versions.

    Parameters
    ----------
    search : estimator
        The search that the task belongs to.
    context : CallbackContext or None
        scikit-learn's object.  If None, nothing is reported.
    data : dict
        X, y and metadata, passed to the hooks.
    """

    def __init__(self, search: Any, context: Any, data: dict[str, Any]) -> None:
        self.search, self.context, self._data = search, context, data

    @classmethod
    def root(cls, search: Any, max_subtasks: int, **data: Any) -> CallbackTask:
        """Return the task of the whole fit."""
        context = None
        if HAS_CALLBACKS:
            context = search._init_callback_context(max_subtasks=max_subtasks)
        return cls(search, context, data)

    def child(self, name: str, *, with_data: bool = False, **kwargs: Any) -> CallbackTask:
        """Return a subtask; ``kwargs`` are arguments of scikit-learn's ``subcontext``."""
        context = None
        if self.context is not None:
            context = self.context.subcontext(task_name=name, **kwargs)
        return CallbackTask(self.search, context, self._data if with_data else {})

    def begin(self) -> CallbackTask:
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=self.search, **self._data)
        return self

    def end(self) -> None:
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.search, **self._data)

    def fit(self, estimator: Any, *args: Any, **params: Any) -> None:
        """Fit an estimator as this task, so that its own callbacks are called, too."""
        if self.context is None:
            estimator.fit(*args, **params)
            return
        with self.context.propagate_callback_context(estimator):
            self.begin()
            estimator.fit(*args, **params)
