"""WarpedBayesSearchCV: Bayesian optimization with the interface of ``RandomizedSearchCV``."""

from __future__ import annotations

import numbers
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
from sklearn import get_config
from sklearn.utils import indexable

from tuneplug import SearchSpace, SpaceExhausted, Study
from tuneplug.execution import INTERRUPTED_MESSAGE, ProgressReporter, run_jobs
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import Plugins, keep_warning_filters
from tuneplug.stopping import CompletionRule, StoppingRule
from tuneplug.storage import Storage
from tuneplug.strategies import Strategy
from tuneplug.study import WarmStartType
from tuneplug_sklearn._compat import (
    BaseSearchCV,
    CallbackTask,
    HasMethods,
    Interval,
    StrOptions,
    check_method_params,
    fit_context,
    has_callbacks,
    n_samples,
)
from tuneplug_sklearn.arguments import check_scoring, check_weights
from tuneplug_sklearn.constraints import Fold
from tuneplug_sklearn.evaluation import Evaluation
from tuneplug_sklearn.executors import make_pool
from tuneplug_sklearn.initial_points import as_param_grid
from tuneplug_sklearn.plan import SearchPlan, check_metric, make_plan
from tuneplug_sklearn.queries import split_with_rows
from tuneplug_sklearn.refit import Refit, refit
from tuneplug_sklearn.results import ResultOptions, SearchOutcome, select_best, summarize
from tuneplug_sklearn.returned_scores import ReturnedScores
from tuneplug_sklearn.scheduler import Scheduler, SearchHooks
from tuneplug_sklearn.storing import FitData

__all__ = ["WarpedBayesSearchCV"]

#: Fitted attributes that not every fit sets.
OPTIONAL_ATTRIBUTES = (
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "feature_names_in_",
    "refit_time_",
)
#: Fitted attributes of a search with a resource, and of one with a storage.
PLAN_ATTRIBUTES = ("max_resources_", "min_resources_", "study_name_")


@final
class WarpedBayesSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Cross-validated hyperparameter search by Bayesian optimization.

    A drop-in replacement for ``RandomizedSearchCV``: the same arguments with the same defaults, the
    same methods and fitted attributes.  A warped Gaussian process suggests the candidates.

    Parameters
    ----------
    estimator : estimator
        Must have ``score`` unless ``scoring`` is given.
    param_distributions : mapping, list of mappings, or SearchSpace
        For each parameter a list of categories, a scipy distribution, a ``tuneplug.Float``,
        ``Int`` or ``Categorical``, or an object that a converter plugin accepts.  A list of dicts
        declares sub-spaces, which are searched with one budget.
    n_iter : int, default 10
        Number of candidates.  With ``resource``, the budget in full candidates: there are more.
    scoring : str, callable, list, tuple or dict, default None
        As in scikit-learn.  If None, the estimator's ``score``.
    n_jobs : int or None, default None
        Number of fits that run at once on workers of joblib's backend: processes, or the backend
        that ``joblib.parallel_config`` names.  When a fit ends the next one starts, of the same
        candidate or of another one.
    refit : bool, str or callable, default True
        As in scikit-learn.
    cv : int, cross-validation generator or iterable, default None
        As in scikit-learn.  The folds are made once, and all candidates share them.
    verbose : int or str, default 0
        If at least 1, a line is printed on stdout for each candidate, and at the end one for each
        range at whose end the best candidate lies.  If at least 2, configurations and messages of
        scikit-learn are printed, too.  ``"bar"`` shows a progress bar on stderr, which needs rich;
        other names are those of observers of plugins.
    pre_dispatch : int or str, default "2*n_jobs"
        Has no effect: a fit is dispatched when a worker is free.
    random_state : int, RandomState or None, default None
        The same int gives the same candidates for any ``n_jobs``.
    error_score : "raise" or number, default nan
        As in scikit-learn.  The trial of a candidate with a failed fold is a failed one.
    return_train_score : bool, default False
        As in scikit-learn.
    strategy : str or Strategy, default "bayesian"
        Suggests the candidates: ``"bayesian"``, ``"random"``, ``"grid"``, the name of a plugin's
        strategy, or an instance such as ``tuneplug.strategies.BayesianSearch(warping=False)``.
    objective_metric : str or None, default None
        Metric that drives the search if there are several.  If None, ``refit`` if it is a name,
        otherwise the first metric.
    initial_points : list of dict or None, default None
        Configurations to try first, in this order.  They count toward ``n_iter``.
    include_default : bool, default False
        Whether the first candidate has the estimator's own parameter values.
    warm_start_from : list or None, default None
        One to five earlier searches to start from, its parents: fitted searches, their
        ``cv_results_``, studies, or data frames of either.  Their rows do not count toward
        ``n_iter`` and are not in ``cv_results_``.  Only complete rows of the maximum resource are
        used.  Rows outside of the space are left out with one warning.  Clones share the list.
    warm_start_type : {"identical", "transfer"}, default "identical"
        ``"identical"``: the parents had the same data and estimator; their ranges may differ.
        Their scores are evidence, up to one offset for each parent, and their configurations are
        not suggested again.  ``"transfer"``: data, estimator or parameters differ.  Each parent is
        believed as far as it ranks the candidates of this search.  ``study_.overall_best`` is the
        best of this search and of its identical parents.
    executor : str or object with ``submit``, default None
        Runs the fits instead of joblib's workers: an executor of concurrent.futures, Dask, Ray, MPI
        or ipyparallel, or a client of Dask.  The name of a plugin's executor, such as ``"dask"`` or
        ``"ray"``, makes one that is shut down after the search.  ``n_jobs`` is then the number of
        fits in flight.  If ``n_jobs`` is None, it is the executor's number of workers if known,
        otherwise the number of cores.
    lag : int, "auto" or None, default "auto"
        Bounded staleness.  If an int, candidate k is suggested from the results of candidates up to
        k - 1 - ``lag``.  Any ``n_jobs`` then gives the same search, and at most (``lag`` + 1) x
        ``n_splits_`` fits run at once; 0 is the sequential search.  If None, a candidate is
        suggested from every result that has arrived.  "auto" is None unless ``random_state`` is an
        int; then it is the smallest lag that allows 12 fits in flight, at most 3.  A strategy with
        ``cost_aware=True`` needs None, because its candidates depend on measured seconds.
    racing : bool, default False
        Whether to skip the remaining folds of a candidate when its first folds, compared with the
        same folds of the best candidate, show that it cannot win.
    stopping : str, StoppingRule or None, default None
        Rule that stops poor fits between boosting rounds: ``"median"``, ``"asha"`` or an instance
        of a rule of ``tuneplug.stopping``.  Fits are compared by the score that drives the search,
        or by the metric of the library that stands for it.  A monitor must support the final step
        of the estimator; models of XGBoost, LightGBM, CatBoost and skorch,
        ``HistGradientBoosting*`` and ``MLP*`` are supported.
    monitor : FitMonitor or None, default None
        Monitor used during fits, such as ``tuneplug_xgboost.XGBoostMonitor(metric=...)``.  If None,
        the first installed monitor that supports the final step.
    validation_fraction : float or None, default 0.1
        Share of each training part that is held out if the final step has early stopping of its
        own.  If None, early stopping uses the test part of the fold, and the scores are optimistic.
    timeout : float or None, default None
        Time budget in seconds, any real number.  When it expires no new fit starts, and monitored
        fits are interrupted.  Candidates whose fits cannot be interrupted are completed if no
        candidate has been completed yet.
    trial_timeout : float or None, default None
        Time budget of one candidate, in seconds.  When it expires none of its fits starts any more,
        and its monitored fits are interrupted.
    completion : list of CompletionRule, default ()
        The search ends when one of these rules applies.  ``tuneplug.stopping`` has
        ``Target(0.9)``, ``Patience(10)`` and ``Convergence()``.
    callbacks : list of callable or None, default None
        Each is called in this process with a ``tuneplug_sklearn.Progress`` after each candidate.
        The search ends when one returns True, of Python or of NumPy.  Other true values are ignored
        with a warning.
    plugins : Plugins, list or None, default None
        Plugins that provide named components and observe ``study_``.  If None, all that are
        installed; a list has plugins that are used beside these.
    fail_fast : bool, default True
        Whether the search ends if the first five candidates that end fail in every fold with the
        same exception.  Candidates of ``initial_points``, ``include_default`` or a grid never end
        a search.
    resource : str or None, default None
        Resource of which a cheap trial gets less: ``"n_samples"``, rows of the training parts, or
        the name of an integer parameter of the estimator that counts work, such as ``"max_iter"``.
        Poor candidates are then not tried in full.  ``n_iter`` is the budget in full candidates.
        Only these can be the best one, unless the search ends before the first of them.  With
        ``"bayesian"`` a model chooses candidates and resources, and learns costs unless an int
        ``random_state`` or ``lag`` makes the search deterministic; ``"hyperband"`` and ``"random"``
        are then the same.
    min_resources, max_resources : int or "auto", default "auto"
        The smallest resource of a candidate, and that of a full one.  With ``"n_samples"`` they
        count rows of X, and a training part gets the same share of its rows; the automatic maximum
        is all rows, and the automatic minimum is the largest of a 27th of the maximum, 30 rows for
        each class, and 2 rows for each class and fold.  For a parameter, the maximum is required,
        and the automatic minimum is a 27th of it.
    factor : int, default 3
        Factor between two levels of the resource.
    storage : str, Storage or None, default None
        Where to store the result of each fit as it comes in, so that a killed search can go on:
        ``"sqlite:///searches.db"``, the URL of a plugin's storage, or an instance, which clones
        share.
    study_name : str or None, default None
        Name of the stored study.  If None, it is made from estimator, space, data and settings, so
        that each clone, and each search within another one, has its own.  Without ``resume``, a
        name that is taken gets the suffix ``-2``, ``-3``, ...; no study is overwritten.
    resume : bool, default False
        Whether to go on with the study of this name, if there is one.  Its candidates count toward
        ``n_iter`` and are in ``cv_results_``; only fits without a stored result run.  ``n_iter``,
        workers, time limits, callbacks, ``refit``, strategy, stopping and racing may have changed,
        ranges may be wider, and categories may have been added; any other change is refused.
    constraints : callable or None, default None
        Called as ``constraints(estimator, fold)`` with each fitted estimator and its
        ``tuneplug_sklearn.Fold``; returns a list of finite numbers, such as ``[size - max_size]``.
        A candidate is feasible if each number, averaged over the folds, is at most 0.  The best
        candidate is the best feasible one, also for a callable ``refit``.  A fit whose constraints
        cannot be computed counts as failed.

    Attributes
    ----------
    study_ : tuneplug.Study
        The study with the trials of all candidates; see ``study_.explain_scaling()``,
        ``study_.to_frame()`` and ``study_.learned_warps()``.  ``study_.completion_reason`` is the
        reason if the search ended before ``n_iter`` candidates.
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.  Rows of ``cv_results_`` are in the order of suggestion.  With
        ``stopping``, ``racing``, a time budget or a stopped candidate it has the columns
        ``trial_state``, ``origin`` and ``stop_reason``, and skipped or stopped folds are NaN.  If
        the final step has early stopping of its own, ``split0_best_round``, ... are the numbers of
        rounds that it chose.  With ``resource``, ``n_resources`` is the resource of each row and
        ``iter`` its level, from 0.
        With ``constraints``, ``feasible`` tells whether all hold; ``mean_constraint_0``, ... and
        ``split0_constraint_0``, ... are their values, and feasible rows rank before the others.
    min_resources_, max_resources_ : int
        The smallest resource of a candidate, and that of a full one.  Only with ``resource``.
    study_name_ : str
        Name of the stored study.  Only with ``storage``.

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
        "warm_start_from": [list, tuple, None],
        "warm_start_type": [StrOptions({"identical", "transfer"})],
        "executor": [str, HasMethods("submit"), None],
        "lag": [Interval(numbers.Integral, 0, None, closed="left"), StrOptions({"auto"}), None],
        "racing": ["boolean"],
        "stopping": [str, StoppingRule, None],
        "monitor": [FitMonitor, None],
        "validation_fraction": [Interval(numbers.Real, 0, 1, closed="neither"), None],
        "timeout": [HasMethods("__float__"), None],  # make_plan checks the numbers
        "trial_timeout": [HasMethods("__float__"), None],
        "completion": [list, tuple],
        "callbacks": [list, tuple, None],
        "verbose": ["verbose", str],
        "plugins": [Plugins, list, tuple, None],
        "fail_fast": ["boolean"],
        "resource": [str, None],
        "min_resources": [Interval(numbers.Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_resources": [Interval(numbers.Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "factor": [Interval(numbers.Integral, 2, None, closed="left")],
        "storage": [str, Storage, None],
        "study_name": [str, None],
        "resume": ["boolean"],
        "constraints": [callable, None],
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
        verbose: int | str = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        strategy: str | Strategy = "bayesian",
        objective_metric: str | None = None,
        initial_points: Any = None,
        include_default: bool = False,
        warm_start_from: Any = None,
        warm_start_type: WarmStartType = "identical",
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
        plugins: Plugins | Sequence[Any] | None = None,
        fail_fast: bool = True,
        resource: str | None = None,
        min_resources: int | str = "auto",
        max_resources: int | str = "auto",
        factor: int = 3,
        storage: str | Storage | None = None,
        study_name: str | None = None,
        resume: bool = False,
        constraints: Callable[[Any, Fold], Sequence[float]] | None = None,
    ) -> None:
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state
        self.strategy = strategy
        self.objective_metric = objective_metric
        self.initial_points = initial_points
        self.include_default = include_default
        self.warm_start_from = warm_start_from
        self.warm_start_type = warm_start_type
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
        self.fail_fast = fail_fast
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.factor = factor
        self.storage = storage
        self.study_name = study_name
        self.resume = resume
        self.constraints = constraints
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
        """Clone, but share what holds resources outside, and parents, which are only read.

        A clone of a parent would not be fitted.
        """
        names = ("executor", "callbacks", "plugins", "storage", "warm_start_from")
        shared = {name: getattr(self, name) for name in names}
        shadow = object.__new__(type(self))
        shadow.__dict__.update(self.__dict__, **dict.fromkeys(shared))
        copied: WarpedBayesSearchCV = super(WarpedBayesSearchCV, shadow).__sklearn_clone__()
        copied.__dict__.update(shared)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        """Drop the executor, and callbacks or a storage without a pickle: they stay here."""
        state: dict[str, Any] = dict(super().__getstate__())
        state["executor"] = None
        state["storage"] = self.storage if _picklable(self.storage) else None
        if self.callbacks is not None:
            state["callbacks"] = [f for f in self.callbacks if _picklable(f)]
        return state

    def _validate_params(self) -> None:
        check_scoring(self.scoring)
        super()._validate_params()

    @fit_context
    def fit(self, X: Any, y: Any = None, **params: Any) -> WarpedBayesSearchCV:
        """Search, then refit the best candidate on all data.

        If an interrupt or an error ends the search, ``cv_results_`` has the candidates with a score
        and nothing is refitted; the interrupt or the error is then raised.  If the refit raises,
        all other attributes are set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
        y : array-like of shape (n_samples, n_output) or (n_samples,), default None
        **params : dict
            Passed to the estimator's ``fit``, the scorer and the splitter, as in scikit-learn:
            arrays with one entry per sample are split with the folds, ``groups`` is passed to the
            splitter.

        Returns
        -------
        self

        Raises
        ------
        SpaceError
            If ``param_distributions`` has errors; the message lists all of them.  Raised before
            any fit.
        ValueError
            If another argument is wrong; raised before any fit.  Or if every fit failed; the
            message has counts and tracebacks.
        NoCompletedTrialError
            If no candidate was completed, because a time budget or a callback stopped all, or
            because ``timeout`` had passed before the first fit.  Or if no candidate has a finite
            mean score, or none is feasible: ``cv_results_`` is set, and nothing is refitted.
        """
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        check_weights(X, params)
        data = FitData(X, y, params)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        plan = make_plan(self, scorers, data, routed)
        evaluation = self._evaluation(plan, X, y, self._fold_options(scorers, routed, n_samples(X)))
        options = self._result_options(scorers, refit_metric)
        root = CallbackTask.root(
            self,
            max_subtasks=1 + (self.refit is not False),
            X=X,
            y=y,
            metadata={k: v for k, v in params.items() if k == "sample_weight"} or None,
        ).begin()
        unknown = self.callbacks or plan.limits.may_end_early or plan.resources is not None
        n_tasks = None if unknown else plan.n_fits
        task = root.child("search", max_subtasks=n_tasks, sequential_subtasks=False).begin()
        self._set_outcome(plan)
        scheduler = self._search(plan, evaluation, task, options)
        if scheduler.exhausted is not None:
            self._warn_exhausted(plan.study, scheduler.exhausted)
        task.end()
        try:
            outcome = self._conclude(scheduler, plan, options)
        finally:
            for note in scheduler.notes:
                warnings.warn(note, UserWarning, stacklevel=3)  # scikit-learn's decorator between
        if self.refit:
            task = root.child("refit-with-best-params", with_data=True)
            self._set_outcome(refit(outcome, evaluation, task))
            task.end()
        root.end()
        return self

    # ------------------------------------------------------------------ the parts of fit

    def _fold_options(self, scorers: Any, routed: Any, n_rows: int) -> dict[str, Any]:
        """Return the arguments of scikit-learn's ``_fit_and_score`` that all fits share."""
        return {
            "scorer": scorers,
            "fit_params": split_with_rows(self.estimator, routed.estimator.fit, n_rows),
            "score_params": routed.scorer.score,
            "return_train_score": self.return_train_score,
            "return_n_test_samples": True,
            "return_times": True,
            "return_parameters": False,
            "error_score": self.error_score,
            "verbose": 0 if isinstance(self.verbose, str) else self.verbose,
        }

    def _evaluation(self, plan: SearchPlan, X: Any, y: Any, options: Any) -> Evaluation:
        """Return the data and options that all fits share."""
        return Evaluation(
            self.estimator,
            X,
            y,
            plan.splits,
            caller=self,
            n_candidates=plan.n_candidates,
            options=options,
            config=get_config(),
            filters=list(warnings.filters),
            monitoring=plan.monitoring,
            metric=plan.metric,
            subsampling=plan.subsampling,
            constraints=self.constraints,
        )

    def _result_options(self, scorers: Any, refit_metric: Any) -> ResultOptions:
        return ResultOptions(
            scorers,
            self.scoring,
            self.refit,
            refit_metric,
            self.error_score,
            self._format_results,
            self.constraints is not None,
        )

    def _hooks(self, plan: SearchPlan, task: CallbackTask) -> SearchHooks:
        """Return the functions of the search that the scheduler calls."""

        def callback_context(candidate: int, fold: int) -> Any:
            if not has_callbacks(self):
                return None  # nothing to pickle with the job
            number = candidate * len(plan.splits) + fold
            return task.child("candidate-split-evaluation", task_id=number).context

        metric = plan.metric or (self.scoring if isinstance(self.scoring, str) else "score")
        n_iter = plan.n_candidates if plan.resources is None else None
        progress = ProgressReporter(
            plan.study.history, n_iter, metric, self.callbacks or (), self.verbose
        )
        check = ReturnedScores(plan.metric, self._check_metrics, self.error_score).checked
        return SearchHooks(check if callable(self.scoring) else dict, callback_context, progress)

    def _check_metrics(self, scores: Mapping[str, Any]) -> None:
        """Check ``refit`` and ``objective_metric`` for the metrics of a callable ``scoring``."""
        self._check_refit_for_multimetric(scores)
        check_metric(self.objective_metric, list(scores))

    def _search(
        self, plan: SearchPlan, evaluation: Evaluation, task: CallbackTask, options: ResultOptions
    ) -> Scheduler:
        """Run all fits.  If an error ends them, set the outcome so far and raise the error."""
        hooks = self._hooks(plan, task)
        if hooks.progress.level > 0:
            at_most = "" if plan.resources is None else "at most "
            print(
                f"Fitting {len(plan.splits)} folds for each of {at_most}{plan.n_candidates} "
                f"candidates, totalling {at_most}{plan.n_fits} fits"
            )
            if plan.stored is not None and plan.stored.resumes:
                print(plan.stored.progress(plan.study))
        prefetch = 0 if plan.limits.timed else 1
        workers = make_pool(self.n_jobs, self.executor, plan.study.plugins, plan.n_fits, prefetch)
        observed = plan.study.plugins.observed_by(hooks.progress.observer)
        with keep_warning_filters(), observed, workers as pool, plan.study.running():
            hooks.progress.start(pool.n_workers)
            scheduler = Scheduler(plan, pool, evaluation, hooks)
            try:
                scheduler.restore()
                steps = scheduler.next_job, scheduler.on_result, scheduler.on_failure
                run_jobs(pool, *steps, idle=scheduler.prepare)
            except BaseException as error:  # noqa: BLE001  raised again below
                scheduler.fail_open(f"{INTERRUPTED_MESSAGE}: {error!r}")
                try:
                    if scheduler.any_fitted:
                        self._conclude(scheduler, plan, options)
                finally:
                    raise error
            finally:
                hooks.progress.warn_of_failures()
        if plan.stored is not None:
            plan.study.release()  # candidates whose end could not be stored
        if hooks.progress.level > 0 and plan.limits.stopping:
            print(plan.study.savings())
        hooks.progress.advise(plan.study.ends_reached())
        return scheduler

    def _conclude(
        self, scheduler: Scheduler, plan: SearchPlan, options: ResultOptions
    ) -> SearchOutcome:
        """Set ``cv_results_``, then the best candidate, whose selection may raise."""
        scheduler.raise_if_none_scored()
        study = None if plan.stored is None else plan.study.name
        with scheduler.failures.explained(plan.n_candidates, study):
            outcome = summarize(scheduler, plan, options)
            self._set_outcome(outcome)
            outcome = select_best(outcome, scheduler, options)
            self._set_outcome(outcome)
        return outcome

    def _set_outcome(self, part: SearchPlan | SearchOutcome | Refit) -> None:
        """Set the fitted attributes that a part of the search determines.

        A new ``cv_results_`` removes attributes of an earlier fit that may not be set again.
        """
        optional: tuple[str, ...] = ()
        if isinstance(part, SearchOutcome):
            optional = OPTIONAL_ATTRIBUTES
        elif isinstance(part, SearchPlan):
            optional = PLAN_ATTRIBUTES
        for name in optional:
            self.__dict__.pop(name, None)
        self.__dict__.update(part.fitted)

    def _warn_exhausted(self, study: Study, error: SpaceExhausted) -> None:
        listed = self.resource is None and as_param_grid(study.space) is not None
        if listed and self.n_iter > study.space.size:
            return  # scikit-learn's ParameterSampler has warned
        warnings.warn(
            f"{error} The search ends after {len(study.history)}"
            + (f" of n_iter={self.n_iter}" if self.resource is None else "")
            + " candidates.",
            UserWarning,
            stacklevel=4,  # the line that calls fit: scikit-learn's decorator lies between
        )


def _picklable(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
