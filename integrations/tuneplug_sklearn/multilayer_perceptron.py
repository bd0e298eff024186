"""Monitor multilayer perceptrons after each epoch of their own ``fit``.

``partial_fit`` trains another model than ``fit``: it draws the order of the rows anew with each
call, does not stop early, and ignores convergence.  The monitor therefore runs ``fit`` itself, with
a hook on its epochs.

The other estimators with ``partial_fit`` that train in epochs (``SGDClassifier``, ``SGDRegressor``,
``Perceptron``, ``PassiveAggressiveClassifier``, ...) run all epochs in compiled code without a
hook.  Their ``partial_fit`` shuffles the rows as if each epoch were the first one, restarts
adaptive learning rates, and rounds differently with a penalty, so no number of calls gives the
model of ``fit``.  They have no monitor.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

from tuneplug.monitoring import FitMonitor, MonitoredFit, ScoreReporter
from tuneplug.optional import is_instance_of

__all__ = ["MultilayerPerceptronMonitor"]


@final
class MultilayerPerceptronMonitor(FitMonitor):
    """Monitors ``MLPClassifier`` and ``MLPRegressor`` with the solvers ``"adam"`` and ``"sgd"``.

    If the fit has a scoring, its score is reported after each tenth of ``max_iter`` epochs and
    after the last epoch.  A fit thus calls the scorer at most ten times, whatever ``max_iter`` is.
    If the scorer raises, nothing more is reported, with a note.

    Without a scoring, the training loss of each epoch is reported.

    The solver ``"lbfgs"`` has no epochs: its fits raise an error, and a search fits them without a
    monitor.
    """

    name: ClassVar[str] = "multilayer_perceptron"

    def accepts(self, estimator: Any) -> bool:
        kinds = ("MLPClassifier", "MLPRegressor")
        return is_instance_of(estimator, "sklearn.neural_network", *kinds)

    def fit(self, watched: MonitoredFit) -> int | None:
        from tuneplug_sklearn._compat import after_each_epoch

        estimator = watched.estimator
        if estimator.solver == "lbfgs":
            raise ValueError(
                "reports need a solver that trains in epochs, but got solver='lbfgs': use 'adam' "
                "or 'sgd'"
            )
        scores = None
        if watched.scoring is not None:
            scores = ScoreReporter(watched, estimator.max_iter)
        try:
            with after_each_epoch(estimator, lambda: _after_epoch(watched, scores)):
                estimator.fit(watched.X, watched.y, **watched.params)
        except _FitEnded:
            return None
        if scores is not None:
            scores.complete(estimator.n_iter_)
        return None


class _FitEnded(Exception):  # noqa: N818  it is not an error
    """Raised within a fit to end it."""


def _after_epoch(watched: MonitoredFit, scores: ScoreReporter | None) -> None:
    """Report the epoch, and end the fit if the trial has ended."""
    estimator, reporter = watched.estimator, watched.reporter
    if scores is None:
        reporter.set_metric("loss", "minimize")
        reporter.report(float(estimator.loss_), estimator.n_iter_ - 1)
    else:
        scores.after(estimator.n_iter_)
    if reporter.should_stop():
        raise _FitEnded
