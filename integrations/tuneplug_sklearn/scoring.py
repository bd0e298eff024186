"""The score of a search, as monitors need it to compare fits before they are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from tuneplug.monitoring import MonitoredFit, Scoring
from tuneplug_sklearn._compat import (
    check_method_params,
    is_default_score,
    public_scorers,
    safe_split,
    scorer_function,
    standard_scorer_name,
)
from tuneplug_sklearn.pipelines import has_target_transformer, scored_step
from tuneplug_sklearn.target_transforms import name_on_transformed_target

__all__ = ["FoldScoring"]

#: Methods that compute a score of scikit-learn by code of their own.
OWN_SCORES = {
    "catboost.core.CatBoostClassifier.score": "accuracy",
    "catboost.core.CatBoostRegressor.score": "r2",
}


@dataclass(frozen=True)
class FoldScoring:
    """The score that drives a search, on the test part of one fold.

    Attributes
    ----------
    scorers : callable
        Made by scikit-learn from ``scoring``: one scorer, several, or the user's function.
    metric : str or None
        Name of the score if there are several.  If None, the first one.
    data : tuple of (X, y, train, test)
        All rows, and the row numbers of the two parts of the fold.
    params : mapping
        Arguments of the scorer, for all rows.
    """

    scorers: Any
    metric: str | None
    data: tuple[Any, Any, Any, Any]
    params: Mapping[str, Any] = field(default_factory=dict)

    def of_fit(self, fit: MonitoredFit, estimator: Any) -> MonitoredFit:
        """Return a fit with its scoring.

        A scorer that only needs predictions is called with the last step and the validation data of
        the fit.  Any other scorer is called as at the end of the fold: with the whole estimator and
        the test part.  So is every scorer if the last step predicts a transformed target; the
        standard name is then that of a scorer that orders fits on the transformed target alike.

        Parameters
        ----------
        fit : MonitoredFit
            Fit of the last step of the estimator.
        estimator : estimator
            Its other steps are fitted.
        """
        scorers = public_scorers(self.scorers)
        name, scorer = self.metric, scorers
        if isinstance(scorers, Mapping):
            name = next(iter(scorers)) if name is None else name
            scorer = scorers[name]
        standard = _standard_name(scorer, scored_step(estimator))
        name = name or standard or _name_of(scorer)
        score, weighted = self._on_test_part(estimator), "sample_weight" in self.params
        own = is_default_score(scorer)
        if has_target_transformer(estimator):
            standard = name_on_transformed_target(standard, estimator, fit.y)
            return replace(fit, scoring=Scoring(name, standard, score, weighted))
        if _needs_only_predictions(scorer) and not self.params and fit.X_val is not None:
            score = _on_validation_data(scorer, fit)
        return replace(fit, scoring=Scoring(name, standard, score, weighted, own))

    def _on_test_part(self, estimator: Any) -> Callable[[], float]:
        X, y, train, test = self.data

        def score() -> float:
            X_test, y_test = safe_split(estimator, X, y, np.asarray(test), np.asarray(train))
            params = check_method_params(X, params=self.params, indices=test)
            scored = (X_test,) if y_test is None else (X_test, y_test)
            return self._value(self.scorers(estimator, *scored, **params))

        return score

    def _value(self, scores: Any) -> float:
        """Return the score that drives the search."""
        if isinstance(scores, Mapping):
            scores = scores[next(iter(scores)) if self.metric is None else self.metric]
        return float(scores)


def _on_validation_data(scorer: Any, fit: MonitoredFit) -> Callable[[], float]:
    return lambda: float(scorer(fit.estimator, fit.X_val, fit.y_val))


def _needs_only_predictions(scorer: Any) -> bool:
    """Whether a scorer is one of scikit-learn's; the user's function may read X."""
    return is_default_score(scorer) or scorer_function(scorer) is not None


def _standard_name(scorer: Any, scored: Any) -> str | None:
    """Return scikit-learn's name of a scorer; None if it has none."""
    if not is_default_score(scorer):
        return standard_scorer_name(scorer)
    method = type(scored).score
    mixins = {ClassifierMixin.score: "accuracy", RegressorMixin.score: "r2"}
    return mixins.get(method) or OWN_SCORES.get(f"{method.__module__}.{method.__qualname__}")


def _name_of(scorer: Any) -> str:
    """Return a name for a scorer that has no standard one."""
    if is_default_score(scorer):
        return "score"
    function = scorer_function(scorer) or scorer
    return str(getattr(function, "__name__", type(function).__name__))
