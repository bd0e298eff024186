"""Studies give results as the service does, and start from the service's."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sagemaker_documents import config, request

from tuneplug import Categorical, Float, Study, TrialResult, TrialState
from tuneplug.stopping import Patience, Target
from tuneplug.strategies import HyperbandSearch, RandomSearch
from tuneplug_sagemaker import analytics_frame, as_parent, describe, read_job, to_job
from tuneplug_sklearn import WarpedBayesSearchCV

COLUMNS = [
    "TrainingJobName",
    "TrainingJobStatus",
    "FinalObjectiveValue",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingElapsedTimeSeconds",
]


@pytest.fixture
def job():
    return read_job(request())


@pytest.fixture
def study(job):
    study = job.study(seed=0)
    study.enqueue({"depth": 1, "eta": 0.1, "batch": "32"})
    study.finish(study.ask().number, TrialResult(TrialState.FAILED, error="too shallow"))
    study.optimize(lambda trial: trial.params["eta"], 5)
    return study


def test_a_study_is_described_as_a_job(study, job):
    found = describe(study, job)
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    counters = found["TrainingJobStatusCounters"]
    assert (counters["Completed"], counters["NonRetryableError"]) == (5, 1)
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 5, "Pending": 0, "Failed": 1}
    best = found["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert best == {"MetricName": "auc", "Type": "Maximize", "Value": study.best_value}
    failed = found["TrainingJobSummaries"][0]
    assert failed["TrainingJobStatus"] == "Failed"
    assert failed["TunedHyperParameters"] == {"depth": "1", "eta": "0.1", "batch": "32"}
    assert "too shallow" in failed["FailureReason"]


def test_a_description_of_a_study_is_one_of_a_job(study, job):
    described = describe(study, job)
    described.pop("TrainingJobSummaries")
    assert read_job(described).to_request() == job.to_request()


def test_the_analytics_frame_has_the_columns_of_the_service(study, job):
    frame = analytics_frame(describe(study, job))
    assert sorted(frame.columns[:3]) == ["batch", "depth", "eta"]
    assert list(frame.columns[3:]) == COLUMNS
    assert frame["FinalObjectiveValue"].max() == study.best_value
    assert frame["depth"].dtype == float


def test_an_empty_response_gives_a_frame_without_rows():
    assert list(analytics_frame({"TrainingJobSummaries": []}).columns) == COLUMNS
    with pytest.raises(ValueError, match="must have TrainingJobSummaries"):
        analytics_frame({"a": 1})


def summaries(n):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        {
            "TrainingJobName": f"job-{i}",
            "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-{i}",
            "CreationTime": start,
            "TrainingStartTime": start,
            "TrainingEndTime": start + timedelta(seconds=60 + i),
            "TrainingJobStatus": "Completed" if i else "Failed",
            "TunedHyperParameters": {"depth": str(i + 2), "eta": "1e-3", "batch": "64"},
            "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "auc", "Value": i / 10},
        }
        for i in range(n)
    ]


@pytest.mark.parametrize("through_file", [False, True])
def test_a_study_starts_from_training_jobs_of_the_service(job, through_file):
    frame = analytics_frame([{"TrainingJobSummaries": summaries(5)}])
    if through_file:
        frame = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    parent = as_parent(frame, job)
    assert parent.attrs["direction"] == "maximize"
    assert list(parent["param_depth"]) == [2, 3, 4, 5, 6]
    assert list(parent["param_batch"]) == ["64"] * 5
    study = job.study(warm_start_from=[parent])
    assert len(study.parents) == 1
    assert study.overall_best.value == pytest.approx(0.4)
    assert study.overall_best.params == {"depth": 6, "eta": 1e-3, "batch": "64"}


def test_a_frame_without_the_columns_of_the_service_is_refused(job):
    with pytest.raises(ValueError, match="lacks TrainingJobStatus"):
        as_parent(analytics_frame(summaries(2)).drop(columns="TrainingJobStatus"), job)


# ---------------------------------------------------------------------- jobs of searches


def test_what_the_service_lacks_is_named_in_one_error():
    space = {
        "k": Categorical(["a", 1]),
        "x": Float(0, 1, when={"k": ["a"]}),
        "many": [f"c{i}" for i in range(31)],
    }
    study = Study(space, seed=0)
    with pytest.raises(ValueError, match=r"k: categories must be text.*x: conditions.*at most 30"):
        to_job(study, n_jobs=1).to_config()
    with pytest.raises(ValueError, match=r"stopping must be 'median'.*Patience must be at least 3"):
        to_job(Study({"x": [1]}, stopping="asha"), completion=[Patience(2)])


def test_a_search_becomes_a_job_and_a_job_a_search():
    search = WarpedBayesSearchCV(
        None,
        {"C": Float(0.01, 10, "log"), "kernel": ["rbf", "poly"]},
        n_iter=7,
        scoring="roc_auc",
        random_state=2,
        n_jobs=2,
        completion=[Target(0.9)],
    )
    job = to_job(search)
    found = job.to_config()
    assert found["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 7, "MaxParallelTrainingJobs": 2}
    objective = {"Type": "Maximize", "MetricName": "roc_auc"}
    assert found["HyperParameterTuningJobObjective"] == objective
    again = WarpedBayesSearchCV(None, **read_job(found).search_options())
    assert to_job(again, metric="roc_auc").to_config() == found


def test_a_search_of_a_metric_to_minimize_negates_its_target():
    minimize = {"Type": "Minimize", "MetricName": "loss"}
    criteria = {"TargetObjectiveMetricValue": 0.25}
    source = config(HyperParameterTuningJobObjective=minimize, TuningJobCompletionCriteria=criteria)
    assert read_job(source).search_options()["completion"] == [Target(-0.25)]


def test_the_same_seed_gives_the_trials_of_a_job_again(job):
    trials = []
    for _ in range(2):
        study = job.study()
        study.optimize(lambda trial: trial.params["eta"], **job.optimize_options())
        trials.append([trial.params for trial in study.trials])
    assert trials[0] == trials[1]


def test_what_a_job_leaves_out_is_named(job):
    strategy = HyperbandSearch(1, 9, 2, suggest_with=RandomSearch())
    parent = as_parent(analytics_frame(summaries(3)), job)
    study = job.study(strategy=strategy, warm_start_from=[parent])
    with pytest.warns(UserWarning, match=r"reduction_factor=2; suggest_with=.*; 1 parents"):
        to_job(study, like=job)


def test_a_study_without_a_feasible_trial_has_no_best_job(job):
    study = job.study(seed=0)
    study.tell(study.ask(), 0.9, constraints=[1.0])
    assert "BestTrainingJob" not in describe(study, job)
    study.tell(study.ask(), 0.5, constraints=[-1.0])
    best = describe(study, job)["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert best["Value"] == 0.5
