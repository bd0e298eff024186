"""MLflowObserver: logs studies as they run; log_study: logs one that has run."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final
from weakref import WeakKeyDictionary

from tuneplug import Study, Trial
from tuneplug.optional import OptionalDependency
from tuneplug.plugins import hookimpl
from tuneplug_mlflow import content

if TYPE_CHECKING:
    from tuneplug_mlflow.runs import Place, StudyRuns

__all__ = ["MLflowObserver", "log_study"]


@final
class MLflowObserver:
    """Logs every study that it observes to MLflow as it runs.

    A study is a run, nested under the one that is active where it begins, if there is one; each of
    its trials is a run nested under that.  ``docs/tracking.md`` lists what is logged.  Register it
    with the plugins of a study or a search::

        plugins = Plugins()
        plugins.register(MLflowObserver(experiment="churn"))
        WarpedBayesSearchCV(model, space, plugins=plugins)

    Parameters
    ----------
    experiment : str or None, default None
        Name of the experiment, which is created if there is none.  None is the one that
        ``mlflow.start_run()`` would use, and in another store than that the one called Default.
    tracking_uri : str or None, default None
        The tracking store or server; None is the one that MLflow uses at the time.
    run_name : str or None, default None
        Name of the runs of studies; None is "tuneplug" and the name of the strategy.
    tags : mapping of str to str or None, default None
        Tags for every run, of studies and trials.
    metric : str, default "value"
        Name of the metric that the values of trials are logged as.

    Raises
    ------
    MissingDependencyError
        If MLflow is not installed.
    ValueError
        If a name is not one that MLflow takes for a metric, or a tag is one that is set here.
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
        self._place = _place(experiment, tracking_uri, run_name, tags, metric)
        self._runs: WeakKeyDictionary[Study, StudyRuns] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"MLflowObserver(experiment={self._experiment!r})"

    def run_id(self, study: Study) -> str | None:
        """Return the id of the run of a study, None if it has not begun.

        More can be logged to it: ``MlflowClient().log_artifact(observer.run_id(study), path)``.
        """
        runs = self._runs.get(study)
        return None if runs is None else runs.run_id

    # ------------------------------------------------------------------ events

    @hookimpl
    def tuneplug_study_started(self, study: Study) -> None:
        """Begin the run of a study, or go on with it."""
        self._open(study).within = True

    @hookimpl
    def tuneplug_trial_asked(self, study: Study, trial: Trial) -> None:
        """Begin the run of a trial."""
        self._open(study).begin(trial)

    @hookimpl
    def tuneplug_trial_finished(self, study: Study, trial: Trial) -> None:
        """End the run of a trial.

        Where trials are asked for one by one, nothing says which is the last: the run of the study
        then ends whenever none is running.
        """
        runs = self._open(study)
        _end(runs, study, trial)
        if not runs.running and not runs.within:
            runs.close(study, None)

    @hookimpl
    def tuneplug_study_finished(self, study: Study, error: BaseException | None) -> None:
        """End the run of a study, and those of trials that ended unsaid, in an interrupt."""
        runs = self._open(study)
        for number in runs.running:
            if study.history[number].state.ended:
                _end(runs, study, study.history[number])
        runs.within = False
        runs.close(study, error)

    def _open(self, study: Study) -> StudyRuns:
        with self._lock:  # one observer may have several studies, on several threads
            runs = self._runs.get(study)
            if runs is None:
                runs = self._runs[study] = _runs_module().StudyRuns(study, self._place)
                if (best := study.history.best()) is not None:  # of trials that are not logged here
                    runs.best(best)
            elif runs.ended:
                runs.reopen(study)
        return runs


def _end(runs: StudyRuns, study: Study, trial: Trial) -> None:
    runs.end(trial, best=study.history.best() is trial)


def log_study(
    study: Study,
    *,
    experiment: str | None = None,
    tracking_uri: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, Any] | None = None,
    metric: str = "value",
) -> str:
    """Log a study that has run, with all that ``MLflowObserver`` would have logged.

    Trials that are still running are left out.  The error that ended a study is not known any more.

    Parameters
    ----------
    study : Study
    experiment, tracking_uri, run_name, tags, metric
        As of ``MLflowObserver``.

    Returns
    -------
    run_id : str
        Of the study's run; each call makes a new one.

    Raises
    ------
    MissingDependencyError
        If MLflow is not installed.
    ValueError
        As ``MLflowObserver`` does.
    """
    place = _place(experiment, tracking_uri, run_name, tags, metric)
    ended = [trial for trial in study.trials if trial.finished is not None]
    first = min((trial.started for trial in ended if trial.started is not None), default=None)
    runs: StudyRuns = _runs_module().StudyRuns(study, place, first)
    for trial in ended:
        runs.begin(trial)
    ended.sort(key=lambda trial: trial.finished or 0.0)
    least = (math.inf, 0)
    for trial in ended:
        rank = content.rank(trial, study.history.sign)
        runs.end(trial, best=rank < least)
        least = min(least, rank)
    runs.close(study, None, ended[-1].finished if ended else None)
    return runs.run_id


def _place(
    experiment: str | None,
    tracking_uri: str | None,
    run_name: str | None,
    tags: Mapping[str, Any] | None,
    metric: str,
) -> Place:
    """Check what was asked for."""
    if metric != content.allowed_name(metric) or metric in content.METRICS:
        raise ValueError(
            "metric must be of letters, digits, '_', '-', '.' and spaces, and none of "
            f"{sorted(content.METRICS)}, but got {metric!r}"
        )
    ours = sorted(set(tags or ()) & content.TAGS)
    if ours:
        raise ValueError(f"tags must be others than {sorted(content.TAGS)}, but got {ours}")
    texts = {name: str(value) for name, value in (tags or {}).items()}
    place: Place = _runs_module().Place(experiment, tracking_uri, run_name, texts, metric)
    return place


def _runs_module() -> Any:
    """Import what needs MLflow.  Raises MissingDependencyError if it is not installed."""
    with OptionalDependency("MLflow", "mlflow", "mlflow").required_by("MLflowObserver"):
        from tuneplug_mlflow import runs
    return runs
