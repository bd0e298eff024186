"""Report the rounds of CatBoost to a trial, and end the training when the trial ends.

CatBoost calls the callbacks of a training in their order until one ends it, on the thread that
trains.  It passes the number of the round and the values of all metrics so far, but neither the
model nor its parameters.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuneplug.monitoring import Entry, FitReporter

if TYPE_CHECKING:
    from tuneplug import Trial
    from tuneplug.monitoring import TrialReporter
    from tuneplug.trial import Direction

__all__ = ["ReportingCallback", "TrialCallback"]

_HINT = "pass eval_set= to fit"
#: CatBoost's name of the training data.
_TRAINING = ("learn",)


@dataclass
class _Training:
    """The current training of one thread: its latest round, and the number of values reported."""

    iteration: int = 0
    n_reported: int = 0


class ReportingCallback:
    """Reports every round through a fit reporter.

    Parameters
    ----------
    reporter : FitReporter
    n_previous : int, default 0
        Number of rounds of the model that the training continues.
    directions : mapping of str to {"minimize", "maximize"}, optional
        Directions of metrics that are not CatBoost's own.
    """

    def __init__(
        self,
        reporter: FitReporter,
        n_previous: int = 0,
        directions: Mapping[str, Direction] | None = None,
    ) -> None:
        self._reporter = reporter
        self._n_previous = n_previous
        self._directions = dict(directions or {})
        self._trainings: dict[int, _Training] = {}  # by thread

    @property
    def trial(self) -> Trial | TrialReporter:
        """Trial that receives the reports."""
        return self._reporter.trial

    def after_iteration(self, info: Any) -> bool:
        """Report the round, and return whether the training goes on."""
        training = self._trainings.get(threading.get_ident())
        if training is None or info.iteration <= training.iteration:
            training = self._begin(info)
        training.iteration = info.iteration
        if (entry := self._reporter.entry) is not None:
            values = info.metrics[entry.dataset][entry.metric]
            if len(values) > training.n_reported:  # metric_period skips rounds
                step = self._n_previous + info.iteration - 1
                self._reporter.report(float(values[-1]), step)
                training.n_reported = len(values)
        return not self._reporter.ended

    def _begin(self, info: Any) -> _Training:
        entries = [
            Entry(dataset, metric)
            for dataset, metrics in info.metrics.items()
            for metric in metrics
        ]
        self._reporter.begin(entries, self._direction, sep="-", training=_TRAINING, hint=_HINT)
        training = self._trainings[threading.get_ident()] = _Training()
        return training

    def _direction(self, entry: Entry) -> Direction | None:
        from tuneplug_catboost._compat import known_direction

        return self._directions.get(entry.metric) or known_direction(entry.metric)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainings": {}}


class TrialCallback(ReportingCallback):
    """Report every boosting round to a trial, and end the training when the trial ends.

    Works in ``fit(callbacks=[...])`` of all models of CatBoost on the CPU.  ``catboost.train`` and
    ``catboost.cv`` take no callbacks, and CatBoost has none on the GPU.

    Each training opens a fold of the trial.  A training that continues a model continues its fold
    if ``n_previous`` is given.  If the trial does not end, the model equals the one trained without
    the callback.  A stopped model keeps all its rounds, unless ``use_best_model`` selects the best.

    One callback serves several trainings, also on several threads.  Copies report to the same
    trial.  CatBoost does not call the callbacks behind one that ends the training, so this one
    should be the last.

    Parameters
    ----------
    trial : Trial or TrialReporter
    metric : str, optional
        Metric to report: CatBoost's name, such as ``"AUC"``, or the name with the evaluation set,
        such as ``"validation-AUC"``.  If None, the last metric.
    dataset : str, optional
        Evaluation set to report: ``"validation"``; if there are several, ``"validation_0"``,
        ``"validation_1"``, ...  If None, the last one.  CatBoost names the training data
        ``"learn"``.
    maximize : bool, optional
        Whether larger values are better.  Required for metrics that are not CatBoost's own.
    n_previous : int, default 0
        Number of rounds of the model that the training continues (``init_model=``).  CatBoost does
        not tell callbacks.

    Raises
    ------
    TypeError
        If ``metric`` or ``dataset`` is not a string, if ``maximize`` is not a bool, or if
        ``n_previous`` is not an int.
    CatBoostError
        During the first round: if nothing is evaluated, if no evaluated metric matches ``metric``
        and ``dataset``, if the direction of the metric is unknown, or if it is not the direction
        of the study.  CatBoost raises its own error for any error in a callback.

    Examples
    --------
    >>> import numpy as np, catboost
    >>> from tuneplug import Float, Study
    >>> from tuneplug_catboost import TrialCallback
    >>> X = np.arange(40.0)[:, None]
    >>> study = Study({"learning_rate": Float(0.01, 1.0)}, seed=0)
    >>> trial = study.ask()
    >>> model = catboost.CatBoostRegressor(
    ...     iterations=5, verbose=False, allow_writing_files=False, **trial.params
    ... )
    >>> _ = model.fit(
    ...     X[::2], X[::2, 0], eval_set=(X[1::2], X[1::2, 0]), callbacks=[TrialCallback(trial)]
    ... )
    >>> trial.metric, [report.step for report in trial.reports]
    ('validation-RMSE', [0, 1, 2, 3, 4])
    """

    def __init__(
        self,
        trial: Trial | TrialReporter,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        maximize: bool | None = None,
        n_previous: int = 0,
    ) -> None:
        if isinstance(n_previous, bool) or not isinstance(n_previous, int):
            raise TypeError(f"n_previous must be an int, but got {n_previous!r}")
        reporter = FitReporter(trial, metric, dataset=dataset, maximize=maximize)
        super().__init__(reporter, n_previous)
