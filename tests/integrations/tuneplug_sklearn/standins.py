"""``GridSearchCV`` on the engine of ``WarpedBayesSearchCV``, for scikit-learn's own tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import ParameterGrid

from tuneplug import SpaceExhausted
from tuneplug.strategies import Strategy, Suggestion
from tuneplug_sklearn import WarpedBayesSearchCV


@dataclass(frozen=True)
class InOrder(Strategy):
    """Configurations in a given order, some of them perhaps more than once."""

    name: ClassVar[str] = "in order"
    configurations: list[dict[str, Any]]
    allow_repeats: bool = True

    def suggest(self, context, n):
        first = len(context.history)
        if first >= len(self.configurations):
            raise SpaceExhausted("every configuration was tried")
        return [
            Suggestion(configuration) for configuration in self.configurations[first : first + n]
        ]

    def n_independent(self, space, budget):
        return len(self.configurations)


CONSTRAINTS = WarpedBayesSearchCV._parameter_constraints | {"param_grid": [dict, list]}
for renamed in ("param_distributions", "n_iter", "random_state"):
    del CONSTRAINTS[renamed]


class Grid(WarpedBayesSearchCV):
    """The signature of ``GridSearchCV``: a shim that translates names and nothing else."""

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=np.nan,
        return_train_score=False,
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=0,
        )
        self.param_grid = param_grid

    def __dir__(self):
        """Leave out ``study_``: a test compares every fitted attribute with a class without it."""
        return [name for name in super().__dir__() if name != "study_"]

    def fit(self, X, y=None, **params):
        configurations = list(ParameterGrid(self.param_grid))
        self.param_distributions, self.n_iter = self.param_grid, len(configurations)
        self.strategy = InOrder(configurations)
        return super().fit(X, y, **params)
