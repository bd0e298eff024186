"""Fits that are watched, within scikit-learn's own evaluation of a fold.

scikit-learn sets the parameters, splits the data, fits and scores.  All of that stays as it is;
only ``fit`` of the last step is handed to the monitor that accepts it, together with validation
data that have come through the transformers fitted before it.

Which data those are: the fold's own validation part, which then decides whether the fit is worth
going on with.  Where the estimator stops early by itself, it is a part of the training data
instead: whatever picks the number of rounds must not be what the candidate is scored on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from tuneplug.monitoring import FitMonitor, MonitoredFit, TrialReporter
from tuneplug.stopping import Report, StopThresholds
from tuneplug_sklearn._compat import check_method_params, safe_split

__all__ = [
    "FoldWatch",
    "Watch",
    "Watched",
    "Watcher",
    "call_fit",
    "in_place_of_fit",
    "inner_split",
    "last_step",
    "own_params",
    "transformed",
]


@dataclass(frozen=True)
class Watch:
    """What one fit is held to; it travels with the job.

    Attributes
    ----------
    stop_thresholds : dict of (str or None) to StopThresholds
        By metric.
    deadline : float or None
        Seconds since the epoch at which it ends.
    late : str
        The reason for that.
    """

    stop_thresholds: Mapping[str | None, StopThresholds]
    deadline: float | None = None
    late: str = "timeout"


@dataclass(frozen=True)
class Watched:
    """What came of watching one fit.

    Attributes
    ----------
    reports : list of Report
    metric, direction : str or None
        What was reported.
    stop_reason : str or None
        Why it was ended.
    n_rounds : int or None
        What the estimator's own early stopping chose.
    notes : list of str
        What the monitor warns of.
    """

    reports: Sequence[Report]
    metric: str | None
    direction: Any
    stop_reason: str | None
    n_rounds: int | None
    notes: Sequence[str]


@dataclass(frozen=True)
class Watcher:
    """What all watched fits of a search have in common.

    Attributes
    ----------
    monitors : tuple of FitMonitor
    reporting : bool
        Whether every fit that can be watched is, as a stopping rule asks for it; otherwise those
        that have a deadline or stop early by themselves.
    validation_fraction : float or None
        Share of the training part that early stopping goes by; None leaves it to the fold's own
        validation part.
    seed : int
        Of the split into those; the same for all candidates.
    groups : array-like of shape (n_samples,) or None
        Groups that such a split keeps together.
    in_order : bool
        Whether the rows are in order of time: each fold is validated on later ones.
    """

    monitors: tuple[FitMonitor, ...]
    reporting: bool
    validation_fraction: float | None
    seed: int
    groups: Any = None
    in_order: bool = False

    def monitor_of(self, estimator: Any) -> FitMonitor | None:
        """Return the first monitor that accepts an estimator."""
        return next((monitor for monitor in self.monitors if monitor.accepts(estimator)), None)


class FoldWatch:
    """Watches the fit of one candidate on one fold.

    Parameters
    ----------
    watcher : Watcher
    watch : Watch
    estimator : estimator
        The clone that is going to be fitted, whatever parameters are set until then.
    X, y : array-like
        All data.
    train, test : ndarray
        Indices of the fold.
    fit_params : dict
        Arguments of ``fit`` for all data.
    fold : int
    """

    def __init__(
        self,
        watcher: Watcher,
        watch: Watch,
        estimator: Any,
        X: Any,
        y: Any,
        train: NDArray[np.intp],
        test: NDArray[np.intp],
        fit_params: Mapping[str, Any],
        fold: int,
    ) -> None:
        self._watcher, self._watch, self._estimator = watcher, watch, estimator
        self._X, self._y, self._train, self._test = X, y, np.asarray(train), np.asarray(test)
        self._fit_params, self._fold = fit_params, fold
        self.watched: Watched | None = None

    @contextmanager
    def watching(self) -> Iterator[FoldWatch]:
        """Within this context the estimator's ``fit`` is watched, if there is reason to."""
        with in_place_of_fit(self._estimator, self._fit):
            yield self

    def _fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        estimator, watcher = self._estimator, self._watcher
        last, own = last_step(estimator), own_params(estimator, params)
        monitor = watcher.monitor_of(last)
        validation: tuple[Any, Any, Any] = (None, None, None)
        early = monitor is not None and monitor.has_early_stopping(last, own)
        if monitor is None or not (watcher.reporting or early or self._watch.deadline is not None):
            return call_fit(estimator, X, y, params)
        if monitor.has_eval_set(own):
            pass  # the user's own are as good
        elif early and watcher.validation_fraction is not None:
            inner, held_out = self._inner_split(y, watcher.validation_fraction)
            weight = _weights(own, X, held_out)
            validation = (*safe_split(estimator, X, y, held_out, inner), weight)
            params = check_method_params(X, params=params, indices=inner)
            X, y = safe_split(estimator, X, y, inner)
        else:
            weight = _weights(own_params(estimator, self._fit_params), self._X, self._test)
            rest = safe_split(estimator, self._X, self._y, self._test, self._train)
            validation = (*rest, weight)
        with in_place_of_fit(last, functools.partial(self._fit_last, monitor, validation)):
            return call_fit(estimator, X, y, params)

    def _inner_split(self, y: Any, fraction: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        groups = self._watcher.groups
        return inner_split(
            y if is_classifier(self._estimator) else None,
            len(self._train),
            fraction,
            np.random.default_rng([self._watcher.seed, self._fold]),
            groups=None if groups is None else np.asarray(groups)[self._train],
            in_order=self._watcher.in_order,
        )

    def _fit_last(
        self,
        monitor: FitMonitor,
        validation: tuple[Any, Any, Any],
        X: Any,
        y: Any = None,
        **params: Any,
    ) -> Any:
        last, watch = last_step(self._estimator), self._watch
        X_val, y_val, sample_weight_val = validation
        if X_val is not None:
            X_val = transformed(self._estimator, X_val)
            if is_classifier(last) and np.ndim(y) == 1:
                known = np.isin(y_val, np.unique(y))
                if not known.any():  # nothing is evaluated, and nothing can be watched
                    return call_fit(last, X, y, params)
                if not known.all():
                    X_val, y_val = safe_split(last, X_val, y_val, np.flatnonzero(known))
                    sample_weight_val = (
                        None if sample_weight_val is None else np.asarray(sample_weight_val)[known]
                    )
        # A callback opens fold 0, a monitor of its own may name none.
        tests = {(m, f): test for m, test in watch.stop_thresholds.items() for f in (None, 0)}
        reporter = TrialReporter(tests, watch.deadline)
        compared = self._watcher.reporting
        fit = MonitoredFit(last, X, y, reporter, params, X_val, y_val, sample_weight_val, compared)
        n_rounds = None
        try:
            n_rounds = monitor.fit(fit)
        finally:
            reason = watch.late if reporter.stop_reason == "timeout" else reporter.stop_reason
            reports = [Report(r.step, r.value, self._fold) for r in reporter.reports]
            n_rounds = n_rounds if reason is None else None
            self.watched = Watched(
                reports, reporter.metric, reporter.direction, reason, n_rounds, fit.notes
            )
        return last


@contextmanager
def in_place_of_fit(estimator: Any, function: Callable[..., Any]) -> Iterator[None]:
    """Within it, the next call of ``estimator.fit`` is one of a function instead.

    The function finds the estimator's own ``fit`` again; whatever else is asked of the estimator,
    such as what its ``fit`` takes, is answered as ever.
    """

    @functools.wraps(estimator.fit)
    def fit(*args: Any, **params: Any) -> Any:
        del estimator.fit
        return function(*args, **params)

    estimator.fit = fit
    try:
        yield
    finally:
        estimator.__dict__.pop("fit", None)


def call_fit(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> Any:
    """Fit, without a target where there is none."""
    return estimator.fit(X, *([] if y is None else [y]), **params)


def last_step(estimator: Any) -> Any:
    """Return the last step of a pipeline, through pipelines in it; another estimator as it is."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def own_params(estimator: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``fit`` that are for the last step, under its names for them."""
    prefix, last = "", estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    if not prefix:
        return dict(params)
    if not get_config()["enable_metadata_routing"]:
        names = {name.removeprefix(prefix): name for name in params if name.startswith(prefix)}
    else:
        names = _requested(last)
    return {own: params[name] for own, name in names.items() if name in params}


def _requested(estimator: Any) -> dict[str, str]:
    """Return what an estimator requests for its ``fit``, and by which name of the caller's."""
    of_fit = getattr(get_routing_for_object(estimator), "fit", None)
    requests = {} if of_fit is None else of_fit.requests
    return {
        name: name if asked is True else asked
        for name, asked in requests.items()
        if asked is True or isinstance(asked, str)
    }


def transformed(estimator: Any, X: Any) -> Any:
    """Return data as the last step of a fitted pipeline sees them."""
    while isinstance(estimator, Pipeline):
        if len(estimator.steps) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator.steps[-1][1]
    return X


def inner_split(
    classes: Any,
    n_rows: int,
    fraction: float,
    rng: np.random.Generator,
    *,
    groups: NDArray[Any] | None = None,
    in_order: bool = False,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Hold out a part of a training set.

    Parameters
    ----------
    classes : array-like of shape (n_rows,) or None
        Each class gives its share; one that has a single row keeps it.
    n_rows : int
    fraction : float
    rng : Generator
    groups : ndarray of shape (n_rows,) or None
        Held out as wholes.
    in_order : bool
        Whether the rows are in order of time, so that the last ones are held out.

    Returns
    -------
    rest, held_out : ndarray of int

    Raises
    ------
    ValueError
        If either would be empty.
    """
    held = np.zeros(n_rows, dtype=bool)
    n_held = max(1, round(fraction * n_rows))
    if in_order:
        held[-n_held:] = True
    elif groups is not None:
        for group in rng.permutation(np.unique(groups)):
            if held.sum() < n_held:
                held |= groups == group
    elif classes is not None and np.ndim(classes) == 1:
        labels = np.asarray(classes)
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            share = min(max(1, round(fraction * len(rows))), len(rows) - 1)
            held[rng.permutation(rows)[:share]] = True
    else:
        held[rng.permutation(n_rows)[:n_held]] = True
    if held.all() or not held.any():
        raise ValueError(
            f"early stopping needs a part of the training data to go by, but {n_rows} rows cannot "
            f"be split with validation_fraction={fraction}: give more data, or "
            "validation_fraction=None to go by the validation part of each fold"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _weights(params: Mapping[str, Any], X: Any, rows: NDArray[np.intp]) -> Any:
    """Return the sample weights of some rows, None where there are none."""
    weight = params.get("sample_weight")
    if weight is None:
        return None
    return check_method_params(X, params={"sample_weight": weight}, indices=rows)["sample_weight"]
