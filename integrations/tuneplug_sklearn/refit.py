"""Refit of the best candidate on all rows."""

from __future__ import annotations

import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone

from tuneplug_sklearn._compat import CallbackTask
from tuneplug_sklearn.evaluation import Evaluation
from tuneplug_sklearn.interrupts import caught_interrupts_raised
from tuneplug_sklearn.pipelines import fixed_rounds, last_step
from tuneplug_sklearn.queries import for_all_rows
from tuneplug_sklearn.results import SearchOutcome

__all__ = ["Refit", "refit"]


@dataclass(frozen=True)
class Refit:
    """The best candidate's estimator, fitted on all rows, and the seconds that the fit took."""

    estimator: Any
    seconds: float

    @property
    def fitted(self) -> dict[str, Any]:
        """The fitted attributes of the search that the refit determines."""
        fitted = {"best_estimator_": self.estimator, "refit_time_": self.seconds}
        if hasattr(self.estimator, "feature_names_in_"):
            fitted["feature_names_in_"] = self.estimator.feature_names_in_
        return fitted


def refit(outcome: SearchOutcome, evaluation: Evaluation, task: CallbackTask) -> Refit:
    """Fit a clone of the estimator with the best configuration on all rows."""
    # Configurations may hold estimators: they are cloned like the estimator itself.
    params = clone(outcome.best_params, safe=False)
    estimator = clone(evaluation.estimator).set_params(**params)
    X, y, fit_params = evaluation.X, evaluation.y, for_all_rows(evaluation.options["fit_params"])
    rounds = _fixed_rounds(estimator, evaluation, outcome.median_rounds)
    with rounds, caught_interrupts_raised():
        start = time.time()
        task.fit(estimator, X, *([] if y is None else [y]), **fit_params)
        return Refit(estimator, time.time() - start)


def _fixed_rounds(
    estimator: Any, evaluation: Evaluation, n_rounds: int | None
) -> AbstractContextManager[None]:
    """Return ``fixed_rounds`` of a refit; without effect if the monitor raises."""
    config = evaluation.monitoring
    if config is None:
        return nullcontext()
    try:
        monitor = config.monitor_of(last_step(estimator))
        return fixed_rounds(estimator, monitor, evaluation.options["fit_params"], n_rounds)
    except Exception as error:  # noqa: BLE001  of a third party's monitor
        warnings.warn(
            f"a monitor must not raise, but the one of the refit raised {error!r}: the refit runs "
            "with the estimator's own number of rounds",
            UserWarning,
            stacklevel=5,  # the line that calls fit of the search
        )
        return nullcontext()
