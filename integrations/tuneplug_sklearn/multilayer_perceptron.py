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

from tuneplug.monitoring import FitMonitor, MonitoredFit
from tuneplug.optional import is_instance_of
from tuneplug_sklearn.portions import N_PORTIONS, report_score

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
        epochs = _Epochs(watched)
        try:
            with after_each_epoch(estimator, epochs.after):
                estimator.fit(watched.X, watched.y, **watched.params)
        except _FitEnded:
            return None
        epochs.complete()
        return None


class _FitEnded(Exception):  # noqa: N818  ends the fit, is no error
    """Raised within a fit to end it."""


class _Epochs:
    """Reports the epochs of one fit."""

    def __init__(self, watched: MonitoredFit) -> None:
        self._watched = watched
        total = watched.estimator.max_iter
        self._ends = {-(-total * portion // N_PORTIONS) for portion in range(1, N_PORTIONS)}
        self._reporting = True

    def after(self) -> None:
        """Report the epoch, and end the fit if the trial has ended."""
        estimator, reporter = self._watched.estimator, self._watched.reporter
        if self._watched.scoring is None:
            reporter.set_metric("loss", "minimize")
            reporter.report(float(estimator.loss_), estimator.n_iter_ - 1)
        elif estimator.n_iter_ in self._ends:
            self._report_score()
        if reporter.should_stop():
            raise _FitEnded

    def complete(self) -> None:
        """Report the score of the fitted model, unless that of its last epoch was reported."""
        reports = self._watched.reporter.reports
        last = self._watched.estimator.n_iter_ - 1
        if self._watched.scoring is not None and not (reports and reports[-1].step == last):
            self._report_score()

    def _report_score(self) -> None:
        step = self._watched.estimator.n_iter_ - 1
        self._reporting = self._reporting and report_score(self._watched, step)
