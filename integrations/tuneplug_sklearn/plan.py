"""The plan of a search: everything that is decided from its arguments before the first fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv

from tuneplug import SearchSpace, Study, Trial
from tuneplug.execution import check_callbacks
from tuneplug.plugins import did_you_mean
from tuneplug.stopping import check_completion
from tuneplug.study import resolve_timeout
from tuneplug_sklearn._compat import RETURN, metric_names, n_samples
from tuneplug_sklearn.arguments import check_folds, check_no_flags, check_splitter
from tuneplug_sklearn.candidate import Limits
from tuneplug_sklearn.initial_points import start_study
from tuneplug_sklearn.lag import checked_lag
from tuneplug_sklearn.monitored_fit import MonitorConfig
from tuneplug_sklearn.monitors import choose_monitors, make_monitor_config
from tuneplug_sklearn.queries import check_queries
from tuneplug_sklearn.resources import N_SAMPLES, Resources, check_resource, resolve_resources
from tuneplug_sklearn.splitting import TimeOrder
from tuneplug_sklearn.storing import FitData, StoredSearch, open_search
from tuneplug_sklearn.subsampling import Subsampling, class_labels

if TYPE_CHECKING:
    from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = ["SearchPlan", "check_metric", "make_plan"]

#: Number of configurations sampled to find out which parameters occur together.
N_SAMPLED = 100


@dataclass(frozen=True)
class SearchPlan:
    """Everything that a search decides before its first fit.

    Attributes
    ----------
    study : Study
        New or resumed, with the initial configurations enqueued.
    splits : list of (train, test)
        Row numbers of each fold.
    limits : Limits
    n_candidates : int
        Maximum number of candidates; conditions of the space can make it fewer.
    n_independent : int
        Number of first candidates that depend on no result.
    n_chosen : int
        Number of first candidates that the user or a grid chose.
    lag : int or None
        If None, a candidate depends on every result that has arrived.
    metric : str or None
        Metric that drives the search.  If None, the only metric, or the first one.
    monitoring : MonitorConfig or None
        If None, fits are not monitored.
    resources : Resources or None
        If None, every fit uses the whole training part.
    subsampling : Subsampling or None
        Given if the resource is the number of rows.
    stored : StoredSearch or None
        If None, the study is not stored.
    """

    study: Study
    splits: Sequence[tuple[Any, Any]]
    limits: Limits
    n_candidates: int
    n_independent: int
    n_chosen: int
    lag: int | None
    metric: str | None
    monitoring: MonitorConfig | None
    resources: Resources | None = None
    subsampling: Subsampling | None = None
    stored: StoredSearch | None = None

    @property
    def n_fits(self) -> int:
        """Maximum number of fits, without the refit."""
        return self.n_candidates * len(self.splits)

    @property
    def fitted(self) -> dict[str, Any]:
        """The fitted attributes that are known before the first fit."""
        known = {} if self.resources is None else self.resources.fitted
        if self.stored is not None:
            known = {**known, "study_name_": self.study.name}
        return {"study_": self.study, "n_splits_": len(self.splits), **known}

    def params(self, trial: Trial) -> dict[str, Any]:
        """Return the parameters that the fits of a trial set."""
        return trial.proposed_params if self.resources is None else self.resources.params(trial)

    def share(self, trial: Trial) -> float:
        """Return the share of each training part that the fits of a trial use."""
        return 1.0 if self.resources is None else self.resources.share(trial)


def make_plan(search: WarpedBayesSearchCV, scorers: Any, data: FitData, routed: Any) -> SearchPlan:
    """Check the arguments of a search and return its plan.

    Parameters
    ----------
    search : WarpedBayesSearchCV
        Not changed.
    scorers : callable
        Made by scikit-learn from ``scoring``.
    data : FitData
    routed : Bunch
        scikit-learn's routed parameters.

    Raises
    ------
    SpaceError
        If the space has errors.
    ValueError
        If another argument is wrong, or another search is stored under the name to resume.
    StorageError
        If the storage cannot be used.
    """
    X, y = data.X, data.y
    metric = _objective_metric(search, scorers)
    callbacks = search.callbacks or ()
    check_callbacks(callbacks, hint=": scikit-learn's own callbacks go to set_callbacks()")
    split_params = routed.splitter.split
    check_no_flags(search)
    check_splitter(search.cv)
    cv = check_cv(search.cv, y, classifier=is_classifier(search.estimator))  # may be an iterator
    resources = resolve_resources(search, X, y, cv, split_params)
    stored = open_search(search, metric, resources, data)
    study, n_independent, n_chosen = start_study(search, metric, resources, stored)
    limits = _limits(search, study)
    configured = _check_names(search.estimator, study.space)
    if resources is not None:
        check_resource(resources.name, study.space, configured)
    monitors = choose_monitors(search, study, configured, routed.estimator.fit)
    known = None if stored is None or not stored.resumes else stored.stored_splits()
    splits = _make_splits(cv, X, y, split_params) if known is None else known
    groups = split_params.get("groups")
    check_queries(search.estimator, routed.estimator.fit, n_samples(X), splits)
    plan = SearchPlan(
        study,
        splits,
        limits,
        _max_candidates(study, search.n_iter, resources),
        n_independent,
        n_chosen,
        checked_lag(search, study, len(splits)),
        metric,
        make_monitor_config(monitors, study, search, splits, groups),
        resources,
        _subsampling(search, resources, study.seed, splits, y, groups),
        stored,
    )
    if stored is not None:
        stored.create(study, splits)  # all arguments are right
    return plan


def _limits(search: WarpedBayesSearchCV, study: Study) -> Limits:
    return Limits(
        search.n_iter,
        resolve_timeout(search.timeout, "the 'timeout' parameter"),
        resolve_timeout(search.trial_timeout, "the 'trial_timeout' parameter"),
        check_completion(search.completion),
        search.racing,
        study.stopping is not None,
        search.fail_fast,
    )


# ------------------------------------------------------------------ metric and names


def _objective_metric(search: WarpedBayesSearchCV, scorers: Any) -> str | None:
    """Return the metric that drives the search; None if it is the only one, or the first."""
    names = metric_names(scorers)
    if names is None and not callable(search.scoring):
        names = ["score", *([search.scoring] if isinstance(search.scoring, str) else [])]
    if names is not None:
        check_metric(search.objective_metric, names)
    return search.objective_metric or (search.refit if isinstance(search.refit, str) else None)


def check_metric(name: str | None, names: list[str]) -> None:
    """Check that ``objective_metric``, if given, is one of the metrics.

    Raises
    ------
    ValueError
        If it is not.
    """
    if name is not None and name not in names:
        raise ValueError(
            f"objective_metric must be one of the metrics {names}, but got {name!r}"
            f"{did_you_mean(name, names)}"
        )


def _check_names(estimator: Any, space: SearchSpace) -> list[Any]:
    """Return estimators with configurations of the space, one per combination of names and types.

    Every sub-space is sampled.

    Raises
    ------
    ValueError
        If the estimator lacks parameters of the space: with all wrong names and the parameters of
        the estimator, or the error of ``set_params``.
    """
    drawn = space.sample(N_SAMPLED, np.random.default_rng(0))
    wrong: dict[str, str] = {}
    valid: dict[str, None] = {}
    configured = []
    by_types = {tuple((n, type(value)) for n, value in params.items()): params for params in drawn}
    for configuration in by_types.values():
        try:
            configured.append(clone(estimator).set_params(**clone(configuration, safe=False)))
        except (AttributeError, TypeError, ValueError):
            own, unknown = _unknown_names(clone(estimator), clone(configuration, safe=False))
            if not unknown:
                raise
            wrong |= {name: _similar(name, own) for name in unknown}
            valid |= dict.fromkeys(own)
    if wrong:
        named = ", ".join(repr(name) for name in wrong)
        plural = "s" if len(wrong) > 1 else ""
        hints = "".join(f"; {name!r}{hint}" for name, hint in wrong.items() if hint)
        raise ValueError(
            f"Invalid parameter{plural} {named} for estimator {type(estimator).__name__}: names of "
            "param_distributions must be parameters of the estimator"
            f"{hints}. Valid parameters are: {sorted(valid)}"
        )
    return configured


def _similar(name: str, own: Sequence[str]) -> str:
    """Return the end of a message that names the most similar parameter.

    A name that lacks the step is similar to that with the step, also if it is short.
    """
    of_steps = [full for full in own if full.endswith(f"__{name}")]
    return f": did you mean {of_steps[0]!r}?" if len(of_steps) == 1 else did_you_mean(name, own)


def _unknown_names(estimator: Any, configuration: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the estimator's names of parameters, and those of a configuration that it lacks.

    Outer parameters are set first: they may replace the step that an inner one belongs to.
    """
    unknown = []
    for name in sorted(configuration, key=lambda name: name.count("__")):
        try:
            estimator.set_params(**{name: configuration[name]})
        except (AttributeError, TypeError, ValueError):
            if name not in estimator.get_params():
                unknown.append(name)
    return sorted(estimator.get_params()), unknown


# ------------------------------------------------------------------ folds


def _subsampling(
    search: WarpedBayesSearchCV,
    resources: Resources | None,
    seed: int,
    splits: Sequence[tuple[Any, Any]],
    y: Any,
    groups: Any,
) -> Subsampling | None:
    """Return the orders of the training parts if the resource is the number of rows."""
    if resources is None or resources.name != N_SAMPLES:
        return None
    subsampling = Subsampling.of(
        splits,
        seed,
        classes=class_labels(search.estimator, y),
        groups=groups,
        time_order=TimeOrder.of(search.cv, splits),
    )
    resources.warn_of_large_groups(subsampling)
    return subsampling


def _max_candidates(study: Study, n_iter: int, resources: Resources | None) -> int:
    if resources is not None:
        return resources.max_candidates(n_iter)
    return n_iter if study.strategy.allow_repeats else int(min(n_iter, study.space.size))


def _make_splits(cv: Any, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Return the row numbers (train, test) of each fold; all candidates share them.

    Raises
    ------
    ValueError
        If ``cv`` yields no fold, or another number of folds than ``get_n_splits`` states.
    """
    n_splits = cv.get_n_splits(X, y, **split_params)
    splits = list(cv.split(X, y, **split_params))
    if len(splits) != n_splits:
        raise ValueError(
            f"cv.split and cv.get_n_splits {RETURN} inconsistent results. "
            f"Expected {n_splits} splits, got {len(splits)}"
        )
    if not splits:
        raise ValueError(
            "No fits were performed. Was the CV iterator empty? Were there no candidates?"
        )
    check_folds(splits, n_samples(X))
    return [(_row_numbers(train), _row_numbers(test)) for train, test in splits]


def _row_numbers(rows: Any) -> Any:
    """Return the row numbers of a mask; row numbers are returned unchanged."""
    return np.flatnonzero(rows) if np.asarray(rows).dtype == bool else rows
