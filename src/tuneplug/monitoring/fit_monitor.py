"""FitMonitor: run the fits of a framework with a report after each step.

A search with a stopping rule or a time limit does not call ``estimator.fit``.  It passes the fit to
the monitor that accepts the estimator.  The monitor trains with a callback or in portions, calls
``reporter.report`` after each step, and ends the fit when ``reporter.should_stop()`` is True.
Plugins register monitors through the hook ``tuneplug_fit_monitors``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tuneplug.trial.reporting import TrialReporter

__all__ = ["FitMonitor", "MonitoredFit", "Scoring", "TrialReporter"]


@dataclass(frozen=True)
class Scoring:
    """The score that the user asked for, by which a monitor lets a stopping rule compare fits.

    A monitor reports ``score()``, or a metric of its framework that orders fits in the same way.
    If it has neither, it reports another metric, and appends a note that names both.

    Attributes
    ----------
    name : str
        Name of the score in reports and messages.
    standard_name : str or None
        scikit-learn's name of the scorer, such as ``"roc_auc"``.  If the target is transformed,
        the name of a scorer that orders fits on the transformed target in the same way.  None if no
        such scorer has a name.
    score : callable
        Takes no arguments, and returns the score of the estimator on the validation data.  Larger
        is better.  The estimator must be able to predict.  A call costs what the scorer costs, so
        the number of calls must not grow with the number of steps.
    weighted : bool
        Whether the score weights the validation data.
    own : bool
        Whether the score is the estimator's own method ``score``.
    """

    name: str
    standard_name: str | None
    score: Callable[[], float]
    weighted: bool = False
    own: bool = False


@dataclass(frozen=True)
class MonitoredFit:
    """Estimator, data and reporter of one fit.  Later versions may add attributes.

    Attributes
    ----------
    estimator : estimator
        Estimator to fit in place.  The monitor may change its parameters during the fit, and must
        restore them.
    X, y : array-like
        Training data.
    reporter : TrialReporter
        Reporter of this fit: ``report(value, step)``, ``should_stop()`` and, before the first
        report, ``set_metric(metric, direction)``.
    params : mapping
        Further arguments of ``fit``.
    X_val, y_val : array-like
        Validation data to evaluate after each step, transformed like the training data.  For a
        classifier, it contains only classes of the training data.
    sample_weight_val : array-like of shape (n_val,) or None
        Weights of the validation data.  None if ``params`` has no ``sample_weight``.
    pruning : bool
        Whether a stopping rule compares the reports.  If False, the direction of the metric does
        not matter.
    notes : list of str
        Warnings, to be appended by the monitor.  A search shows each distinct warning once.
    params_val : mapping
        The arguments in ``params`` that have one entry per row, such as ``base_margin``, for the
        validation data.  ``sample_weight`` is not among them.
    scoring : Scoring or None
        The score that the search optimizes.  If None, the monitor selects the metric.
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
    params_val: Mapping[str, Any] = field(default_factory=dict)
    scoring: Scoring | None = None


class FitMonitor(ABC):
    """Fits the estimators of one framework, and reports after each step.

    If a plugin registers the class, the search creates an instance without arguments.  An instance
    is pickled to workers and serves many fits at once.  It must not store the state of a fit.
    """

    name: ClassVar[str]

    @abstractmethod
    def accepts(self, estimator: Any) -> bool:
        """Return whether this monitor can fit an estimator.

        Must not import the framework.  ``tuneplug.optional.is_instance_of`` checks a class without
        an import.
        """

    @abstractmethod
    def fit(self, watched: MonitoredFit) -> int | None:
        """Fit, report after each step, and end the fit when ``reporter.should_stop()`` is True.

        A fit that is not stopped must give the same estimator as the estimator's own ``fit``.  If
        this method raises an exception, the search calls the estimator's own ``fit`` and warns,
        unless the estimator stops early by its own rule.

        Returns
        -------
        int or None
            Number of steps that the estimator's own early stopping selected.  None if the fit was
            stopped, or if the estimator has no early stopping.
        """

    def has_eval_set(self, params: Mapping[str, Any]) -> bool:
        """Return whether the arguments of ``fit`` contain evaluation sets."""
        return False

    def has_early_stopping(self, estimator: Any, params: Mapping[str, Any]) -> bool:
        """Return whether the estimator stops early on its own if it has an evaluation set."""
        return False

    def refit_params(
        self, estimator: Any, params: Mapping[str, Any], n_steps: int | None
    ) -> dict[str, Any]:
        """Remove early stopping from an estimator, and set its number of steps.

        Called only if ``has_early_stopping`` is True.

        Parameters
        ----------
        estimator : estimator
            Estimator to change in place.
        params : mapping
            Arguments of ``fit``.
        n_steps : int or None
            Number of steps.  If None, the number that the estimator has.

        Returns
        -------
        dict
            Arguments of ``fit`` without early stopping.
        """
        raise TypeError(f"{type(self).__name__} does not support early stopping")
