"""Report the rounds of LightGBM to a trial, and end the training when the trial ends.

LightGBM calls callbacks by increasing ``order``.  ``order = 25`` places this callback after those
that log and record (10 and 20) and before early stopping (30), which raises an exception in its
last round.  The callback ends a training with the same exception.  It names the current round as
the best, so that the model keeps all rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuneplug.monitoring import FitReporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuneplug import Trial
    from tuneplug.monitoring import TrialReporter
    from tuneplug_lightgbm._compat import Result
    from tuneplug_lightgbm.hidden_metric import HiddenMetric

__all__ = ["ReportingCallback", "TrialCallback"]

_HINT = (
    "pass valid_sets= to train, or eval_X= and eval_y= to fit (before LightGBM 4.7 eval_set=), and "
    "do not disable the metric"
)
_DART_STOPPED = (
    "under DART later rounds change earlier trees: the stopped model keeps all its rounds"
)


class ReportingCallback:
    """Reports every round through a fit reporter.

    Parameters
    ----------
    reporter : FitReporter
    hidden : HiddenMetric, optional
        Another callback of the training.  The metric that it hides can be reported.
    """

    def __init__(self, reporter: FitReporter, hidden: HiddenMetric | None = None) -> None:
        self._reporter = reporter
        self._hidden = hidden
        self.order = 25  # LightGBM sets its own unless the instance has one
        self.before_iteration = False

    @property
    def trial(self) -> Trial | TrialReporter:
        """Trial that receives the reports."""
        return self._reporter.trial

    def __call__(self, env: Any) -> None:
        """Report the round, and end the training if the trial has ended."""
        from lightgbm.callback import EarlyStopException

        from tuneplug_lightgbm._compat import results

        evaluated = results(env.evaluation_result_list)
        if self._hidden is not None:
            evaluated += self._hidden.results
        if env.iteration == env.begin_iteration:
            self._begin(env, evaluated)
        if (entry := self._reporter.entry) is not None:
            values = {result.entry: result.value for result in evaluated}  # a hidden one is last
            self._reporter.report(values[entry], env.iteration)
        if self._reporter.ended:
            self._warn_about_dart(env)
            raise EarlyStopException(env.iteration, env.evaluation_result_list)

    def _begin(self, env: Any, evaluated: Sequence[Result]) -> None:
        from tuneplug_lightgbm._compat import distributed_workers, training_name

        if n_workers := distributed_workers(env.params):
            env.model.free_network()  # later trainings in this process would wait for the others
            self._reporter.refuse_distributed(n_workers)
        directions = {result.entry: result.direction for result in evaluated}
        self._reporter.begin(
            list(directions),
            directions.get,
            sep="'s ",
            training=[training_name(env.model)],
            hint=_HINT,
        )

    def _warn_about_dart(self, env: Any) -> None:
        from lightgbm import CVBooster

        from tuneplug_lightgbm._compat import aliases

        dart = any(env.params.get(name) == "dart" for name in aliases("boosting"))
        if dart and not isinstance(env.model, CVBooster):
            self._reporter.warn(_DART_STOPPED)


class TrialCallback(ReportingCallback):
    """Report every boosting round to a trial, and end the training when the trial ends.

    Works in ``lightgbm.train``, ``lightgbm.cv`` and the scikit-learn wrappers
    (``fit(callbacks=[...])``).  In ``cv`` it reports the mean over the folds.

    Each training opens a fold of the trial.  A training that continues a model continues its fold
    and its round numbers.  If the trial does not end, the model equals the one trained without the
    callback.  A stopped model keeps all its rounds, and its best round is the last one.

    One callback serves several trainings, also on several threads.  Copies report to the same
    trial.

    Parameters
    ----------
    trial : Trial or TrialReporter
    metric : str, optional
        Metric to report: LightGBM's name, such as ``"auc"``, or the name that LightGBM prints, such
        as ``"valid_0's auc"``.  If None, the last metric.
    dataset : str, optional
        Evaluation set to report: its name in ``valid_names=`` or ``eval_names=``, by default
        ``"valid_0"``; ``"valid"`` in ``cv``.  If None, the last one that is not the training data.
        LightGBM names the training data ``"training"`` (``"train"`` in ``cv``).
    maximize : bool, optional
        Whether larger values are better.  LightGBM defines the direction of every metric, also of
        custom ones.  If given, it must agree.

    Raises
    ------
    TypeError
        If ``metric`` or ``dataset`` is not a string, or if ``maximize`` is not a bool.
    ValueError
        During the first round: if nothing is evaluated, if no evaluated metric matches ``metric``
        and ``dataset``, or if the direction of the metric is not the one of ``maximize`` or of the
        study.
    RuntimeError
        During the first round, on every worker: if the training is distributed.

    Examples
    --------
    >>> import numpy as np, lightgbm
    >>> from tuneplug import Float, Study
    >>> from tuneplug_lightgbm import TrialCallback
    >>> X = np.arange(200.0)[:, None]
    >>> train = lightgbm.Dataset(X[::2], X[::2, 0])
    >>> valid = train.create_valid(X[1::2], X[1::2, 0])
    >>> study = Study({"learning_rate": Float(0.01, 1.0)}, seed=0)
    >>> trial = study.ask()
    >>> model = lightgbm.train(
    ...     {"verbose": -1, **trial.params}, train, 5, valid_sets=[valid],
    ...     callbacks=[TrialCallback(trial)],
    ... )
    >>> trial.metric, [report.step for report in trial.reports]
    ("valid_0's l2", [0, 1, 2, 3, 4])
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
