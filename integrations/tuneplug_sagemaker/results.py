"""Results as the service gives them, and as a study can start from them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuneplug import Categorical, Int, Study, Trial, TrialState
from tuneplug.plugins import Parameter
from tuneplug_sagemaker._compat import PANDAS
from tuneplug_sagemaker.job import DEFINITION, TuningJob, name_of
from tuneplug_sagemaker.ranges import as_text
from tuneplug_sagemaker.service_model import validate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["analytics_frame", "as_parent", "describe"]

#: Prefix of the names of resources on this machine; no account of the service has this number.
ARN = "arn:aws:sagemaker:local:000000000000"
STATUS = {
    TrialState.RUNNING: "InProgress",
    TrialState.COMPLETE: "Completed",
    TrialState.STOPPED: "Stopped",
    TrialState.FAILED: "Failed",
}
#: Columns of the analytics frame, after one for each tuned parameter.
COLUMNS = (
    "TrainingJobName",
    "TrainingJobStatus",
    "FinalObjectiveValue",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingElapsedTimeSeconds",
)
MAX_NAME, MAX_REASON = 63, 1024
OBJECTIVE = "FinalHyperParameterTuningJobObjectiveMetric"


# ---------------------------------------------------------------------- from a study


def describe(study: Study, job: TuningJob) -> dict[str, Any]:
    """Return a study as a ``DescribeHyperParameterTuningJob`` response, validated.

    ``TrainingJobSummaries`` is added: the answer of ``ListTrainingJobsForHyperParameterTuningJob``.
    Its names of resources are local ones.

    Parameters
    ----------
    study : Study
    job : TuningJob
        The job that the study runs, with a name; see ``to_job``.

    Raises
    ------
    ValueError
        If the response breaks a rule of the service, such as a missing name.
    """
    summaries = [_summary(trial, job) for trial in study.trials]
    states = Counter(trial.state for trial in study.trials)
    valued = sum(OBJECTIVE in summary for summary in summaries)
    running = states[TrialState.RUNNING]
    described = {
        "HyperParameterTuningJobArn": f"{ARN}:hyper-parameter-tuning-job/{job.name}",
        "HyperParameterTuningJobStatus": "InProgress" if running else "Completed",
        "CreationTime": _time(min((t.started or 0.0 for t in study.trials), default=0.0)),
        "TrainingJobStatusCounters": {
            "Completed": states[TrialState.COMPLETE],
            "InProgress": running,
            "RetryableError": 0,
            "NonRetryableError": states[TrialState.FAILED],
            "Stopped": states[TrialState.STOPPED],
        },
        "ObjectiveStatusCounters": {
            "Succeeded": valued,
            "Pending": running,
            "Failed": len(summaries) - valued - running,
        },
    }
    if (best := study.history.best()) is not None:
        described["BestTrainingJob"] = summaries[best.number]
    request = {k: v for k, v in job.to_request().items() if k != "Tags"}  # no member of a response
    response = {**request, **described}
    validate(response, "DescribeHyperParameterTuningJobResponse")
    listed = {"TrainingJobSummaries": summaries}
    validate(listed, "ListTrainingJobsForHyperParameterTuningJobResponse")
    return {**response, **listed}


def _summary(trial: Trial, job: TuningJob) -> dict[str, Any]:
    tuned = {k: as_text(v) for k, v in trial.params.items() if k != DEFINITION}
    digest = hashlib.sha256(json.dumps(tuned, sort_keys=True).encode()).hexdigest()[:8]
    name = f"{job.name}-{trial.number + 1:03d}-{digest}"[:MAX_NAME]
    started = None if trial.started is None else _time(trial.started)
    summary: dict[str, Any] = {
        "TrainingJobName": name,
        "TrainingJobArn": f"{ARN}:training-job/{name}",
        "CreationTime": started or _time(0.0),
        "TrainingStartTime": started,
        "TrainingEndTime": None if trial.finished is None else _time(trial.finished),
        "TrainingJobStatus": STATUS[trial.state],
        "TunedHyperParameters": tuned,
        "FailureReason": None if trial.error is None else trial.error[-MAX_REASON:],
        DEFINITION: trial.params.get(DEFINITION),
    }
    pending = trial.state is TrialState.RUNNING
    summary["ObjectiveStatus"] = "Pending" if pending else "Failed"
    if trial.value is not None:
        metric = {"MetricName": job.metric_name or "objective", "Value": trial.value}
        if job.objective_type is not None:
            metric["Type"] = job.objective_type
        summary |= {OBJECTIVE: metric, "ObjectiveStatus": "Succeeded"}
    return {k: v for k, v in summary.items() if v is not None}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


# ---------------------------------------------------------------------- tables


def analytics_frame(source: Any) -> pd.DataFrame:
    """Return training jobs as ``HyperparameterTuningJobAnalytics.dataframe()`` does.

    There is one column for each tuned parameter, then ``TrainingJobName``, ``TrainingJobStatus``,
    ``FinalObjectiveValue``, ``TrainingStartTime``, ``TrainingEndTime`` and
    ``TrainingElapsedTimeSeconds``; with several algorithms also ``TrainingJobDefinitionName``.

    Parameters
    ----------
    source : mapping or iterable of mapping
        The response of ``ListTrainingJobsForHyperParameterTuningJob``, what ``describe`` returns,
        several responses, or their summaries.

    Raises
    ------
    ValueError
        If a mapping has no ``TrainingJobSummaries``, or a summary no ``TrainingJobName``.
    MissingDependencyError
        If pandas is not installed.
    """
    with PANDAS.required_by("analytics_frame()"):
        import pandas as pd
    records = [_record(summary) for summary in _summaries(source)]
    names = dict.fromkeys(name for record in records for name in record)
    last = [*COLUMNS, DEFINITION] if DEFINITION in names else [*COLUMNS]
    tuned = [name for name in names if name not in last]
    return pd.DataFrame(records, columns=[*tuned, *last])


def _summaries(source: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(source, Mapping):
        if "TrainingJobSummaries" not in source:
            raise ValueError(
                f"a response must have TrainingJobSummaries, but has {sorted(source)}: pass that "
                "of list_training_jobs_for_hyper_parameter_tuning_job"
            )
        yield from source["TrainingJobSummaries"]
        return
    for element in source:
        if "TrainingJobSummaries" in element:
            yield from element["TrainingJobSummaries"]
        elif "TrainingJobName" in element:
            yield element
        else:
            raise ValueError(
                f"a summary must have a TrainingJobName, but has {sorted(element)}: pass the "
                "TrainingJobSummaries unchanged"
            )


def _record(summary: Mapping[str, Any]) -> dict[str, Any]:
    start, end = summary.get("TrainingStartTime"), summary.get("TrainingEndTime")
    start, end = (datetime.fromisoformat(t) if isinstance(t, str) else t for t in (start, end))
    record: dict[str, Any] = {
        name: _number_or_text(text) for name, text in summary["TunedHyperParameters"].items()
    }
    record |= {
        "TrainingJobName": summary["TrainingJobName"],
        "TrainingJobStatus": summary["TrainingJobStatus"],
        "FinalObjectiveValue": summary.get(OBJECTIVE, {}).get("Value"),
        "TrainingStartTime": start,
        "TrainingEndTime": end,
    }
    if start and end:
        record["TrainingElapsedTimeSeconds"] = (end - start).total_seconds()
    if DEFINITION in summary:
        record[DEFINITION] = summary[DEFINITION]
    return record


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def as_parent(source: Any, job: TuningJob) -> pd.DataFrame:
    """Return training jobs as a data frame for ``warm_start_from=[...]``.

    Parameters
    ----------
    source : DataFrame, mapping or iterable of mapping
        The analytics frame, also from a CSV file, or what ``analytics_frame`` takes.
    job : TuningJob
        The job that ran them, or the new one if it is the same kind; it tells the types of the
        parameters and the direction of the objective.

    Raises
    ------
    ValueError
        If the source lacks a column of the service.
    MissingDependencyError
        If pandas is not installed.

    Notes
    -----
    Training jobs that completed with a final value are used.  Their seconds are the costs.
    """
    with PANDAS.required_by("as_parent()"):
        import pandas as pd
    frame = source if isinstance(source, pd.DataFrame) else analytics_frame(source)
    if missing := [name for name in COLUMNS if name not in frame.columns]:
        raise ValueError(
            f"an analytics frame must have all columns of the service, but lacks "
            f"{', '.join(missing)}: pass HyperparameterTuningJobAnalytics(name).dataframe()"
        )
    rows = frame.to_dict("records")
    names = list(dict.fromkeys(name for space in job.subspaces for name in space))
    completed = [row["TrainingJobStatus"] == "Completed" for row in rows]
    table: dict[str, Any] = {
        "state": ["complete" if done else "failed" for done in completed],
        "value": frame["FinalObjectiveValue"].to_list(),
        "cost": frame["TrainingElapsedTimeSeconds"].to_list(),
    }
    configurations = [_restored(row, _space_of(row, job)) for row in rows]
    for name in names:
        values = [params.get(name) for params in configurations]
        table[f"param_{name}"] = pd.Series(values, dtype=object)
    found = pd.DataFrame(table)
    if job.objective_type is not None:
        found.attrs["direction"] = job.objective_type.lower()
    return found


def _space_of(row: Mapping[Any, Any], job: TuningJob) -> Mapping[str, Parameter]:
    """Return the parameters of the algorithm that a training job ran."""
    named = (space for space in job.subspaces if name_of(space) == row.get(DEFINITION))
    return next(named, job.subspaces[0])


def _restored(row: Mapping[Any, Any], space: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the configuration of a row, with the categories and integers of the space."""
    return {name: _value(row[name], p) for name, p in space.items() if name in row}


def _value(value: Any, parameter: Parameter) -> Any:
    if isinstance(parameter, Categorical):
        return next((c for c in parameter.choices if _is_category(c, value)), value)
    number = _number_or_text(value) if isinstance(value, str) else value
    whole = isinstance(parameter, Int) and isinstance(number, float) and number.is_integer()
    return int(number) if whole else number


def _is_category(choice: Any, value: Any) -> bool:
    """Whether a value of a frame is a category: "32" is 32.0 there, as numbers are read."""
    if str(choice) == str(value):
        return True
    return isinstance(value, (int, float)) and _number_or_text(str(choice)) == value
