"""WarpedBayesSearchCV: Bayesian optimisation in the place of ``RandomizedSearchCV``."""

from __future__ import annotations

import copy
import numbers
import sys
import time
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, final

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, indexable
from sklearn.utils.parallel import Parallel

from tuneplug import SearchSpace, SpaceExhausted, Study, Trial
from tuneplug.strategies import Strategy
from tuneplug_sklearn._compat import (
    BaseSearchCV,
    FitTask,
    Interval,
    check_method_params,
    fit_context,
    insert_error_scores,
    metric_names,
    public_scorers,
    warn_or_raise_about_fit_failures,
)
from tuneplug_sklearn.evaluation import Evaluator, Scores
from tuneplug_sklearn.space import as_lists, n_distinct, startup_points

__all__ = ["Progress", "WarpedBayesSearchCV", "most_candidates"]

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
        Fits at once.  The candidates do not depend on it.
    refit : bool, str or callable, default True
        As in scikit-learn.
    cv : int, cross-validation generator or iterable, default None
        As in scikit-learn.  The folds are made once, and all candidates share them.
    verbose : int, default 0
        From 1, a line for each candidate goes to stderr; from 2, scikit-learn's own messages.
    pre_dispatch : int or str, default "2*n_jobs"
        As in scikit-learn.
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

    Attributes
    ----------
    study_ : tuneplug.Study
        The trials behind ``cv_results_``: ``study_.explain_scaling()``, ``study_.to_frame()``,
        ``study_.learned_warps()``.
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.  Rows of ``cv_results_`` are in the order of suggestion.

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
    ) -> None:
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state
        self.strategy = strategy
        self.optimize = optimize
        self.initial_points = initial_points
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

    @fit_context
    def fit(self, X: Any, y: Any = None, **params: Any) -> WarpedBayesSearchCV:
        """Search, then refit the best candidate on all of the data.

        On an interrupt the candidates that were scored are kept in ``cv_results_``, nothing is
        refitted, and the interrupt goes on.

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
        """
        scorers, refit_metric = self._get_scorers()
        metric = self._driving_metric(scorers)
        study, n_independent = self._start_study()
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
        n_candidates = most_candidates(study, self.n_iter)
        if self.verbose > 0:
            print(
                f"Fitting {len(splits)} folds for each of {n_candidates} candidates,"
                f" totalling {len(splits) * n_candidates} fits"
            )
        task = root.child(
            "search", max_subtasks=n_candidates * len(splits), sequential_subtasks=False
        ).begin()
        self.study_ = study
        with Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch) as parallel:
            evaluator = Evaluator(
                clone(self.estimator),
                X,
                y,
                splits,
                parallel=parallel,
                task=task,
                n_candidates=n_candidates,
                options={
                    "scorer": scorers,
                    "fit_params": routed.estimator.fit,
                    "score_params": routed.scorer.score,
                    "return_train_score": self.return_train_score,
                    "return_n_test_samples": True,
                    "return_times": True,
                    "return_parameters": False,
                    "error_score": self.error_score,
                    "verbose": self.verbose,
                },
            )
            try:
                self._search(study, evaluator, metric, n_independent)
            except KeyboardInterrupt:
                if evaluator.any_fitted:
                    self._conclude(evaluator, scorers, refit_metric)
                raise
        task.end()
        self._conclude(evaluator, scorers, refit_metric)
        if self.refit:
            self._refit(X, y, routed.estimator.fit, root)
        root.end()
        return self

    # ------------------------------------------------------------------ before the first fit

    def _driving_metric(self, scorers: Any) -> str | None:
        """Return the metric that drives the search; None is the only one, or the first."""
        names = metric_names(scorers)
        if names is None and not callable(self.scoring):
            names = ["score", *([self.scoring] if isinstance(self.scoring, str) else [])]
        if self.optimize is not None and names is not None and self.optimize not in names:
            raise ValueError(
                f"optimize must be one of the metrics {names}, but got {self.optimize!r}"
            )
        return self.optimize or (self.refit if isinstance(self.refit, str) else None)

    def _start_study(self) -> tuple[Study, int]:
        """Return a fresh study, and how many of its first trials depend on no result."""
        space = SearchSpace(self.param_distributions)
        rng = check_random_state(self.random_state)
        # Start-up settings come from the state in which RandomizedSearchCV would find it.
        untouched = copy.deepcopy(rng)
        seed = rng.randint(np.iinfo(np.int32).max)
        study = Study(
            space,
            strategy=self.strategy,
            direction="maximize",
            seed=int(seed),
            n_trials=self.n_iter,
        )
        n_startup = study.strategy.n_startup(space, self.n_iter)
        points = list(self.initial_points or ())
        # Where settings may repeat, a space smaller than n_iter is nothing to warn of.
        n_listed = (
            int(min(self.n_iter, space.size)) if study.strategy.allow_repeats else self.n_iter
        )
        n_drawn = max(0, n_startup - len(points))
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
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(splits)}"
            )
        if not splits:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        return splits

    # ------------------------------------------------------------------ the search

    def _search(
        self, study: Study, evaluator: Evaluator, metric: str | None, n_independent: int
    ) -> None:
        """Ask, evaluate and tell until the budget is spent or the space exhausted.

        The start-up trials depend on no result and are evaluated several at a time; from then on
        each candidate is suggested from the results of all before it, so that the candidates are
        the same for every ``n_jobs``.
        """
        progress = Progress(evaluator.n_candidates) if self.verbose > 0 else None
        while (done := len(study.history)) < self.n_iter:
            wanted = min(evaluator.batch_size, n_independent - done, self.n_iter - done)
            trials = []
            exhausted = None
            for _ in range(max(1, wanted)):
                try:
                    trials.append(study.ask())
                except SpaceExhausted as error:
                    exhausted = error
                    break
            scores = self._evaluate(study, evaluator, trials)
            for trial, score in zip(trials, scores, strict=True):
                self._tell(study, trial, score, metric)
                if progress is not None:
                    progress.show(study, trial)
            if exhausted is not None:
                self._say_exhausted(study, exhausted)
                break

    def _evaluate(self, study: Study, evaluator: Evaluator, trials: list[Trial]) -> list[Scores]:
        """Score trials; where that does not come to its end, they are failed."""
        if not trials:
            return []
        try:
            return evaluator([trial.params for trial in trials])
        except BaseException as error:
            for trial in trials:
                study.fail(trial, error)
            raise

    def _tell(self, study: Study, trial: Trial, scores: Scores, metric: str | None) -> None:
        if scores.error is not None:
            study.fail(trial, scores.error)
            return
        if callable(self.scoring) and scores.names:
            # What a callable returns is known only now.
            self._check_refit_for_multimetric(dict.fromkeys(scores.names))
        study.tell(trial, scores.mean(metric))

    def _say_exhausted(self, study: Study, error: SpaceExhausted) -> None:
        done = len(study.history)
        listed = as_lists(study.space) is not None
        if listed and self.n_iter > study.space.size:
            return  # scikit-learn's ParameterSampler has said so
        warnings.warn(
            f"{error} The search ends after {done} of n_iter={self.n_iter} candidates.",
            UserWarning,
            stacklevel=5,  # the line that calls fit: scikit-learn's decorator lies between
        )

    # ------------------------------------------------------------------ after the last fit

    def _conclude(self, evaluator: Evaluator, scorers: Any, refit_metric: Any) -> None:
        """Set ``cv_results_`` and ``best_*`` from all results."""
        out = evaluator.results
        warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        results = self._format_results(evaluator.params, self.n_splits_, out, {})
        for name in OF_THE_LAST_FIT:
            self.__dict__.pop(name, None)
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        self.scorer_ = public_scorers(scorers)
        self.cv_results_ = results

    def _refit(self, X: Any, y: Any, fit_params: Mapping[str, Any], root: FitTask) -> None:
        # Settings may hold estimators themselves: they are cloned like the estimator.
        self.best_estimator_ = clone(self.estimator).set_params(
            **clone(self.best_params_, safe=False)
        )
        task = root.child("refit-with-best-params", with_data=True)
        start = time.time()
        task.fit(self.best_estimator_, X, *([] if y is None else [y]), **fit_params)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        task.end()


def most_candidates(study: Study, n_iter: int) -> int:
    """Return how many candidates there will be at most; conditions can make it fewer."""
    return n_iter if study.strategy.allow_repeats else int(min(n_iter, study.space.size))


class Progress:
    """One line for each finished candidate, on stderr."""

    def __init__(self, n_iter: int) -> None:
        self._n_iter, self._start = n_iter, time.monotonic()

    def show(self, study: Study, trial: Trial) -> None:
        done = trial.number + 1
        elapsed = time.monotonic() - self._start
        left = elapsed / done * (self._n_iter - done)
        width = len(str(self._n_iter))
        score = "failed" if trial.value is None else f"{trial.value:.6g}"
        best = study.history.best()
        at_best = "none yet" if best is None else f"{best.value:.6g} (candidate {best.number})"
        print(
            f"[{done:>{width}}/{self._n_iter}] score {score:<12} best {at_best:<28} "
            f"{elapsed:.0f} s, {left:.0f} s left",
            file=sys.stderr,
        )
