"""WarpedBayesSearchCV: Bayesian optimization in the place of ``RandomizedSearchCV``."""

from __future__ import annotations

import functools
import numbers
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, final

import cloudpickle
import numpy as np
from sklearn import get_config
from sklearn.utils import indexable

from tuneplug import SearchSpace, SpaceExhausted, Study
from tuneplug.execution import (
    INTERRUPTED_MESSAGE,
    Broadcast,
    ProgressReporter,
    WorkerPool,
    run_jobs,
)
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import Plugins
from tuneplug.stopping import CompletionRule, StoppingRule
from tuneplug.strategies import Strategy
from tuneplug_sklearn import finishing
from tuneplug_sklearn._compat import (
    BaseSearchCV,
    FitTask,
    HasMethods,
    Interval,
    StrOptions,
    check_method_params,
    fit_context,
    has_callbacks,
)
from tuneplug_sklearn.evaluation import Evaluation
from tuneplug_sklearn.executors import make_pool
from tuneplug_sklearn.initial_points import as_lists
from tuneplug_sklearn.monitored_fit import Watcher
from tuneplug_sklearn.plan import (
    check_metric,
    check_names,
    check_search_callbacks,
    driving_metric,
    lag_for,
    limits_of,
    make_splits,
    most_candidates,
    score_name,
    start_study,
    watcher_of,
)
from tuneplug_sklearn.scheduler import Schedule

__all__ = ["WarpedBayesSearchCV"]


@final
class WarpedBayesSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Cross-validated search that learns, as fits come in, where good configurations lie.

    A drop-in for ``RandomizedSearchCV``: the same arguments with the same defaults, the same
    methods and fitted attributes.  A warped Gaussian process proposes the candidates.

    Parameters
    ----------
    estimator : estimator
        Needs ``score`` unless ``scoring`` is given.
    param_distributions : mapping, list of mappings, or SearchSpace
        For each parameter a list of choices, a scipy distribution, or a ``tuneplug.Float``,
        ``Int`` or ``Categorical``, or what a converter of the plugins accepts.  A list of dicts is
        one search with one budget.
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
        If at least 1, a line for each candidate is printed on stdout; if at least 2, scikit-learn's
        own messages as well.
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
    objective_metric : str or None, default None
        With several metrics, the one that drives the search.  If None, ``refit`` if it is a name,
        otherwise the first metric.
    initial_points : list of dict or None, default None
        Configurations to try first, in this order; they count toward ``n_iter``.
    include_default : bool, default False
        Whether to try the estimator's own values before anything else.
    previous_results : dict or None, default None
        ``cv_results_`` of an earlier search, to learn from: its rows are not counted, not ranked
        and not part of ``cv_results_``.  Rows outside of the space are left out, with a warning.
    executor : str or object with ``submit``, default None
        Where to fit, in the place of ``n_jobs`` workers of joblib: an executor of
        concurrent.futures, Dask, Ray, MPI or ipyparallel, or a client of Dask; or the name of a
        plugin's, such as ``"dask"`` and ``"ray"``, which lives for the time of the search.
        ``n_jobs`` is then the number of fits in flight; None takes the executor's number of workers
        if it tells, else that of cores.
    lag : int, "auto" or None, default "auto"
        Bounded staleness.  If an int, candidate k is suggested from the results of candidates up to
        k - 1 - ``lag``, so that any ``n_jobs`` gives the same search and at most (``lag`` + 1) x
        ``n_splits_`` fits run at once; 0 is the sequential search.  If None, a candidate is
        suggested from every result that has arrived.  "auto" is None unless ``random_state`` is an
        int; then it is the least lag that makes room for 12 fits, at most 3.
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
    completion : list of CompletionRule, default ()
        The search ends once one of the rules of ``tuneplug.stopping`` applies:
        ``completion=[Target(0.9), Patience(10), Convergence()]``.
    callbacks : list of callable or None, default None
        Each is called in this process as ``f(progress)`` after each candidate, with a
        ``tuneplug_sklearn.Progress``.  The search ends once one returns True.
    plugins : Plugins or None, default None
        Where names are looked up, and what observes ``study_``; None is all that is installed.

    Attributes
    ----------
    study_ : tuneplug.Study
        The trials behind ``cv_results_``: ``study_.explain_scaling()``, ``study_.to_frame()``,
        ``study_.learned_warps()``; ``study_.completion_reason`` says why the search ended before
        ``n_iter`` candidates.
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.  Rows of ``cv_results_`` are in the order of suggestion.  With
        ``stopping``, ``racing`` or a time limit there are also ``trial_state``, ``origin``
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
        "param_distributions": [Mapping, list, SearchSpace],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "strategy": [str, Strategy],
        "objective_metric": [str, None],
        "initial_points": [list, tuple, None],
        "include_default": ["boolean"],
        "previous_results": [Mapping, None],
        "executor": [str, HasMethods("submit"), None],
        "lag": [Interval(numbers.Integral, 0, None, closed="left"), StrOptions({"auto"}), None],
        "racing": ["boolean"],
        "stopping": [str, StoppingRule, None],
        "monitor": [FitMonitor, None],
        "validation_fraction": [Interval(numbers.Real, 0, 1, closed="neither"), None],
        "timeout": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "trial_timeout": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "completion": [list, tuple],
        "callbacks": [list, tuple, None],
        "plugins": [Plugins, None],
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
        objective_metric: str | None = None,
        initial_points: Any = None,
        include_default: bool = False,
        previous_results: Any = None,
        executor: Any = None,
        lag: int | str | None = "auto",
        racing: bool = False,
        stopping: str | StoppingRule | None = None,
        monitor: FitMonitor | None = None,
        validation_fraction: float | None = 0.1,
        timeout: float | None = None,
        trial_timeout: float | None = None,
        completion: Sequence[CompletionRule] = (),
        callbacks: Any = None,
        plugins: Plugins | None = None,
    ) -> None:
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state
        self.strategy = strategy
        self.objective_metric = objective_metric
        self.initial_points = initial_points
        self.include_default = include_default
        self.previous_results = previous_results
        self.executor = executor
        self.lag = lag
        self.racing = racing
        self.stopping = stopping
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.timeout = timeout
        self.trial_timeout = trial_timeout
        self.completion = completion
        self.callbacks = callbacks
        self.plugins = plugins
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
        """Clone; executor, callbacks and plugins are shared: they stand for things outside."""
        shared = {name: getattr(self, name) for name in ("executor", "callbacks", "plugins")}
        shadow = object.__new__(type(self))
        shadow.__dict__.update(self.__dict__, **dict.fromkeys(shared))
        copied: WarpedBayesSearchCV = super(WarpedBayesSearchCV, shadow).__sklearn_clone__()
        copied.__dict__.update(shared)
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
        metric = driving_metric(self, scorers)
        check_search_callbacks(self.callbacks or ())
        study, n_independent = start_study(self, metric)
        limits = limits_of(self, study)
        check_names(self, study.space)
        make_watcher = watcher_of(self, study)
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
        splits = make_splits(self, X, y, routed.splitter.split)
        n_folds = self.n_splits_ = len(splits)
        n_candidates = most_candidates(study, self.n_iter)
        self._announce(n_folds, n_candidates)
        n_tasks = None if self.callbacks or limits.may_end else n_candidates * n_folds
        task = root.child("search", max_subtasks=n_tasks, sequential_subtasks=False).begin()
        options = {
            "scorer": scorers,
            "fit_params": routed.estimator.fit,
            "score_params": routed.scorer.score,
        }
        watcher = make_watcher(splits, routed.splitter.split.get("groups"))
        evaluation = self._evaluation(X, y, splits, n_candidates, options, watcher)
        self.study_ = study

        def context(candidate: int, fold: int) -> Any:
            if not has_callbacks(self):
                return None  # nobody is told, and nothing has to travel
            child = task.child("candidate-split-evaluation", task_id=candidate * n_folds + fold)
            return child.context

        workers = make_pool(
            self.n_jobs,
            self.executor,
            study.plugins,
            n_tasks=n_folds * n_candidates,
            prefetch=0 if limits.timed else 1,
        )
        progress = ProgressReporter(
            study.history,
            n_candidates,
            score_name(self, metric),
            self.callbacks or (),
            self.verbose,
        )
        with workers as pool, study.running():
            schedule = Schedule(
                study,
                pool,
                Broadcast(evaluation, cloudpickle.dumps),
                limits,
                n_folds=n_folds,
                n_independent=n_independent,
                lag=lag_for(self, n_folds),
                metric=metric,
                failed=evaluation.failed,
                check=self._check_scores,
                context=context,
                progress=progress,
                watched=watcher is not None,
            )
            conclude = functools.partial(finishing.conclude, self, schedule, scorers, refit_metric)
            self._drive(pool, schedule, conclude)
        if schedule.exhausted is not None:
            self._say_exhausted(study, schedule.exhausted)
        task.end()
        if self.verbose > 0 and limits.stopping:
            print(study.savings())
        conclude()
        for note in schedule.notes:
            warnings.warn(note, UserWarning, stacklevel=3)  # scikit-learn's decorator lies between
        if self.refit:
            finishing.refit(self, X, y, routed.estimator.fit, root, watcher)
        root.end()
        return self

    def _announce(self, n_folds: int, n_candidates: int) -> None:
        if self.verbose > 0:
            print(
                f"Fitting {n_folds} folds for each of {n_candidates} candidates,"
                f" totalling {n_folds * n_candidates} fits"
            )

    def _drive(self, pool: WorkerPool, schedule: Schedule, conclude: Callable[[], None]) -> None:
        """Run the fits; conclude at once where an error ends them, and let it go on."""
        try:
            run_jobs(pool, schedule.next_job, schedule.on_result, schedule.on_failure)
        except BaseException as error:  # noqa: BLE001  it goes on, whatever comes of the rest
            schedule.abandon(f"{INTERRUPTED_MESSAGE}: {error!r}")
            try:
                if schedule.any_fitted:
                    conclude()
            finally:
                raise error

    # ------------------------------------------------------------------ before the first fit

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
        """Check ``refit`` and ``objective_metric`` where a result says what ``scoring`` returns."""
        scores = result["test_scores"]
        if callable(self.scoring) and isinstance(scores, Mapping):
            self._check_refit_for_multimetric(scores)
            check_metric(self.objective_metric, list(scores))

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


def _picklable(function: Callable[..., Any]) -> bool:
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
