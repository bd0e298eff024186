"""Documents of tuning jobs for the tests."""

from __future__ import annotations

from copy import deepcopy

DEFINITION = {
    "StaticHyperParameters": {"objective": "binary:logistic", "epochs": "27"},
    "AlgorithmSpecification": {
        "TrainingImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/train:1",
        "TrainingInputMode": "File",
    },
    "RoleArn": "arn:aws:iam::123456789012:role/Tuner",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
CONFIG = {
    "Strategy": "Random",
    "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
    "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 1},
    "ParameterRanges": {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9"}],
        "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "1e-08", "MaxValue": "0.5"}],
        "CategoricalParameterRanges": [{"Name": "batch", "Values": ["32", "64", '"a"']}],
    },
    "RandomSeed": 3,
}


def config(**changes):
    """Return a valid configuration with changes; None removes a field."""
    changed = {**deepcopy(CONFIG), **changes}
    return {name: value for name, value in changed.items() if value is not None}


def request(**changes):
    """Return a valid request with changes of its configuration."""
    return {
        "HyperParameterTuningJobName": "a-job",
        "HyperParameterTuningJobConfig": config(**changes),
        "TrainingJobDefinition": deepcopy(DEFINITION),
    }
