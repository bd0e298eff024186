"""Write the runs of one study to a tracking store: a parent run and one child run per trial.

All calls go through an ``MlflowClient`` and run ids, so other threads and the user's active run are
not affected.  Times are milliseconds since the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from tuneplug import Study, Trial
from tuneplug.storage import check_sqlite_url
from tuneplug_mlflow import payloads
from tuneplug_mlflow._compat import context_tags, default_experiment_id, set_status
from tuneplug_mlflow.payloads import MetricPoint

__all__ = ["StudyRuns", "TrackingTarget"]

#: Maximum sizes of a batch.  MLflow allows 1000 entries, of which 100 are parameters; 50 entries
#: are left for tags.
MAX_METRICS, MAX_PARAMS = 950, 100

PARENT_TAG = "mlflow.parentRunId"
T = TypeVar("T")


class TrackingTarget(NamedTuple):
    """Store, experiment and names under which a study is logged; see ``MLflowObserver``."""

    experiment: str | None
    tracking_uri: str | None
    run_name: str | None
    tags: Mapping[str, str]
    metric: str

    def open(self) -> tuple[MlflowClient, str, str | None]:
        """Return a client, the experiment id, and the id of the active run to nest under.

        Raises
        ------
        StorageError
            If the store is the SQLite file of another program.
        """
        check_sqlite_url(self.tracking_uri or mlflow.get_tracking_uri(), "MLflow", "experiments")
        client = MlflowClient(self.tracking_uri)
        active = mlflow.active_run()
        other_store = client.tracking_uri != mlflow.get_tracking_uri()
        if active is not None and other_store:
            active = None
        if self.experiment is not None:
            experiment_id = _experiment_id(client, self.experiment)
        elif active is not None:
            experiment_id = active.info.experiment_id
        else:
            experiment_id = "0" if other_store else default_experiment_id()
        if active is not None and active.info.experiment_id != experiment_id:
            active = None  # MLflow nests runs within one experiment only
        return client, experiment_id, None if active is None else active.info.run_id


def _experiment_id(client: MlflowClient, name: str) -> str:
    """Return the id of the named experiment; create the experiment if it does not exist."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException as error:
        found = client.get_experiment_by_name(name)  # another process may have created it
        if found is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(found.experiment_id)


class StudyRuns:
    """The runs of one study.

    Holds no reference to the study, so the study can be garbage collected.

    Parameters
    ----------
    study : Study
        The study to log.
    target : TrackingTarget
        Store, experiment and names.
    start : float or None, default None
        Start time of the parent run, in seconds since the epoch.  If None, the current time.

    Attributes
    ----------
    run_id : str
        Id of the parent run.
    in_optimize : bool
        Whether the study announces its end, as ``optimize`` does.
    ended : bool
        Whether the parent run has ended.  ``reopen`` continues it.
    """

    def __init__(self, study: Study, target: TrackingTarget, start: float | None = None) -> None:
        self._client, self._experiment, active_run = target.open()
        self._target = target
        self._context = context_tags() | dict(target.tags)
        self._children: dict[int, str] = {}
        self._error_tagged = False
        self.in_optimize = False
        self.ended = False
        name, tags = (
            target.run_name or f"tuneplug {study.strategy.name}",
            payloads.study_tags(study),
        )
        self.run_id = self._create(name, active_run, tags, _milliseconds(start))
        self._log(self.run_id, params=payloads.study_params(study))

    # ------------------------------------------------------------------ parent run

    def reopen(self, study: Study) -> None:
        """Continue the parent run if it has ended."""
        if self.ended:
            set_status(self._client, self.run_id, "RUNNING")
            self.ended = False
        if self._error_tagged:
            self._client.delete_tag(self.run_id, "error")
            self._error_tagged = False
        self._log(self.run_id, tags=payloads.study_tags(study))

    def close(self, study: Study, error: BaseException | None, time_s: float | None = None) -> None:
        """End the parent run at ``time_s`` (seconds since the epoch); if None, now."""
        end = _milliseconds(time.time() if time_s is None else time_s)
        tags = payloads.study_result_tags(study, error)
        self._error_tagged = "error" in tags
        self._log(self.run_id, payloads.trial_count_metrics(study), tags=tags, time_ms=end)
        set_status(self._client, self.run_id, payloads.study_status(study, error), end)
        self.ended = True

    @property
    def running(self) -> list[int]:
        """Numbers of the trials whose runs have started and not ended."""
        return list(self._children)

    def log_best(self, trial: Trial, run_id: str | None = None) -> None:
        """Log the best trial so far to the parent run; ``run_id`` is the run of the trial."""
        assert trial.value is not None, "the best trial has a value"
        point = MetricPoint(f"best_{self._target.metric}", trial.value, trial.number)
        tags, end = payloads.best_trial_tags(trial, run_id), _milliseconds(trial.finished)
        self._log(self.run_id, [point], tags=tags, time_ms=end)

    # ------------------------------------------------------------------ child runs

    def start_trial(self, trial: Trial) -> None:
        """Start the run of a trial."""
        tags, start = payloads.trial_start_tags(trial), _milliseconds(trial.started)
        run_id = self._create(f"trial {trial.number}", self.run_id, tags, start)
        self._children[trial.number] = run_id
        self._log(run_id, params=payloads.trial_params(trial))

    def end_trial(self, trial: Trial, *, best: bool) -> None:
        """End the run of a trial; if it is the best so far, log that to the parent run."""
        if trial.number not in self._children:  # asked before the observer was registered
            self.start_trial(trial)
        run_id = self._children[trial.number]
        end, metric = _milliseconds(trial.finished), self._target.metric
        points = payloads.trial_report_metrics(trial, metric)
        points += payloads.trial_result_metrics(trial, metric)
        self._log(run_id, points, tags=payloads.trial_result_tags(trial), time_ms=end)
        set_status(self._client, run_id, payloads.trial_status(trial), end)
        if best:
            self.log_best(trial, run_id)
        del self._children[trial.number]

    # ------------------------------------------------------------------ store

    def _create(
        self, name: str, parent: str | None, tags: Mapping[str, str], start: int | None
    ) -> str:
        parent_tag = {} if parent is None else {PARENT_TAG: parent}
        run = self._client.create_run(
            self._experiment, start, {**self._context, **tags, **parent_tag}, name
        )
        return str(run.info.run_id)

    def _log(
        self,
        run_id: str,
        points: Iterable[MetricPoint] = (),
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        time_ms: int | None = None,
    ) -> None:
        """Log synchronously, in as few batches as MLflow allows."""
        now = int(1000 * time.time()) if time_ms is None else time_ms
        metrics = [Metric(point.name, point.value, now, point.step) for point in points]
        param_entries = [Param(name, text) for name, text in (params or {}).items()]
        tag_entries = [RunTag(name, text) for name, text in (tags or {}).items()]
        for batch in _batches(param_entries, MAX_PARAMS):
            self._client.log_batch(run_id, params=batch, synchronous=True)
        if tag_entries:
            first = metrics[:MAX_METRICS]
            self._client.log_batch(run_id, metrics=first, tags=tag_entries, synchronous=True)
            del metrics[:MAX_METRICS]
        for metric_batch in _batches(metrics, MAX_METRICS):
            self._client.log_batch(run_id, metric_batch, synchronous=True)


def _batches(items: Sequence[T], max_size: int) -> Iterator[Sequence[T]]:
    return (items[first : first + max_size] for first in range(0, len(items), max_size))


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(1000 * seconds)
