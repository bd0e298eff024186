"""A pytest plugin: scikit-optimize's ``BayesSearchCV`` with WarpedBayesSearchCV inside.

    python -m pytest skopt/tests/test_searchcv.py -p skopt_shim

It renames arguments, and adds what scikit-optimize alone has where that takes a few lines: range
shorthand, ``optimizer_results_``, ``rank_train_*``, ``total_iterations``, ``fit(callback=)``, a
check of the space in the constructor.  Sub-spaces share the sum of their budgets.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from tuneplug import SearchSpace
from tuneplug.plugins import Plugins
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn._compat import BaseSearchCV

#: ``base_estimator`` of ``optimizer_kwargs``, as ``strategy=``.
STRATEGIES = {"none": "bayesian", "gp": "bayesian", "dummy": "random"}


class BayesSearchCV(BaseSearchCV):
    def __init__(
        self,
        estimator,
        search_spaces,
        optimizer_kwargs=None,
        n_iter=50,
        scoring=None,
        fit_params=None,
        n_jobs=1,
        n_points=1,
        iid="deprecated",
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score="raise",
        return_train_score=False,
    ):
        self.search_spaces = search_spaces
        self.optimizer_kwargs = optimizer_kwargs
        self.n_iter = n_iter
        self.fit_params = fit_params
        self.n_points = n_points
        self.iid = iid
        self.random_state = random_state
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
        for space, _ in self._budgets():
            SearchSpace(space)

    def _run_search(self, evaluate_candidates):
        raise NotImplementedError("fit() is not that of the base class")

    def _budgets(self):
        """Return each sub-space in tuneplug's words, and its budget."""
        from skopt.space import check_dimension

        given = self.search_spaces
        if not given:
            raise ValueError(f"search_spaces must hold a space, but got {given!r}")
        budgets = []
        for element in [given] if isinstance(given, dict) else given:
            space, n_iter = element if isinstance(element, tuple) else (element, self.n_iter)
            if not isinstance(space, dict):
                raise TypeError(f"a search space must be a dict, but got {space!r}")
            dimensions = {name: check_dimension(given) for name, given in space.items()}
            budgets.append((Plugins().convert_space(dimensions), n_iter))
        return budgets

    @property
    def total_iterations(self):
        return sum(n_iter for _, n_iter in self._budgets())

    def fit(self, X, y=None, *, groups=None, callback=None, **fit_params):
        self._spaces = [space for space, _ in self._budgets()]
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        one_each = [SearchSpace(space).sample(1, rng)[0] for space in self._spaces]
        surrogate = (self.optimizer_kwargs or {}).get("base_estimator")
        search = WarpedBayesSearchCV(
            self.estimator,
            self._spaces,
            n_iter=self.total_iterations,
            scoring=self.scoring,
            n_jobs=self.n_jobs,
            refit=self.refit,
            cv=self.cv,
            verbose=self.verbose,
            pre_dispatch=self.pre_dispatch,
            random_state=self.random_state,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            strategy=STRATEGIES[str(surrogate).lower()],
            initial_points=one_each if len(one_each) > 1 else None,
            lag=self.n_points - 1,
            callbacks=[_as_progress_callback(f) for f in _as_list(callback)],
        )
        metadata = {"groups": groups} if groups is not None else {}
        search.fit(X, y, **metadata, **(self.fit_params or {}), **fit_params)
        fitted = {k: v for k, v in vars(search).items() if k.endswith("_")}
        self.__dict__.update(fitted)
        for name in [name for name in self.cv_results_ if name.startswith("mean_train_")]:
            rank = rankdata(-self.cv_results_[name], method="min").astype(int)
            self.cv_results_[name.replace("mean", "rank", 1)] = rank
        return self

    @property
    def optimizer_results_(self):
        metric = self.refit if self.multimetric_ else "score"
        configurations = zip(
            self.cv_results_["params"], self.cv_results_[f"mean_test_{metric}"], strict=True
        )
        tried = list(configurations)
        return [
            _result([(params, score) for params, score in tried if _holds(space, params)])
            for space in self._spaces
        ]


def _holds(space, params):
    try:
        SearchSpace(space).encode(params)
    except ValueError:
        return False
    return True


def _result(tried):
    """Return scikit-optimize's result of configurations and scores: names sorted, scores
    negated."""
    from skopt.utils import create_result

    return create_result(
        [[params[name] for name in sorted(params)] for params, _ in tried],
        [-score for _, score in tried],
    )


def _as_list(callback):
    return [callback] if callable(callback) else list(callback or ())


def _as_progress_callback(callback):
    tried = []

    def called(progress):
        tried.append((progress.params, -np.inf if progress.score is None else progress.score))
        return bool(callback(_result(tried)))

    return called


def pytest_configure():
    import skopt

    skopt.BayesSearchCV = BayesSearchCV
