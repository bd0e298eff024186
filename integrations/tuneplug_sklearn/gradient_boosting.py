"""Monitor gradient boosting through the argument ``monitor`` of its ``fit``.

scikit-learn calls that function after each tree, and ends the fit if it returns True.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, final

from tuneplug.monitoring import FitMonitor, MonitoredFit, ScoreReporter, portion_ends
from tuneplug.optional import is_instance_of

__all__ = ["GradientBoostingMonitor"]


@final
class GradientBoostingMonitor(FitMonitor):
    """Monitors ``GradientBoostingClassifier`` and ``GradientBoostingRegressor``.

    If the fit has a scoring, its score is reported after each tenth of ``n_estimators`` and after
    the last iteration.  A fit thus calls the scorer at most ten times, whatever ``n_estimators``
    is, and predicts with 5.5 times its number of trees.  If the scorer raises, nothing more is
    reported, with a note.

    Without a scoring, the loss of the training data (``train_score_``) is reported as often.

    A ``monitor`` that the user gives to ``fit`` is called first, and may end the fit, too.
    """

    name: ClassVar[str] = "gradient_boosting"

    def accepts(self, estimator: Any) -> bool:
        kinds = ("GradientBoostingClassifier", "GradientBoostingRegressor")
        return is_instance_of(estimator, "sklearn.ensemble", *kinds)

    def fit(self, watched: MonitoredFit) -> int | None:
        estimator, reporter = watched.estimator, watched.reporter
        total = estimator.n_estimators
        ends = portion_ends(total)
        scores = ScoreReporter(watched, total) if watched.scoring is not None else None
        params = dict(watched.params)
        own = params.pop("monitor", None)

        def monitor(iteration: int, model: Any, variables: dict[str, Any]) -> bool:
            ended = own is not None and bool(own(iteration, model, variables))
            if iteration + 1 in ends:
                with _trees_so_far(model, iteration + 1):
                    _report(watched, scores, iteration + 1)
            return reporter.should_stop() or ended

        estimator.fit(watched.X, watched.y, monitor=monitor, **params)
        if reporter.stop_reason is None and estimator.n_estimators_ not in ends:
            _report(watched, scores, estimator.n_estimators_)
        return None


def _report(watched: MonitoredFit, scores: ScoreReporter | None, n_iterations: int) -> None:
    """Report the score after a number of iterations; without a scoring, the training loss."""
    if scores is not None:
        scores.report(n_iterations)
        return
    loss = watched.estimator.train_score_[n_iterations - 1]
    watched.reporter.set_metric("loss", "minimize")
    watched.reporter.report(float(loss), n_iterations - 1)


@contextmanager
def _trees_so_far(model: Any, n_iterations: int) -> Iterator[None]:
    """Context manager: let a model that is being fitted predict with its first iterations.

    Its array of trees has a row for each iteration from the start.
    """
    trees = model.estimators_
    model.estimators_ = trees[:n_iterations]
    try:
        yield
    finally:
        model.estimators_ = trees
