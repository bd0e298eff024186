"""MLflowObserver logs studies as they run; log_study logs a study afterwards."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final
from weakref import WeakKeyDictionary

from tuneplug import Study, Trial
from tuneplug.optional import OptionalDependency
from tuneplug.plugins import hookimpl
from tuneplug_mlflow import payloads

if TYPE_CHECKING:
    from tuneplug_mlflow.runs import StudyRuns, TrackingTarget

__all__ = ["MLflowObserver", "log_study"]


@final
class MLflowObserver:
    """Log every observed study to MLflow as it runs.

    A study is one run, nested under the active run if there is one.  Each trial is a run nested
    under the run of its study.  ``docs/tracking.md`` lists what is logged.  Register the observer
    with the plugins of a study or a search::

        plugins = Plugins()
        plugins.register(MLflowObserver(experiment="churn"))
        WarpedBayesSearchCV(model, space, plugins=plugins)

    Parameters
    ----------
    experiment : str or None, default None
        Name of the experiment.  It is created if it does not exist.  If None, the experiment of the
        active run, or the one that ``mlflow.start_run()`` would use.  If None and ``tracking_uri``
        is not the current store, the experiment Default.
    tracking_uri : str or None, default None
        Tracking store or server.  If None, the current one of MLflow.
    run_name : str or None, default None
        Name of the run of a study.  If None, "tuneplug" and the name of the strategy.
    tags : mapping of str to str or None, default None
        Tags for every run, of studies and of trials.
    metric : str, default "value"
        Metric name for the values of trials.

    Raises
    ------
    MissingDependencyError
        If MLflow is not installed.
    ValueError
        If ``metric`` is not a valid metric name, or the adapter itself sets one of ``tags``.
    """

    def __init__(
        self,
        *,
        experiment: str | None = None,
        tracking_uri: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        metric: str = "value",
    ) -> None:
        self._experiment = experiment
        self._target = _make_target(experiment, tracking_uri, run_name, tags, metric)
        self._runs: WeakKeyDictionary[Study, StudyRuns] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"MLflowObserver(experiment={self._experiment!r})"

    def run_id(self, study: Study) -> str | None:
        """Return the id of the run of a study; None if the study has not started.

        Use it to log more to the run:
        ``MlflowClient().log_artifact(observer.run_id(study), path)``.
        """
        runs = self._runs.get(study)
        return None if runs is None else runs.run_id

    # ------------------------------------------------------------------ events

    @hookimpl
    def tuneplug_study_started(self, study: Study) -> None:
        """Start or continue the run of the study."""
        self._open(study).in_optimize = True

    @hookimpl
    def tuneplug_trial_asked(self, study: Study, trial: Trial) -> None:
        """Start the run of the trial."""
        self._open(study).start_trial(trial)

    @hookimpl
    def tuneplug_trial_finished(self, study: Study, trial: Trial) -> None:
        """End the run of the trial.

        With ``ask`` and ``tell`` the last trial is not known.  The run of the study then ends
        whenever no trial is running.
        """
        runs = self._open(study)
        _end_trial(runs, study, trial)
        if not runs.running and not runs.in_optimize:
            runs.close(study, None)

    @hookimpl
    def tuneplug_study_finished(self, study: Study, error: BaseException | None) -> None:
        """End the run of the study, and of trials whose events an interrupt prevented."""
        runs = self._open(study)
        for number in runs.running:
            if study.history[number].state.ended:
                _end_trial(runs, study, study.history[number])
        runs.in_optimize = False
        runs.close(study, error)

    def _open(self, study: Study) -> StudyRuns:
        with self._lock:  # an observer may serve several studies on several threads
            runs = self._runs.get(study)
            if runs is None:
                runs = self._runs[study] = _runs_module().StudyRuns(study, self._target)
                if (best := study.history.best()) is not None:  # among trials that have no run
                    runs.log_best(best)
            elif runs.ended:
                runs.reopen(study)
        return runs


def _end_trial(runs: StudyRuns, study: Study, trial: Trial) -> None:
    runs.end_trial(trial, best=study.history.best() is trial)


def log_study(
    study: Study,
    *,
    experiment: str | None = None,
    tracking_uri: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, Any] | None = None,
    metric: str = "value",
) -> str:
    """Log a study afterwards, with the content that ``MLflowObserver`` would have logged.

    Running trials are left out.  The error that ended the study is not known and not logged.

    Parameters
    ----------
    study : Study
        The study to log.
    experiment, tracking_uri, run_name, tags, metric
        As in ``MLflowObserver``.

    Returns
    -------
    run_id : str
        Id of the run of the study.  Each call creates a new run.

    Raises
    ------
    MissingDependencyError
        If MLflow is not installed.
    ValueError
        As in ``MLflowObserver``.
    """
    target = _make_target(experiment, tracking_uri, run_name, tags, metric)
    ended = [trial for trial in study.trials if trial.finished is not None]
    start = min((trial.started for trial in ended if trial.started is not None), default=None)
    runs: StudyRuns = _runs_module().StudyRuns(study, target, start)
    for trial in ended:
        runs.start_trial(trial)
    ended.sort(key=lambda trial: trial.finished or 0.0)
    best_rank = (math.inf, 0)
    for trial in ended:
        rank = payloads.rank(trial, study.history.sign)
        runs.end_trial(trial, best=rank < best_rank)
        best_rank = min(best_rank, rank)
    runs.close(study, None, ended[-1].finished if ended else None)
    return runs.run_id


def _make_target(
    experiment: str | None,
    tracking_uri: str | None,
    run_name: str | None,
    tags: Mapping[str, Any] | None,
    metric: str,
) -> TrackingTarget:
    """Validate the arguments and return the target."""
    if metric != payloads.allowed_name(metric) or metric in payloads.METRICS:
        raise ValueError(
            "metric must consist of letters, digits, '_', '-', '.' and spaces, and be none of "
            f"{sorted(payloads.METRICS)}, but got {metric!r}"
        )
    reserved = sorted(set(tags or ()) & payloads.TAGS)
    if reserved:
        raise ValueError(
            f"tags must not contain any of {sorted(payloads.TAGS)}, which the adapter sets, but "
            f"got {reserved}"
        )
    texts = {name: str(value) for name, value in (tags or {}).items()}
    runs = _runs_module()
    target: TrackingTarget = runs.TrackingTarget(experiment, tracking_uri, run_name, texts, metric)
    return target


def _runs_module() -> Any:
    """Import the module that needs MLflow; MissingDependencyError if it is not installed."""
    with OptionalDependency("MLflow", "mlflow", "mlflow").required_by("MLflowObserver"):
        from tuneplug_mlflow import runs
    return runs
