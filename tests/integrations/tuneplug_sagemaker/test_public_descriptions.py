"""Descriptions as the service's developer guide shows them run here, and come back unchanged."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tuneplug_sagemaker import read_job, to_job

ROLE = "arn:aws:iam::111122223333:role/SageMakerRole"
SOURCE = {
    "S3DataSource": {
        "S3DataDistributionType": "FullyReplicated",
        "S3DataType": "S3Prefix",
        "S3Uri": "s3://amzn-s3-demo-bucket/train",
    }
}
XGBOOST = {
    "AlgorithmSpecification": {
        "TrainingImage": "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
        "TrainingInputMode": "File",
    },
    "InputDataConfig": [
        {
            "ChannelName": name,
            "CompressionType": "None",
            "ContentType": "csv",
            "DataSource": SOURCE,
        }
        for name in ("train", "validation")
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://amzn-s3-demo-bucket/output"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.c4.2xlarge", "VolumeSizeInGB": 10},
    "RoleArn": ROLE,
    "StaticHyperParameters": {
        "eval_metric": "auc",
        "num_round": "100",
        "objective": "binary:logistic",
        "rate_drop": "0.3",
        "tweedie_variance_power": "1.4",
    },
    "StoppingCondition": {"MaxRuntimeInSeconds": 43200},
}
PENALTIES = {
    "CategoricalParameterRanges": [],
    "ContinuousParameterRanges": [
        {"MaxValue": "1", "MinValue": "0", "Name": "eta"},
        {"MaxValue": "2", "MinValue": "0", "Name": "alpha"},
        {"MaxValue": "10", "MinValue": "1", "Name": "min_child_weight"},
    ],
    "IntegerParameterRanges": [{"MaxValue": "10", "MinValue": "1", "Name": "max_depth"}],
}
OBJECTIVE = {"MetricName": "validation:auc", "Type": "Maximize"}
BAYESIAN = {
    "HyperParameterTuningJobName": "MyTuningJob",
    "HyperParameterTuningJobConfig": {
        "ParameterRanges": PENALTIES,
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 3},
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": OBJECTIVE,
        "RandomSeed": 123,
        "TrainingJobEarlyStoppingType": "Auto",
        "TuningJobCompletionCriteria": {
            "TargetObjectiveMetricValue": 0.9999,
            "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 18},
            "ConvergenceDetected": {"CompleteOnConvergence": "Disabled"},
        },
    },
    "TrainingJobDefinition": XGBOOST,
    "Tags": [{"Key": "team", "Value": "growth"}],
}
HYPERBAND = {
    **BAYESIAN,
    "HyperParameterTuningJobConfig": {
        "Strategy": "Hyperband",
        "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
        "ParameterRanges": PENALTIES,
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 1},
        "HyperParameterTuningJobObjective": OBJECTIVE,
        "TrainingJobEarlyStoppingType": "Off",
    },
}
GRID = {
    **BAYESIAN,
    "HyperParameterTuningJobConfig": {
        "Strategy": "Grid",
        "ParameterRanges": {
            "CategoricalParameterRanges": [
                {"Name": "booster", "Values": ["gbtree", "dart"]},
                {"Name": "sampling_method", "Values": ["uniform", "gradient_based"]},
            ]
        },
        "ResourceLimits": {"MaxParallelTrainingJobs": 2},
        "HyperParameterTuningJobObjective": OBJECTIVE,
    },
}
LINEAR = {
    **XGBOOST,
    "AlgorithmSpecification": {
        "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
        "TrainingInputMode": "Pipe",
        "MetricDefinitions": [{"Name": "loss", "Regex": "Loss = (.*?);"}],
    },
    "StaticHyperParameters": {"predictor_type": "binary_classifier"},
    "DefinitionName": "linear",
    "TuningObjective": OBJECTIVE,
    "HyperParameterRanges": {
        "ContinuousParameterRanges": [
            {"Name": "l1", "MinValue": "1e-7", "MaxValue": "1", "ScalingType": "Logarithmic"}
        ]
    },
}
SEVERAL = {
    "HyperParameterTuningJobName": "two-algorithms",
    "HyperParameterTuningJobConfig": {
        "Strategy": "Bayesian",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 2},
        "TrainingJobEarlyStoppingType": "Off",
    },
    "TrainingJobDefinitions": [
        {
            **XGBOOST,
            "DefinitionName": "xgboost",
            "TuningObjective": OBJECTIVE,
            "HyperParameterRanges": PENALTIES,
        },
        LINEAR,
    ],
}
#: With every optional field that concerns the service's machines only.
MACHINES = {
    **BAYESIAN,
    "TrainingJobDefinition": {
        **XGBOOST,
        "CheckpointConfig": {"S3Uri": "s3://amzn-s3-demo-bucket/checkpoints", "LocalPath": "/c"},
        "EnableInterContainerTrafficEncryption": True,
        "EnableManagedSpotTraining": True,
        "EnableNetworkIsolation": True,
        "Environment": {"LEVEL": "info"},
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    },
}
DESCRIPTIONS = {
    "bayesian": BAYESIAN,
    "hyperband": HYPERBAND,
    "grid": GRID,
    "several": SEVERAL,
    "machines": MACHINES,
}


def objective(trial):
    numbers = [value for value in trial.params.values() if not isinstance(value, str)]
    for step in range(1, (trial.resource or 3) + 1):
        trial.report(1 - 1 / (1 + sum(numbers) * step), step)
    return 1 - 1 / (2 + sum(numbers))


def as_numbers(document):
    """Return a document with numbers instead of their text."""
    if isinstance(document, dict):
        return {name: as_numbers(value) for name, value in document.items()}
    if isinstance(document, list):
        return [as_numbers(value) for value in document]
    try:
        return float(document)
    except (TypeError, ValueError):
        return document


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_runs_and_is_written_back_unchanged(name):
    source = deepcopy(DESCRIPTIONS[name])
    job = read_job(source)
    study = job.study(plugins=())
    options = {**job.optimize_options(), "n_jobs": 1}
    study.optimize(objective, **options)
    assert len(study.trials) == (4 if name == "grid" else options["n_trials"])
    assert all(trial.value is not None for trial in study.trials)
    assert as_numbers(job.to_request()) == as_numbers(source)


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_study_of_a_description_becomes_the_same_job(name):
    job = read_job(deepcopy(DESCRIPTIONS[name]))
    again = to_job(job.study(plugins=()), like=job)
    assert repr(again.space).lower() == repr(job.space).lower()  # "Auto" where none was given
    assert again.optimize_options() == job.optimize_options()
    assert again.static == job.static
    assert read_job(again.to_request()).to_request() == again.to_request()


def test_what_is_empty_acts_nowhere_and_is_not_named():
    assert not [n for n in read_job(deepcopy(BAYESIAN)).unread_fields() if "Ranges" in n]


def test_what_acts_on_the_service_only_is_named():
    unread = read_job(deepcopy(MACHINES)).unread_fields()
    definition = MACHINES["TrainingJobDefinition"]
    own = {"StaticHyperParameters"}
    for field in definition.keys() - own:
        assert any(name.startswith(f"TrainingJobDefinition.{field}") for name in unread), field
    assert "Tags" in unread
