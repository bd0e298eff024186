"""Descriptions of tuning jobs come back as they were."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tuneplug_sagemaker import read_job, to_job, validate

ROLE = "arn:aws:iam::123456789012:role/Tuner"
DEFINITION = {
    "StaticHyperParameters": {"objective": "binary:logistic", "rate_drop": "0.3"},
    "AlgorithmSpecification": {
        "TrainingImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/train:1",
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+)"}],
    },
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    "RetryStrategy": {"MaximumRetryAttempts": 2},
    "Environment": {"LEVEL": "debug"},
}
NUMBERS = {"MinValue", "MaxValue"}
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


def with_numbers(document):
    """Return a document whose ends of ranges are numbers instead of text."""
    if isinstance(document, dict):
        return {k: float(v) if k in NUMBERS else with_numbers(v) for k, v in document.items()}
    return [with_numbers(v) for v in document] if isinstance(document, list) else document


def optional(draw, document, key, strategy):
    if draw(st.booleans()):
        document[key] = draw(strategy)


def continuous(draw, name):
    scaling = draw(st.sampled_from([None, "Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]))
    low, high = {
        "Logarithmic": (1e-8, 1e6),
        "ReverseLogarithmic": (0.0, 0.999),
    }.get(scaling, (-1e6, 1e6))
    first = draw(st.floats(low, high / 4))
    last = draw(st.floats(max(first, high / 3), high))
    style = draw(st.sampled_from([repr, "{:.17g}".format, "{:.17e}".format]))
    declared = {"Name": name, "MinValue": style(first), "MaxValue": style(last)}
    return {**declared, "ScalingType": scaling} if scaling else declared


def integer(draw, name):
    scaling = draw(st.sampled_from([None, "Auto", "Linear", "Logarithmic"]))
    low = draw(st.integers(1 if scaling == "Logarithmic" else -1000, 1000))
    ends = {"MinValue": str(low), "MaxValue": str(low + draw(st.integers(0, 10**6)))}
    declared = {"Name": name, **ends}
    return {**declared, "ScalingType": scaling} if scaling else declared


def categorical(draw, name):
    values = st.lists(st.text("abc0123.\"'", max_size=8), min_size=1, max_size=30, unique=True)
    return {"Name": name, "Values": draw(values)}


@st.composite
def configurations(draw):
    strategy = draw(st.sampled_from(["Bayesian", "Random", "Hyperband", "Grid"]))
    kinds = {"CategoricalParameterRanges": categorical}
    if strategy != "Grid":
        kinds |= {"IntegerParameterRanges": integer, "ContinuousParameterRanges": continuous}
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    ranges = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(kinds)))
        ranges.setdefault(kind, []).append(kinds[kind](draw, name))
    if draw(st.booleans()):
        ranges.setdefault("CategoricalParameterRanges", [])
    limits = {"MaxParallelTrainingJobs": draw(st.integers(1, 100))}
    optional(draw, limits, "MaxRuntimeInSeconds", st.integers(120, 15_768_000))
    if strategy != "Grid":
        optional(draw, limits, "MaxNumberOfTrainingJobs", st.integers(1, 750))
    config = {"Strategy": strategy, "ResourceLimits": limits, "ParameterRanges": ranges}
    if strategy == "Hyperband":
        resources = {
            "MinResource": draw(st.integers(1, 9)),
            "MaxResource": draw(st.integers(10, 99)),
        }
        config["StrategyConfig"] = {"HyperbandStrategyConfig": resources}
    objective = {"Type": draw(st.sampled_from(["Maximize", "Minimize"])), "MetricName": "auc"}
    config["HyperParameterTuningJobObjective"] = objective
    stopping = ["Off"] if strategy == "Hyperband" else ["Off", "Auto"]
    optional(draw, config, "TrainingJobEarlyStoppingType", st.sampled_from(stopping))
    optional(draw, config, "RandomSeed", st.integers(0, 2**31 - 1))
    criteria = {}
    optional(draw, criteria, "TargetObjectiveMetricValue", st.floats(-1e9, 1e9))
    patience = st.fixed_dictionaries(
        {}, optional={"MaxNumberOfTrainingJobsNotImproving": st.integers(3, 99)}
    )
    optional(draw, criteria, "BestObjectiveNotImproving", patience)
    converged = st.sampled_from(["Enabled", "Disabled"]).map(lambda v: {"CompleteOnConvergence": v})
    optional(draw, criteria, "ConvergenceDetected", converged)
    optional(draw, config, "TuningJobCompletionCriteria", st.just(criteria))
    return config


@st.composite
def requests(draw):
    request = {
        "HyperParameterTuningJobName": draw(
            st.from_regex(r"[a-zA-Z0-9](-?[a-z0-9]){0,9}", fullmatch=True)
        ),
        "HyperParameterTuningJobConfig": draw(configurations()),
        "TrainingJobDefinition": DEFINITION,
    }
    tags = st.lists(st.fixed_dictionaries({"Key": st.just("team"), "Value": NAMES}), max_size=2)
    optional(draw, request, "Tags", tags)
    parents = st.lists(
        NAMES.map(lambda name: {"HyperParameterTuningJobName": name.replace("_", "0")}),
        min_size=1,
        max_size=5,
    )
    kinds = st.sampled_from(["IdenticalDataAndAlgorithm", "TransferLearning"])
    warm = st.fixed_dictionaries(
        {"ParentHyperParameterTuningJobs": parents, "WarmStartType": kinds}
    )
    optional(draw, request, "WarmStartConfig", warm)
    return request


@seed(0)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(requests())
def test_a_request_comes_back_as_it_was(request):
    validate(request)
    job = read_job(request)
    assert with_numbers(job.to_request()) == with_numbers(request)
    again = read_job(json.dumps(job.to_request()))
    assert again.to_request() == job.to_request()


@seed(1)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(requests())
def test_a_request_comes_back_through_a_study(request):
    request.pop("WarmStartConfig", None)
    job = read_job(request)
    config = job.to_config()
    study = job.study()
    back = to_job(study, like=job, completion=job.completion).to_config()
    # A study knows no difference between a default and its absence, and always has a seed.
    config.setdefault("TrainingJobEarlyStoppingType", "Off")
    config.setdefault("RandomSeed", study.seed % 2**31)
    if config["Strategy"] == "Grid":
        config["ResourceLimits"]["MaxNumberOfTrainingJobs"] = study.n_trials
    for kind in ("IntegerParameterRanges", "ContinuousParameterRanges"):
        for declared in config["ParameterRanges"].get(kind, ()):
            declared.setdefault("ScalingType", "Auto")
    assert with_numbers(back) == with_numbers(config)
