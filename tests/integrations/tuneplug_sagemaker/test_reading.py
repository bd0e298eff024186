"""Descriptions in all their forms become studies, and what is wrong is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum

import pytest
from sagemaker_documents import DEFINITION, config, request

from tuneplug import Categorical, Float, Int
from tuneplug.stopping import Convergence, MedianRule, Patience, Target
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch
from tuneplug_sagemaker import describe, read_job, validate

CATEGORICAL = {"CategoricalParameterRanges": [{"Name": "k", "Values": ["a", "b", "c"]}]}


def described(**changes):
    return {
        **request(**changes),
        "HyperParameterTuningJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:"
        "hyper-parameter-tuning-job/a-job",
        "HyperParameterTuningJobStatus": "Completed",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "TrainingJobStatusCounters": {"Completed": 6},
        "ObjectiveStatusCounters": {"Succeeded": 6},
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }


def test_ranges_are_numbers_and_categories_stay_text():
    space = read_job(config()).space
    assert (space["depth"], space["eta"]) == (Int(1, 9), Float(1e-8, 0.5))
    assert list(space["batch"].choices) == ["32", "64", '"a"']


def test_a_dict_json_text_and_a_file_are_the_same(tmp_path):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(request()), encoding="utf-8")
    sources = [request(), json.dumps(request()), path, str(path)]
    assert all(read_job(source).to_request() == request() for source in sources)


def test_a_response_becomes_a_request_and_keeps_its_rest():
    job = read_job(described())
    assert job.to_request() == request()
    assert job.response["TrainingJobStatusCounters"] == {"Completed": 6}
    assert "ResponseMetadata" not in job.response


def test_a_response_with_its_training_jobs_is_read():
    job = read_job(request())
    study = job.study()
    study.optimize(lambda trial: trial.params["eta"], 2)
    described = describe(study, job)
    again = read_job(json.dumps(described, default=datetime.isoformat))
    assert again.to_request() == job.to_request()
    assert len(again.response["TrainingJobSummaries"]) == 2
    with pytest.raises(ValueError, match="Missing required parameter in TrainingJobSummaries"):
        read_job({**described, "TrainingJobSummaries": [{}]})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_have_the_encodings_of_windows(tmp_path, encoding):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(request()), encoding=encoding)
    assert read_job(path).to_request() == read_job(request()).to_request()


def test_what_is_empty_stays():
    source = request(TuningJobCompletionCriteria={"ConvergenceDetected": {}})
    source["TrainingJobDefinition"]["StaticHyperParameters"] = {}
    source["HyperParameterTuningJobConfig"]["ParameterRanges"]["AutoParameters"] = []
    assert read_job(source).to_request() == source


def test_the_source_is_not_changed():
    source = described()
    read_job(source)
    assert source == described()


@pytest.mark.parametrize(
    ("strategy", "cls"), [("Bayesian", BayesianSearch), ("Random", RandomSearch)]
)
def test_a_study_follows_the_job(strategy, cls):
    study = read_job(config(Strategy=strategy, TrainingJobEarlyStoppingType="Auto")).study()
    assert isinstance(study.strategy, cls)
    assert isinstance(study.stopping, MedianRule)
    assert (study.direction, study.seed, study.n_trials) == ("maximize", 3, 6)


def test_a_grid_tries_every_combination():
    limits = {"MaxParallelTrainingJobs": 1}
    job = read_job(config(Strategy="Grid", ParameterRanges=CATEGORICAL, ResourceLimits=limits))
    study = job.study()
    study.optimize(lambda trial: 0.0, **job.optimize_options())
    assert isinstance(study.strategy, GridSearch)
    assert [trial.params["k"] for trial in study.trials] == ["a", "b", "c"]


def test_hyperband_takes_its_resources_or_the_epochs():
    resources = {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 9}}
    given = read_job(config(Strategy="Hyperband", StrategyConfig=resources)).make_strategy()
    assert isinstance(given, HyperbandSearch)
    assert (given.min_resource, given.max_resource) == (2, 9)
    assert read_job(request(Strategy="Hyperband")).make_strategy().max_resource == 27
    with pytest.raises(ValueError, match="MaxResource, or one of epochs"):
        read_job(config(Strategy="Hyperband")).study()


def test_limits_and_criteria_become_options():
    limits = {
        "MaxNumberOfTrainingJobs": 9,
        "MaxParallelTrainingJobs": 2,
        "MaxRuntimeInSeconds": 600,
    }
    criteria = {
        "TargetObjectiveMetricValue": 0.9,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 4},
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
    }
    job = read_job(config(ResourceLimits=limits, TuningJobCompletionCriteria=criteria))
    rules = [Target(0.9), Patience(4), Convergence()]
    expected = {"n_trials": 9, "n_jobs": 2, "timeout": 600, "completion": rules}
    assert job.optimize_options() == expected


def test_hyperparameters_are_static_and_tuned_as_text():
    job = read_job(request())
    found = job.hyperparameters({"depth": 3, "eta": 0.25, "batch": "32"})
    assert found == {
        **DEFINITION["StaticHyperParameters"],
        "depth": "3",
        "eta": "0.25",
        "batch": "32",
    }


def test_parameters_without_a_range_are_named_and_can_be_given():
    ranges = {"AutoParameters": [{"Name": "a", "ValueHint": "1"}, {"Name": "b", "ValueHint": "2"}]}
    source = config(ParameterRanges=ranges)
    with pytest.raises(ValueError, match=r"AutoParameters have no range.* a, b,"):
        read_job(source)
    job = read_job(source, ranges={"a": Float(0, 1), "b": Int(1, 4)})
    assert job.space == {"a": Float(0, 1), "b": Int(1, 4)}
    assert job.to_config() == source
    with pytest.raises(ValueError, match="must name AutoParameters only, but got c"):
        read_job(source, ranges={"a": Float(0, 1), "b": Int(1, 4), "c": Int(1, 4)})


def test_several_definitions_are_sub_spaces():
    objective = {"Type": "Minimize", "MetricName": "loss"}
    definitions = [
        {
            **DEFINITION,
            "DefinitionName": name,
            "TuningObjective": objective,
            "HyperParameterRanges": ranges,
        }
        for name, ranges in [("linear", CATEGORICAL), ("trees", config()["ParameterRanges"])]
    ]
    source = {
        "HyperParameterTuningJobName": "several",
        "HyperParameterTuningJobConfig": config(
            ParameterRanges=None, HyperParameterTuningJobObjective=None
        ),
        "TrainingJobDefinitions": definitions,
    }
    job = read_job(source)
    assert job.to_request() == source
    study = job.study()
    assert study.direction == "minimize"
    study.optimize(lambda trial: 0.0, 20)
    tried = {trial.params["TrainingJobDefinitionName"] for trial in study.trials}
    assert tried == {"linear", "trees"}
    assert "TrainingJobDefinitionName" not in job.hyperparameters(study.trials[0].params)
    definitions[0]["TuningObjective"] = {"Type": "Maximize", "MetricName": "loss"}
    with pytest.raises(ValueError, match="one Type, but got Maximize, Minimize"):
        read_job(source)


def test_fields_that_act_on_the_service_only_are_named():
    source = {**request(), "Tags": [{"Key": "team", "Value": "a"}]}
    assert read_job(source).unread_fields() == [
        "Tags",
        "TrainingJobDefinition.AlgorithmSpecification.TrainingImage",
        "TrainingJobDefinition.AlgorithmSpecification.TrainingInputMode",
        "TrainingJobDefinition.OutputDataConfig.S3OutputPath",
        "TrainingJobDefinition.RoleArn",
        "TrainingJobDefinition.StoppingCondition.MaxRuntimeInSeconds",
    ]


def test_what_a_study_ignores_is_named():
    parents = [{"HyperParameterTuningJobName": "before"}]
    warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning"}
    source = {**request(), "WarmStartConfig": warm, "Autotune": {"Mode": "Enabled"}}
    with pytest.warns(UserWarning, match=r"parents before: pass warm_start_from.*Autotune"):
        read_job(source).study()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Strategy": "bayes-optimal"}, "Strategy must be one of"),
        ({"RandomSeed": True}, "RandomSeed"),
        ({"Unknown": 1}, "Unknown"),
        ({"ParameterRanges": {}}, "must have a parameter to tune"),
        ({"Strategy": "Grid"}, "Grid must have categorical parameters only"),
        ({"Strategy": "Grid", "ParameterRanges": CATEGORICAL}, "as combinations, 3, but got 6"),
        ({"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off"),
        (
            {"ResourceLimits": {"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 15_768_001}},
            "at most 15768000",
        ),
        (
            {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": float("nan")}},
            "must be finite",
        ),
        ({"RandomSeed": 2**31}, r"RandomSeed must be less than 2\^31"),
        (
            {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}},
            "HyperbandStrategyConfig is for Hyperband, but the Strategy is Random",
        ),
    ],
)
def test_what_the_service_refuses_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        read_job(config(**changes))


@pytest.mark.parametrize(
    ("kind", "ends", "message"),
    [
        ("Continuous", ("banana", "1"), "MinValue must be a finite number as text, but got 'ban"),
        ("Continuous", ("0", "inf"), "MaxValue must be a finite number"),
        ("Integer", ("1.5", "3"), "MinValue must be an integer as text"),
        ("Integer", ("1", "1_000"), "MaxValue must be an integer as text"),
        ("Continuous", ("0", "1_0.5"), "MaxValue must be a finite number"),
        ("Continuous", ("2", "1"), "low <= high"),
        ("Continuous", ("0", "1", "Logarithmic"), "log"),
        ("Continuous", ("0", "1", "ReverseLogarithmic"), "reverse"),
        ("Integer", ("1", "3", "ReverseLogarithmic"), "reverse-log scaling is for Float only"),
    ],
)
def test_ranges_that_are_none_are_named(kind, ends, message):
    keys = ("MinValue", "MaxValue", "ScalingType")
    declared = {"Name": "x", **dict(zip(keys, ends, strict=False))}
    with pytest.raises(ValueError, match=f"x: .*{message}"):
        read_job(config(ParameterRanges={f"{kind}ParameterRanges": [declared]}))


def test_all_errors_are_in_one():
    ranges = {
        "IntegerParameterRanges": [
            {"Name": "depth", "MinValue": "x", "MaxValue": "9"},
            {"Name": "epochs", "MinValue": "1", "MaxValue": "9"},
        ]
    }
    with pytest.raises(ValueError, match=r"depth: .*; .*epochs is both"):
        read_job(request(ParameterRanges=ranges))


def test_definitions_are_the_only_ones_and_have_different_names():
    document = request(ParameterRanges=None, HyperParameterTuningJobObjective=None)
    definition = {
        **document["TrainingJobDefinition"],
        "DefinitionName": "a",
        "TuningObjective": {"Type": "Maximize", "MetricName": "auc"},
        "HyperParameterRanges": {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1"]}]},
    }
    document["TrainingJobDefinitions"] = [definition, definition]
    with pytest.raises(ValueError, match=r"but has both; .* different, but a is not"):
        read_job(document)


def test_patterns_of_the_model_are_checked():
    with pytest.raises(ValueError, match="HyperParameterTuningJobName must match"):
        validate({**request(), "HyperParameterTuningJobName": "a_job"})
    with pytest.raises(ValueError, match="length of HyperParameterTuningJobName must be at most"):
        validate({**request(), "HyperParameterTuningJobName": "a" * 33})
    tags = [{"Key": "équipe 1", "Value": "a=b"}]
    validate({**request(), "Tags": tags})
    with pytest.raises(ValueError, match="Key must match"):
        validate({**request(), "Tags": [{"Key": "a*", "Value": ""}]})


# ---------------------------------------------------------------------- the SDK's objects


class ContinuousParameter:
    def __init__(self, min_value, max_value, scaling_type="Auto"):
        self.min_value, self.max_value, self.scaling_type = min_value, max_value, scaling_type


class IntegerParameter(ContinuousParameter):
    pass


class CategoricalParameter:
    def __init__(self, values):
        self.values = [str(value) for value in values]


class Unassigned:
    pass


class Kind(Enum):
    TRANSFER = "TransferLearning"


class Attributes:
    def __init__(self, **attributes):
        vars(self).update(attributes)


def tuner(**changes):
    attributes = {
        "_hyperparameter_ranges": {
            "eta": ContinuousParameter(1e-8, 0.5),
            "batch": CategoricalParameter([32, 64]),
        },
        "_hyperparameter_ranges_dict": None,
        "strategy": "Random",
        "objective_type": "Minimize",
        "objective_metric_name": "loss",
        "max_jobs": 4,
        "max_parallel_jobs": 2,
        "max_runtime_in_seconds": None,
        "early_stopping_type": "Off",
        "random_seed": 5,
    }
    return Attributes(**{**attributes, **changes})


def test_a_tuner_of_the_second_generation_is_read():
    criteria = Attributes(to_input_req=lambda: {"TargetObjectiveMetricValue": 0.1})
    estimator = Attributes(hyperparameters=lambda: {"eta": "0.3", "rounds": 10})
    job = read_job(tuner(completion_criteria_config=criteria, estimator=estimator))
    assert job.space["eta"] == Float(1e-8, 0.5, "Auto")
    assert list(job.space["batch"].choices) == ["32", "64"]
    assert (job.objective_type, job.max_jobs, job.seed, job.target) == ("Minimize", 4, 5, 0.1)
    assert job.static == ({"rounds": "10"},)
    validate(job.to_config(), "HyperParameterTuningJobConfig")


def test_a_tuner_of_the_third_generation_is_read():
    criteria = Attributes(
        target_objective_metric_value=Unassigned(),
        best_objective_not_improving=Attributes(max_number_of_training_jobs_not_improving=5),
    )
    warm = Attributes(
        warm_start_type=Kind.TRANSFER,
        parent_hyper_parameter_tuning_jobs=[Attributes(hyper_parameter_tuning_job_name="before")],
    )
    trainer = Attributes(hyperparameters={"rounds": 10})
    job = read_job(
        tuner(completion_criteria_config=criteria, warm_start_config=warm, model_trainer=trainer)
    )
    assert (job.target, job.patience) == (None, 5)
    assert (job.parents, job.warm_start_type) == (("before",), "TransferLearning")
    assert job.static == ({"rounds": "10"},)


def test_a_tuner_of_several_estimators_is_refused():
    with pytest.raises(ValueError, match="must have one estimator"):
        read_job(tuner(_hyperparameter_ranges_dict={"a": {}}))


def test_ranges_of_the_sdk_replace_those_that_are_missing():
    source = config(ParameterRanges={"AutoParameters": [{"Name": "a", "ValueHint": "1"}]})
    job = read_job(source, ranges={"a": CategoricalParameter(["x"])})
    assert isinstance(job.space["a"], Categorical)
    with pytest.raises(TypeError, match="a range must be a Float"):
        read_job(source, ranges={"a": 3})
