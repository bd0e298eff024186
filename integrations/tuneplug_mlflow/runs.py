"""The runs of one study in a tracking store: a parent, and below it a child for each trial.

Everything goes through an ``MlflowClient`` and the ids of runs, so that neither other threads nor
the run that the user has open see any of it.  Times are milliseconds since the epoch.
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
from tuneplug_mlflow import content
from tuneplug_mlflow._compat import context_tags, experiment_in_use, set_status
from tuneplug_mlflow.content import Point

__all__ = ["Place", "StudyRuns"]

#: In one batch MLflow takes 1000 things in all, among them 100 parameters; few are our tags.
MOST_METRICS, MOST_PARAMS = 950, 100

PARENT = "mlflow.parentRunId"
T = TypeVar("T")


class Place(NamedTuple):
    """Where a study is to be logged, and under which names; see ``MLflowObserver``."""

    experiment: str | None
    tracking_uri: str | None
    run_name: str | None
    tags: Mapping[str, str]
    metric: str

    def open(self) -> tuple[MlflowClient, str, str | None]:
        """Return a client, the id of the experiment, and of the user's run to be nested under."""
        client = MlflowClient(self.tracking_uri)
        above = mlflow.active_run()
        elsewhere = client.tracking_uri != mlflow.get_tracking_uri()
        if above is not None and elsewhere:
            above = None
        if self.experiment is not None:
            experiment_id = _experiment_named(client, self.experiment)
        elif above is not None:
            experiment_id = above.info.experiment_id
        else:
            experiment_id = "0" if elsewhere else experiment_in_use()
        if above is not None and above.info.experiment_id != experiment_id:
            above = None  # MLflow nests within an experiment only
        return client, experiment_id, None if above is None else above.info.run_id


def _experiment_named(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException as error:
        found = client.get_experiment_by_name(name)  # made by another process meanwhile
        if found is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(found.experiment_id)


class StudyRuns:
    """The runs of one study.

    It has no reference to the study, which can so be forgotten.

    Parameters
    ----------
    study : Study
    place : Place
    start : float or None
        When the parent begins, in seconds since the epoch; None is now.

    Attributes
    ----------
    run_id : str
        Of the parent.
    within : bool
        Whether the study says when it ends, as in ``optimize``.
    ended : bool
        Whether the parent has ended; it can go on.
    """

    def __init__(self, study: Study, place: Place, start: float | None = None) -> None:
        self._client, self._experiment, above = place.open()
        self._place = place
        self._context = context_tags() | dict(place.tags)
        self._children: dict[int, str] = {}
        self._error_tagged = False
        self.within = False
        self.ended = False
        name = place.run_name or f"tuneplug {study.strategy.name}"
        self.run_id = self._create(name, above, content.study_tags(study), _milliseconds(start))
        self._log(self.run_id, params=content.study_params(study))

    # ------------------------------------------------------------------ the parent

    def reopen(self, study: Study) -> None:
        """Go on with the parent, if it had ended."""
        if self.ended:
            set_status(self._client, self.run_id, "RUNNING")
            self.ended = False
        if self._error_tagged:
            self._client.delete_tag(self.run_id, "error")
            self._error_tagged = False
        self._log(self.run_id, tags=content.study_tags(study))

    def close(self, study: Study, error: BaseException | None, at: float | None = None) -> None:
        """End the parent, at some seconds since the epoch or now."""
        end = _milliseconds(time.time() if at is None else at)
        tags = content.final_tags(study, error)
        self._error_tagged = "error" in tags
        self._log(self.run_id, content.counts(study), tags=tags, at=end)
        set_status(self._client, self.run_id, content.status_of_study(study, error), end)
        self.ended = True

    @property
    def running(self) -> list[int]:
        """The trials whose runs have begun and not ended, by number."""
        return list(self._children)

    def best(self, trial: Trial, run_id: str | None = None) -> None:
        """Say which trial is the best so far, and which run is its, if any is."""
        assert trial.value is not None, "a trial that is best has a value"
        point = Point(f"best_{self._place.metric}", trial.value, trial.number)
        tags, at = content.best_tags(trial, run_id), _milliseconds(trial.finished)
        self._log(self.run_id, [point], tags=tags, at=at)

    # ------------------------------------------------------------------ the children

    def begin(self, trial: Trial) -> None:
        """Begin the run of a trial."""
        tags, start = content.first_tags(trial), _milliseconds(trial.started)
        run_id = self._create(f"trial {trial.number}", self.run_id, tags, start)
        self._children[trial.number] = run_id
        self._log(run_id, params=content.trial_params(trial))

    def end(self, trial: Trial, *, best: bool) -> None:
        """End the run of a trial, and say so in the parent's where it is the best so far."""
        if trial.number not in self._children:  # asked for before anyone observed
            self.begin(trial)
        run_id = self._children[trial.number]
        at, metric = _milliseconds(trial.finished), self._place.metric
        points = content.reported_points(trial, metric) + content.final_points(trial, metric)
        self._log(run_id, points, tags=content.last_tags(trial), at=at)
        set_status(self._client, run_id, content.status_of_trial(trial), at)
        if best:
            self.best(trial, run_id)
        del self._children[trial.number]

    # ------------------------------------------------------------------ the store

    def _create(
        self, name: str, parent: str | None, tags: Mapping[str, str], start: int | None
    ) -> str:
        above = {} if parent is None else {PARENT: parent}
        run = self._client.create_run(
            self._experiment, start, {**self._context, **tags, **above}, name
        )
        return str(run.info.run_id)

    def _log(
        self,
        run_id: str,
        points: Iterable[Point] = (),
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        at: int | None = None,
    ) -> None:
        """Log in as few batches as MLflow allows, each before this returns."""
        when = int(1000 * time.time()) if at is None else at
        metrics = [Metric(point.name, point.value, when, point.step) for point in points]
        named = [Param(name, text) for name, text in (params or {}).items()]
        tagged = [RunTag(name, text) for name, text in (tags or {}).items()]
        for some in _batches(named, MOST_PARAMS):
            self._client.log_batch(run_id, params=some, synchronous=True)
        if tagged:
            self._client.log_batch(run_id, metrics[:MOST_METRICS], tags=tagged, synchronous=True)
            del metrics[:MOST_METRICS]
        for batch in _batches(metrics, MOST_METRICS):
            self._client.log_batch(run_id, batch, synchronous=True)


def _batches(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[first : first + most] for first in range(0, len(items), most))


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(1000 * seconds)
