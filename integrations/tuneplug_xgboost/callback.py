"""Report the rounds of XGBoost to a trial, and end the training when the trial ends.

The callback reports in ``after_iteration`` and ends the training in the next ``before_iteration``.
This order shows the last round to all other callbacks and keeps all rounds.  In ``cv``, it also
avoids a selection of the best round.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xgboost

from tuneplug.monitoring import Entry, FitReporter
from tuneplug_xgboost.directions import known_direction
from tuneplug_xgboost.hidden_metric import HiddenMetric

if TYPE_CHECKING:
    from tuneplug import Trial
    from tuneplug.monitoring import TrialReporter

__all__ = ["ReportingCallback", "TrialCallback"]

#: XGBoost does not tell callbacks which data set is the training data.  ``cv`` uses the first name,
#: and XGBoost's documentation uses both.
_TRAINING = ("train", "training")
_HINT = "pass evals= to train or eval_set= to fit, and do not disable the metric"

_DART = "under DART later rounds change earlier trees: "
_DART_STOPPED = _DART + "the stopped model keeps all its rounds"
_DART_EARLY_STOPPED = _DART + (
    "early stopping predicts with the rounds up to the best one, but their trees are not those "
    "that were scored: train again with this number of rounds and without early stopping"
)


@dataclass
class _Training:
    """The current training of one thread.

    Attributes
    ----------
    n_previous : int
        Number of rounds of the model that the training continues.
    log : mapping
        XGBoost's evaluation log.  Each round appends a value to each list.
    values : sequence or None
        The list of the log that is reported.  None before the first report.
    n_reported : int
        Number of rounds reported.
    stopped : bool
        Whether the training ends before the next round.
    hidden : HiddenMetric or None
        Metric that is evaluated for the reports only.
    """

    n_previous: int
    log: MutableMapping[str, MutableMapping[str, list[Any]]]
    values: Sequence[Any] | None = None
    n_reported: int = 0
    stopped: bool = False
    hidden: HiddenMetric | None = None


class ReportingCallback(xgboost.callback.TrainingCallback):
    """Reports every round through a fit reporter.

    Parameters
    ----------
    reporter : FitReporter
    hidden_metric : str, optional
        Metric to evaluate in addition to those of the training.  Later callbacks and
        ``evals_result()`` do not see it, so the callback must be the first.
    """

    def __init__(self, reporter: FitReporter, hidden_metric: str | None = None) -> None:
        super().__init__()
        self._reporter = reporter
        self._hidden_metric = hidden_metric
        self._trainings: dict[int, _Training] = {}  # by thread

    @property
    def trial(self) -> Trial | TrialReporter:
        """Trial that receives the reports."""
        return self._reporter.trial

    def before_training(self, model: Any) -> Any:
        """Start a training; raise a RuntimeError if it is distributed."""
        if xgboost.collective.is_distributed():
            self._reporter.refuse_distributed(xgboost.collective.get_world_size())
        training = _Training(model.num_boosted_rounds(), {})
        if self._hidden_metric is not None:
            training.hidden = HiddenMetric(model, self._hidden_metric)
        self._trainings[threading.get_ident()] = training
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Return whether the training ends because the trial ended with the previous round."""
        training = self._trainings[threading.get_ident()]
        training.log = evals_log
        return training.stopped

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report the round."""
        training = self._trainings[threading.get_ident()]
        if training.hidden is not None:
            training.hidden.take(evals_log)
        self._report(training)
        training.stopped = self._reporter.ended
        return False

    def after_training(self, model: Any) -> Any:
        """Finish the training."""
        training = self._trainings.pop(threading.get_ident())
        if training.log:  # an earlier callback that ends the training hides its last round
            self._report(training)
        if isinstance(model, xgboost.Booster):
            self._warn_about_dart(model, training.stopped)
        return model

    def _report(self, training: _Training) -> None:
        if training.values is None:
            training.values = self._begin(training)
        for value in training.values[training.n_reported :]:
            mean = value[0] if isinstance(value, tuple) else value  # cv: mean, standard deviation
            self._reporter.report(float(mean), training.n_previous + training.n_reported)
            training.n_reported += 1

    def _begin(self, training: _Training) -> Sequence[Any]:
        """Return the list of the log to report."""
        logs: list[Mapping[str, Mapping[str, Sequence[Any]]]] = [training.log]
        if training.hidden is not None:
            logs.append(training.hidden.log)
        values = {
            Entry(dataset, metric): values
            for log in logs
            for dataset, metrics in log.items()
            for metric, values in metrics.items()
        }
        entry = self._reporter.begin(
            list(values),
            lambda entry: known_direction(entry.metric),
            sep="-",
            training=_TRAINING,
            hint=_HINT,
        )
        return () if entry is None else values[entry]

    def _warn_about_dart(self, model: xgboost.Booster, stopped: bool) -> None:
        """Warn if a DART model was stopped or has a best round; a stopped one keeps all rounds."""
        has_best = model.attr("best_iteration") is not None
        if not (stopped or has_best) or not _is_dart(model):
            return
        if stopped and has_best:
            model.set_attr(best_iteration=str(model.num_boosted_rounds() - 1))
        self._reporter.warn(_DART_STOPPED if stopped else _DART_EARLY_STOPPED)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainings": {}}

    def __hash__(self) -> int:
        """Return the smallest hash, so that XGBoost 2.1 calls the callback in its place.

        XGBoost 2.1 keeps callbacks in a set.  CPython iterates a set of few elements by hash, and
        those of equal hash in the order of insertion.  Later versions keep the order of the list.
        """
        return 0


class TrialCallback(ReportingCallback):
    """Report every boosting round to a trial, and end the training when the trial ends.

    Works in ``xgboost.train``, ``xgboost.cv`` and the scikit-learn wrappers
    (``XGBClassifier(callbacks=[...])``).  In ``cv`` it reports the mean over the folds.

    Each training opens a fold of the trial.  A training that continues a model continues its fold
    and its round numbers.  If the trial does not end, the model equals the one trained without the
    callback.  A stopped model keeps all its rounds.

    One callback serves several trainings, also on several threads.  Copies, such as those of
    scikit-learn's ``clone``, report to the same trial.

    Parameters
    ----------
    trial : Trial or TrialReporter
    metric : str, optional
        Metric to report: XGBoost's name, such as ``"logloss"``, or the name that XGBoost prints,
        such as ``"validation_0-logloss"``.  If None, the last metric.
    dataset : str, optional
        Evaluation set to report: its name in ``evals=``, ``"validation_0"`` in the wrappers,
        ``"test"`` in ``cv``.  If None, the last one not named ``"train"`` or ``"training"``.
    maximize : bool, optional
        Whether larger values are better.  Required for metrics that are not XGBoost's own.

    Raises
    ------
    TypeError
        If ``metric`` or ``dataset`` is not a string, or if ``maximize`` is not a bool.
    ValueError
        During the first round: if nothing is evaluated, if no evaluated metric matches ``metric``
        and ``dataset``, if the direction of the metric is unknown, or if it is not the direction
        of the study.
    RuntimeError
        Before the first round, on every worker: if the training is distributed.

    Examples
    --------
    >>> import numpy as np, xgboost
    >>> from tuneplug import Float, Study
    >>> from tuneplug_xgboost import TrialCallback
    >>> X = np.arange(40.0)[:, None]
    >>> train, valid = xgboost.DMatrix(X[::2], X[::2, 0]), xgboost.DMatrix(X[1::2], X[1::2, 0])
    >>> study = Study({"eta": Float(0.01, 1.0)}, seed=0)
    >>> trial = study.ask()
    >>> model = xgboost.train(
    ...     trial.params, train, 5, evals=[(valid, "valid")], verbose_eval=False,
    ...     callbacks=[TrialCallback(trial)],
    ... )
    >>> trial.metric, [report.step for report in trial.reports]
    ('valid-rmse', [0, 1, 2, 3, 4])
    """

    def __init__(
        self,
        trial: Trial | TrialReporter,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        maximize: bool | None = None,
    ) -> None:
        super().__init__(FitReporter(trial, metric, dataset=dataset, maximize=maximize))


def _is_dart(model: xgboost.Booster) -> bool:
    return bool(json.loads(model.save_config())["learner"]["gradient_booster"]["name"] == "dart")
