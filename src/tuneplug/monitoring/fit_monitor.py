"""Monitored fits: how a framework lends its training loop to a search.

A search that ends poor fits early, or that has a time limit, does not call ``estimator.fit`` but
hands the fit to the monitor that accepts the estimator.  The monitor trains with a callback, or in
portions, calls ``reporter.report`` after each step and ends the fit when ``reporter.should_stop()``
is True.  Monitors are registered through the hook ``tuneplug_fit_monitors``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tuneplug.trial.reporting import TrialReporter

__all__ = ["FitMonitor", "MonitoredFit", "TrialReporter"]


@dataclass(frozen=True)
class MonitoredFit:
    """One fit, and the reporter that it reports to.  More attributes may come.

    Attributes
    ----------
    estimator : estimator
        To fit in place.  Its parameters are as the user set them, and must be so again afterwards.
    X, y : array-like
        What to train on.
    reporter : TrialReporter
        Of this fit only: ``report(value, step)``, ``should_stop()`` and, before the first report,
        ``set_metric(metric, direction)``.
    params : mapping
        Further arguments of ``fit``.
    X_val, y_val : array-like
        What to evaluate on after each step, as the estimator sees its data; of a classifier only
        classes that it is trained on.
    sample_weight_val : array-like of shape (n_val,) or None
        Their weights, where ``params`` has ``sample_weight``.
    pruning : bool
        Whether a stopping rule compares the reports: without one, a metric may go either way.
    notes : list of str
        What to warn of, to be added to: all fits of a search together warn once of each.
    """

    estimator: Any
    X: Any
    y: Any
    reporter: TrialReporter
    params: Mapping[str, Any] = field(default_factory=dict)
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
    pruning: bool = True
    notes: list[str] = field(default_factory=list)


class FitMonitor(ABC):
    """Fits the estimators of one framework and reports after each step.

    An instance is made without arguments where a plugin registers the class; it travels to workers
    and serves many fits at once: keep no state of a fit in it.
    """

    name: ClassVar[str]

    @abstractmethod
    def accepts(self, estimator: Any) -> bool:
        """Whether this monitor can fit an estimator; must not import the framework to find out."""

    @abstractmethod
    def fit(self, watched: MonitoredFit) -> int | None:
        """Fit, report after each step, and end when ``reporter.should_stop()`` is True.

        Where nothing is stopped, the fitted estimator must be the very one that its own ``fit``
        gives.

        Returns
        -------
        int or None
            Where the estimator's own early stopping chose the number of steps, that number; None
            otherwise.
        """

    def has_eval_set(self, params: Mapping[str, Any]) -> bool:
        """Whether arguments of ``fit`` bring evaluation sets of the user's own."""
        return False

    def has_early_stopping(self, estimator: Any, params: Mapping[str, Any]) -> bool:
        """Whether the estimator would end its fit early by itself, given evaluation data."""
        return False

    def refit_params(
        self, estimator: Any, params: Mapping[str, Any], n_steps: int | None
    ) -> dict[str, Any]:
        """Set an estimator to train without early stopping: for so many steps, None for all it has.

        Returns
        -------
        dict
            The arguments of ``fit`` without early stopping.
        """
        raise TypeError(f"{type(self).__name__} knows no early stopping")
