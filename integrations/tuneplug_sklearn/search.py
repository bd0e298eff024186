"""WarpedBayesSearchCV: Bayesian optimisation in the place of ``RandomizedSearchCV``."""

from __future__ import annotations

import copy
import functools
import numbers
import pickle
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, final

import numpy as np
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, indexable

from tuneplug import NoCompletedTrialError, SearchSpace, SpaceExhausted, Study, TrialState
from tuneplug.execution import drive
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import fit_monitors, load_plugins
from tuneplug.stopping import CompletionRule, Convergence, Patience, StoppingRule, Target
from tuneplug.strategies import Strategy
from tuneplug_sklearn._compat import (
    RETURN,
    BaseSearchCV,
    FitTask,
    HasMethods,
    Interval,
    StrOptions,
    check_method_params,
    fit_context,
    has_callbacks,
    metric_names,
    public_scorers,
)
from tuneplug_sklearn.evaluation import Evaluation
from tuneplug_sklearn.executors import crew
from tuneplug_sklearn.foreign import translated
from tuneplug_sklearn.progress import Progress, call_all, print_line
from tuneplug_sklearn.results import search_results
from tuneplug_sklearn.schedule import Candidate, Limits, Schedule
from tuneplug_sklearn.shipping import Shipment
from tuneplug_sklearn.space import add_earlier, as_lists, default_point, n_distinct, startup_points
from tuneplug_sklearn.watching import Watcher, call_fit, in_place_of_fit, last_step, own_params

__all__ = ["WarpedBayesSearchCV", "most_candidates"]

#: Fits in flight that the default lag makes room for, whatever the number of workers, and the
#: longest it gets for that: with few folds, more would cost more than idle workers do.
IN_FLIGHT, MOST_LAG = 12, 3

#: Settings drawn to see which parameters there can be together.
N_DRAWN = 100

#: What not every fit sets: of an earlier one, it would not belong to the new ``cv_results_``.
OF_THE_LAST_FIT = (
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "feature_names_in_",
    "refit_time_",
)


@final
class WarpedBayesSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Cross-validated search that learns, as fits come in, where good settings lie.

    A drop-in for ``RandomizedSearchCV``: the same arguments with the same defaults, the same
    methods and fitted attributes.  A warped Gaussian process proposes the candidates.

    Parameters
    ----------
    estimator : estimator
        Needs ``score`` unless ``scoring`` is given.
    param_distributions : dict, list of dict, or SearchSpace
        For each parameter a list of choices, a scipy distribution, or a ``tuneplug.Float``,
        ``Int`` or ``Categorical``.  A list of dicts is one search with one budget.
    n_iter : int, default 10
        Candidates tried.
    scoring : str, callable, list, tuple or dict, default None
        As in scikit-learn; None is the estimator's ``score``.
    n_jobs : int or None, default None
        Fits at once, on workers of joblib's backend: processes, or what
        ``joblib.parallel_config`` names.  As one fit ends the next begins, of the same candidate or
        of another one.
    refit : bool, str or callable, default True
        As in scikit-learn.
    cv : int, cross-validation generator or iterable, default None
        As in scikit-learn.  The folds are made once, and all candidates share them.
    verbose : int, default 0
        From 1, a line for each candidate goes to stderr; from 2, scikit-learn's own messages.
    pre_dispatch : int or str, default "2*n_jobs"
        Has no effect: a fit is dispatched when a worker is free.
    random_state : int, RandomState or None, default None
        The same int gives the same candidates, whatever ``n_jobs`` is.
    error_score : "raise" or number, default nan
        As in scikit-learn.  A candidate with a failed fold is told to the strategy as failed.
    return_train_score : bool, default False
        As in scikit-learn.
    strategy : str or Strategy, default "bayesian"
        What proposes candidates: ``"bayesian"``, ``"random"``, ``"grid"``, the name of a plugin's,
        or an instance such as ``tuneplug.strategies.BayesianSearch(warping=False)``.
    optimize : str or None, default None
        With several metrics, the one that drives the search.  None: ``refit`` where that is a
        name, else the first metric.
    initial_points : list of dict or None, default None
        Settings to try first, in this order; they count towards ``n_iter``.
    include_default : bool, default False
        Whether to try the estimator's own values before anything else.
    prior_results : dict or None, default None
        ``cv_results_`` of an earlier search, to learn from: its rows are not counted, not ranked
        and not part of ``cv_results_``.  Rows outside of the space are left out, with a warning.
    executor : object with ``submit``, default None
        Where to fit, in the place of ``n_jobs`` workers of joblib: an executor of
        concurrent.futures, Dask, MPI or ipyparallel.  ``n_jobs`` is then the number of fits in
        flight; None takes the executor's number of workers if it tells, else that of cores.
    deterministic : bool or "auto", default "auto"
        Whether a candidate depends on no result but those of the candidates up to the
        ``lag + 1``-th before it, so that any ``n_jobs`` gives the same search.  Otherwise it
        depends on every result that has arrived.  "auto": where ``random_state`` is an int.
    lag : int or "auto", default "auto"
        How many of the latest candidates a new one does not wait for, in a deterministic search:
        (lag + 1) x folds fits can be in flight.  0 is the sequential search.  "auto": the least
        that makes room for 12 fits, at most 3.
    racing : bool, default False
        Whether a candidate ends after its first folds when those, compared with the same folds of
        the best, say that it cannot win.
    stopping : str, StoppingRule or None, default None
        What ends poor fits between boosting rounds: ``"median"``, ``"asha"`` or an instance of a
        rule of ``tuneplug.stopping``.  The last step of the estimator must be one whose rounds can
        be watched, such as a model of XGBoost or LightGBM.
    monitor : FitMonitor or None, default None
        What watches fits: None takes, of all that are installed, the one that accepts the last
        step.  ``tuneplug_xgboost.XGBoostMonitor(metric=..., maximize=...)`` chooses what to report.
    validation_fraction : float or None, default 0.1
        Where the last step stops early by itself, the share of each training part that it goes by.
        None: it goes by the validation part of the fold, whose score is then too good.
    timeout : float or None, default None
        Seconds after which no fit begins, and fits that are watched end.  Where they cannot be,
        those that have begun are let through while no candidate is complete.
    trial_timeout : float or None, default None
        Seconds after which no more folds of a candidate begin, and those that are watched end.
    target : float or None, default None
        The search ends once a candidate has this mean score.
    patience : int or None, default None
        The search ends once so many candidates in a row were no better than the best.
    convergence : bool, default False
        Whether the search ends once the strategy expects next to nothing of what it suggests; see
        ``tuneplug.stopping.Convergence``.
    callbacks : list of callable or None, default None
        Each is called in this process as ``f(progress)`` after each candidate, with a
        ``tuneplug_sklearn.Progress``; one that returns True ends the search.

    Attributes
    ----------
    study_ : tuneplug.Study
        The trials behind ``cv_results_``: ``study_.explain_scaling()``, ``study_.to_frame()``,
        ``study_.learned_warps()``; ``study_.completion_reason`` says why the search ended before
        ``n_iter`` candidates.
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.  Rows of ``cv_results_`` are in the order of suggestion.  With
        ``stopping``, ``racing`` or a time limit there are also ``trial_state``, ``suggested_by``
        and ``stop_reason``; folds left out or ended are NaN.  Where the last step stops early by
        itself, ``split0_best_round``, ... are the rounds that it chose.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from tuneplug import Float
    >>> from tuneplug_sklearn import WarpedBayesSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": Float(1e-2, 1e3), "gamma": Float(1e-4, 1e1)}
    >>> search = WarpedBayesSearchCV(SVC(), space, n_iter=15, random_state=0).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSearchCV._parameter_constraints,
        "param_distributions": [dict, list, SearchSpace],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "strategy": [str, Strategy],
        "optimize": [str, None],
        "initial_points": [list, tuple, None],
        "include_default": ["boolean"],
        "prior_results": [Mapping, None],
        "executor": [HasMethods("submit"), None],
        "deterministic": ["boolean", StrOptions({"auto"})],
        "lag": [Interval(numbers.Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "racing": ["boolean"],
        "stopping": [str, StoppingRule, None],
        "monitor": [FitMonitor, None],
        "validation_fraction": [Interval(numbers.Real, 0, 1, closed="neither"), None],
        "timeout": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "trial_timeout": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "target": [numbers.Real, None],
        "patience": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "convergence": ["boolean"],
        "callbacks": [list, tuple, None],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        strategy: str | Strategy = "bayesian",
        optimize: str | None = None,
        initial_points: Any = None,
        include_default: bool = False,
        prior_results: Any = None,
        executor: Any = None,
        deterministic: bool | str = "auto",
        lag: int | str = "auto",
        racing: bool = False,
        stopping: str | StoppingRule | None = None,
        monitor: FitMonitor | None = None,
        validation_fraction: float | None = 0.1,
        timeout: float | None = None,
        trial_timeout: float | None = None,
        target: float | None = None,
        patience: int | None = None,
        convergence: bool = False,
        callbacks: Any = None,
    ) -> None:
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state
        self.strategy = strategy
        self.optimize = optimize
        self.initial_points = initial_points
        self.include_default = include_default
        self.prior_results = prior_results
        self.executor = executor
        self.deterministic = deterministic
        self.lag = lag
        self.racing = racing
        self.stopping = stopping
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.timeout = timeout
        self.trial_timeout = trial_timeout
        self.target = target
        self.patience = patience
        self.convergence = convergence
        self.callbacks = callbacks
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def __sklearn_clone__(self) -> WarpedBayesSearchCV:
        """Clone; the executor and the callbacks are shared, as they stand for things outside."""
        shadow = object.__new__(type(self))
        shadow.__dict__.update(self.__dict__, executor=None, callbacks=None)
        copied: WarpedBayesSearchCV = super(WarpedBayesSearchCV, shadow).__sklearn_clone__()
        copied.executor, copied.callbacks = self.executor, self.callbacks
        return copied

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process: the executor, and callbacks like lambdas."""
        state: dict[str, Any] = dict(super().__getstate__())
        state["executor"] = None
        if self.callbacks is not None:
            state["callbacks"] = [f for f in self.callbacks if _picklable(f)]
        return state

    @fit_context
    def fit(self, X: Any, y: Any = None, **params: Any) -> WarpedBayesSearchCV:
        """Search, then refit the best candidate on all of the data.

        On an interrupt, or an error that is raised, the candidates that were scored are kept in
        ``cv_results_``, nothing is refitted, and it goes on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
        y : array-like of shape (n_samples, n_output) or (n_samples,), default None
        **params : dict
            Passed to the estimator's ``fit``, the scorer and the splitter, as in scikit-learn:
            arrays with one entry a sample are split with the folds, ``groups`` goes to the
            splitter.

        Returns
        -------
        self

        Raises
        ------
        SpaceError
            If ``param_distributions`` has faults; all of them are listed, before any fit.
        ValueError
            If every fit of every candidate failed, with counts and tracebacks; or, before any
            fit, if another argument is wrong.
        NoCompletedTrialError
            If no candidate came to its end, as ``trial_timeout`` or a callback stopped them.
        """
        scorers, refit_metric = self._get_scorers()
        metric = self._driving_metric(scorers)
        _check_callbacks(self.callbacks or ())
        study, n_independent = self._start_study(metric)
        limits = self._limits(study)
        self._check_names(study.space)
        monitors = self._monitors(study)
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        weight = params.get("sample_weight")
        root = FitTask.root(
            self,
            max_subtasks=1 + (self.refit is not False),
            X=X,
            y=y,
            metadata=None if weight is None else {"sample_weight": weight},
        ).begin()
        splits = self._make_splits(X, y, routed.splitter.split)
        n_folds, n_candidates = len(splits), most_candidates(study, self.n_iter)
        if self.verbose > 0:
            print(
                f"Fitting {n_folds} folds for each of {n_candidates} candidates,"
                f" totalling {n_folds * n_candidates} fits"
            )
        n_tasks = None if self.callbacks or limits.may_end else n_candidates * n_folds
        task = root.child("search", max_subtasks=n_tasks, sequential_subtasks=False).begin()
        options = {
            "scorer": scorers,
            "fit_params": routed.estimator.fit,
            "score_params": routed.scorer.score,
        }
        watcher = None
        if monitors:
            watcher = Watcher(
                monitors,
                limits.stopping,
                self.validation_fraction,
                study.seed,
                groups=routed.splitter.split.get("groups"),
                in_order=all(np.max(train) < np.min(test) for train, test in splits),
            )
        evaluation = self._evaluation(X, y, splits, n_candidates, options, watcher)
        self.study_ = study

        def context(candidate: int, fold: int) -> Any:
            if not has_callbacks(self):
                return None  # nobody is told, and nothing has to travel
            child = task.child("candidate-split-evaluation", task_id=candidate * n_folds + fold)
            return child.context

        with crew(
            Shipment(evaluation),
            self.n_jobs,
            self.executor,
            n_tasks=n_folds * n_candidates,
            ahead=0 if limits.timed else 1,
        ) as workers:
            schedule = Schedule(
                study,
                workers,
                limits,
                n_folds=n_folds,
                n_candidates=n_candidates,
                n_independent=n_independent,
                lag=self._lag_for(n_folds),
                metric=metric,
                failed=evaluation.failed,
                check=self._check_scores,
                context=context,
                report=self._report,
                watched=watcher is not None,
            )
            conclude = functools.partial(self._conclude, schedule, scorers, refit_metric)
            try:
                drive(workers.workers, schedule.next_job, schedule.done, schedule.lost)
            except BaseException as error:  # noqa: BLE001  it goes on, whatever comes of the rest
                schedule.abandon(f"interrupted: the search ended while this trial ran: {error!r}")
                try:
                    if schedule.any_fitted:
                        conclude()
                finally:
                    raise error
        if schedule.exhausted is not None:
            self._say_exhausted(study, schedule.exhausted)
        task.end()
        if self.verbose > 0 and limits.stopping:
            print(study.savings(), file=sys.stderr)
        conclude()
        for note in schedule.notes:
            warnings.warn(note, UserWarning, stacklevel=3)  # scikit-learn's decorator lies between
        if self.refit:
            self._refit(X, y, routed.estimator.fit, root, watcher)
        root.end()
        return self

    # ------------------------------------------------------------------ before the first fit

    def _driving_metric(self, scorers: Any) -> str | None:
        """Return the metric that drives the search; None is the only one, or the first."""
        names = metric_names(scorers)
        if names is None and not callable(self.scoring):
            names = ["score", *([self.scoring] if isinstance(self.scoring, str) else [])]
        if names is not None:
            _check_metric(self.optimize, names)
        return self.optimize or (self.refit if isinstance(self.refit, str) else None)

    def _check_names(self, space: SearchSpace) -> None:
        """Have the estimator refuse what it has no parameter for, in whichever part of the space.

        Raises
        ------
        ValueError
            Its own, with the names of those that it has.
        """
        drawn = space.sample(N_DRAWN, np.random.default_rng(0))
        for setting in {tuple(setting): setting for setting in drawn}.values():
            clone(self.estimator).set_params(**clone(setting, safe=False))

    def _limits(self, study: Study) -> Limits:
        """Return what ends the search, or a candidate, early."""
        rules: list[CompletionRule] = []
        if self.target is not None:
            rules.append(Target(self.target))
        if self.patience is not None:
            rules.append(Patience(self.patience))
        if self.convergence:
            rules.append(Convergence())
        return Limits(
            self.n_iter,
            self.timeout,
            self.trial_timeout,
            rules,
            self.racing,
            study.stopping is not None,
        )

    def _monitors(self, study: Study) -> tuple[FitMonitor, ...]:
        """Return the monitors that accept the last step, or what the space puts in its place.

        Raises
        ------
        ValueError
            If fits have to be watched and none does.
        """
        chosen = (
            value
            for branch in study.space.branches
            for parameter in branch.values()
            for value in getattr(parameter, "values", ())
            if hasattr(value, "fit")
        )
        steps = [last_step(estimator) for estimator in (self.estimator, *chosen)]
        needed = study.stopping is not None
        foreign = any(not type(step).__module__.startswith("sklearn.") for step in steps)
        if self.monitor is not None:
            known = [self.monitor]
        elif needed or foreign or self.timeout is not None or self.trial_timeout is not None:
            known = [cls() for cls in fit_monitors(load_plugins()).values()]
        else:
            return ()  # nothing of scikit-learn's stops early by data that it is not given
        monitors = tuple(m for m in known if any(m.accepts(step) for step in steps))
        if needed and not monitors:
            raise ValueError(
                "stopping needs an estimator whose rounds can be watched, but got "
                f"{type(steps[0]).__name__}, which none of the monitors "
                f"{sorted(monitor.name for monitor in known)} accepts: leave stopping out, or pass "
                "monitor=, a tuneplug.monitoring.FitMonitor"
            )
        return monitors

    def _lag_for(self, n_folds: int) -> int | None:
        """Return the lag, None where the search is not deterministic."""
        deterministic = self.deterministic
        if deterministic == "auto":
            deterministic = isinstance(self.random_state, numbers.Integral)
        if not deterministic:
            if self.lag != "auto":
                raise ValueError(
                    "lag needs a deterministic search, but got "
                    f"lag={self.lag}, deterministic={self.deterministic!r}, "
                    f"random_state={self.random_state!r}: set deterministic=True"
                )
            return None
        auto = min(MOST_LAG, -(-IN_FLIGHT // n_folds) - 1)
        return auto if self.lag == "auto" else int(self.lag)

    def _start_study(self, metric: str | None) -> tuple[Study, int]:
        """Return a fresh study, and how many of its first trials depend on no result."""
        space = SearchSpace(translated(self.param_distributions))
        rng = check_random_state(self.random_state)
        # Start-up settings come from the state in which RandomizedSearchCV would find it.
        untouched = copy.deepcopy(rng)
        seed = rng.randint(np.iinfo(np.int32).max)
        study = Study(
            space,
            strategy=self.strategy,
            direction="maximize",
            stopping=self.stopping,
            seed=int(seed),
            n_trials=self.n_iter,
        )
        n_startup = study.strategy.n_startup(space, self.n_iter)
        n_earlier = 0
        if self.prior_results is not None:
            n_earlier = add_earlier(study, self.prior_results, metric)
        points = [default_point(space, self.estimator)] if self.include_default else []
        points += list(self.initial_points or ())
        # Where settings may repeat, a space smaller than n_iter is nothing to warn of.
        n_listed = (
            int(min(self.n_iter, space.size)) if study.strategy.allow_repeats else self.n_iter
        )
        n_drawn = max(0, n_startup - n_earlier - len(points))
        if n_startup > 0 or not study.strategy.allow_repeats:
            points += startup_points(space, n_listed, n_drawn, untouched)
        for point in points:
            study.enqueue(point)
        n_independent = study.strategy.n_independent(space, self.n_iter)
        return study, max(n_independent, n_distinct(space, points))

    def _make_splits(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[Any]:
        """Make the folds, once for all candidates."""
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = cv.get_n_splits(X, y, **split_params)
        splits = list(cv.split(X, y, **split_params))
        if len(splits) != self.n_splits_:
            raise ValueError(
                f"cv.split and cv.get_n_splits {RETURN} inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(splits)}"
            )
        if not splits:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        return splits

    def _evaluation(
        self,
        X: Any,
        y: Any,
        splits: Any,
        n_candidates: int,
        options: Mapping[str, Any],
        watcher: Watcher | None,
    ) -> Evaluation:
        """Return what all fits have in common."""
        return Evaluation(
            self.estimator,
            X,
            y,
            splits,
            search=self,
            n_candidates=n_candidates,
            options={
                **options,
                "return_train_score": self.return_train_score,
                "return_n_test_samples": True,
                "return_times": True,
                "return_parameters": False,
                "error_score": self.error_score,
                "verbose": self.verbose,
            },
            config=get_config(),
            filters=list(warnings.filters),
            watcher=watcher,
        )

    # ------------------------------------------------------------------ the search

    def _check_scores(self, result: Mapping[str, Any]) -> None:
        """Check ``refit`` and ``optimize`` where a result says what ``scoring`` returns."""
        scores = result["test_scores"]
        if callable(self.scoring) and isinstance(scores, Mapping):
            self._check_refit_for_multimetric(scores)
            _check_metric(self.optimize, list(scores))

    def _report(self, progress: Progress) -> bool:
        """Tell of a candidate that ended; return whether the search is to end."""
        if self.verbose > 0:
            print_line(progress)
        return call_all(self.callbacks or (), progress)

    def _say_exhausted(self, study: Study, error: SpaceExhausted) -> None:
        done = len(study.history)
        listed = as_lists(study.space) is not None
        if listed and self.n_iter > study.space.size:
            return  # scikit-learn's ParameterSampler has said so
        warnings.warn(
            f"{error} The search ends after {done} of n_iter={self.n_iter} candidates.",
            UserWarning,
            stacklevel=4,  # the line that calls fit: scikit-learn's decorator lies between
        )

    # ------------------------------------------------------------------ after the last fit

    def _conclude(self, schedule: Schedule, scorers: Any, refit_metric: Any) -> None:
        """Set ``cv_results_`` and ``best_*`` from all results."""
        rows = [candidate for candidate in schedule.candidates if candidate.scored]
        results = search_results(self, rows, with_states=schedule.limits.cut_short)
        for name in OF_THE_LAST_FIT:
            self.__dict__.pop(name, None)
        first = next(r for r in rows[0].results if r is not None)["test_scores"]
        self.multimetric_ = isinstance(first, Mapping)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        self.scorer_ = public_scorers(scorers)
        self.cv_results_ = results
        _check_any_whole(rows)
        if self.refit or not self.multimetric_:
            failed = [candidate.error is not None for candidate in rows]
            self.best_index_ = self._best_index(refit_metric, results, np.array(failed))
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]

    def _best_index(self, metric: Any, results: Mapping[str, Any], failed: Any) -> int:
        """Return the row that is best: whatever ``error_score`` is, no failed one if it can be."""
        if callable(self.refit) or failed.all():
            return int(self._select_best_index(self.refit, metric, results))
        return int(np.where(failed, len(failed) + 1, results[f"rank_test_{metric}"]).argmin())

    def _refit(
        self,
        X: Any,
        y: Any,
        fit_params: Mapping[str, Any],
        root: FitTask,
        watcher: Watcher | None,
    ) -> None:
        # Settings may hold estimators themselves: they are cloned like the estimator.
        self.best_estimator_ = clone(self.estimator).set_params(
            **clone(self.best_params_, safe=False)
        )
        task = root.child("refit-with-best-params", with_data=True)
        with self._as_many_rounds(watcher, fit_params):
            start = time.time()
            task.fit(self.best_estimator_, X, *([] if y is None else [y]), **fit_params)
            self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        task.end()

    def _as_many_rounds(
        self, watcher: Watcher | None, fit_params: Mapping[str, Any]
    ) -> AbstractContextManager[None]:
        """Refit with the median of the rounds that early stopping chose, without evaluation data.

        Where it went by evaluation sets of the user's own, those go to the refit as well, and it
        stops early again.  Where it chose none, as under DART, there are as many as without it.
        """
        last = last_step(self.best_estimator_)
        monitor = None if watcher is None else watcher.monitor_of(last)
        own = own_params(self.best_estimator_, fit_params)
        if (
            monitor is None
            or monitor.has_evaluation(own)
            or not monitor.has_early_stopping(last, own)
        ):
            return nullcontext()
        names = [name for name in self.cv_results_ if name.endswith("_best_round")]
        rounds = np.array([self.cv_results_[name][self.best_index_] for name in names])
        rounds = rounds[np.isfinite(rounds)]
        n_rounds = max(1, round(float(np.median(rounds)))) if len(rounds) else None

        def fit(X: Any, y: Any = None, **params: Any) -> Any:
            return call_fit(last, X, y, monitor.for_refit(last, params, n_rounds))

        return in_place_of_fit(last, fit)


def most_candidates(study: Study, n_iter: int) -> int:
    """Return how many candidates there will be at most; conditions can make it fewer."""
    return n_iter if study.strategy.allow_repeats else int(min(n_iter, study.space.size))


def _check_any_whole(rows: Sequence[Candidate]) -> None:
    """Check that not every candidate that could be best was stopped."""
    states = Counter(candidate.trial.state for candidate in rows)
    if states[TrialState.STOPPED] and not states[TrialState.COMPLETE]:
        reasons = sorted({str(c.trial.stop_reason) for c in rows} - {"None"})
        raise NoCompletedTrialError(
            f"no candidate came to its end: {states[TrialState.STOPPED]} of {len(rows)} were "
            f"stopped ({', '.join(reasons)}), and what they scored and reported is in study_: "
            "allow a candidate more time, or have fewer folds"
        )


def _check_callbacks(callbacks: Sequence[Any]) -> None:
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(
                f"callbacks must be callables that take a Progress, but got {callback!r}: "
                "scikit-learn's own callbacks go to set_callbacks()"
            )


def _check_metric(name: str | None, names: list[str]) -> None:
    if name is not None and name not in names:
        raise ValueError(f"optimize must be one of the metrics {names}, but got {name!r}")


def _picklable(function: Callable[..., Any]) -> bool:
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
