"""Read the objects of SageMaker's SDK by their attributes, in both of its generations.

The second generation has ``sagemaker.tuner``; the third ``sagemaker.train.tuner``, whose
configurations have one attribute for each member of the service's model, in snake case.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from tuneplug import Categorical, Float, Int
from tuneplug.plugins import Parameter
from tuneplug_sagemaker._compat import BOTOCORE
from tuneplug_sagemaker.documents import put
from tuneplug_sagemaker.job import CONFIG
from tuneplug_sagemaker.ranges import as_text, write_ranges
from tuneplug_sagemaker.service_model import service_shape

__all__ = ["is_tuner", "range_of", "tuner_request"]

#: Attributes of a tuner, by their place in the configuration.
ATTRIBUTES: Mapping[tuple[str, ...], str] = {
    ("Strategy",): "strategy",
    ("HyperParameterTuningJobObjective", "Type"): "objective_type",
    ("HyperParameterTuningJobObjective", "MetricName"): "objective_metric_name",
    ("ResourceLimits", "MaxNumberOfTrainingJobs"): "max_jobs",
    ("ResourceLimits", "MaxParallelTrainingJobs"): "max_parallel_jobs",
    ("ResourceLimits", "MaxRuntimeInSeconds"): "max_runtime_in_seconds",
    ("TrainingJobEarlyStoppingType",): "early_stopping_type",
    ("RandomSeed",): "random_seed",
}
#: Configurations of a tuner, with their shapes of the service's model.
CONFIGURATIONS = {
    "completion_criteria_config": ((CONFIG, "TuningJobCompletionCriteria"), None),
    "strategy_config": ((CONFIG, "StrategyConfig"), "HyperParameterTuningJobStrategyConfig"),
    "warm_start_config": (("WarmStartConfig",), "HyperParameterTuningJobWarmStartConfig"),
}
RANGES = {"ContinuousParameter": (Float, float), "IntegerParameter": (Int, int)}


def is_tuner(source: object) -> bool:
    """Whether an object has the attributes of a ``HyperparameterTuner``."""
    return hasattr(source, "_hyperparameter_ranges") and hasattr(source, "objective_type")


def range_of(declared: Any) -> Parameter:
    """Return a range of the SDK as a parameter; a parameter as it is.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(declared, Parameter):
        return declared
    kinds = [cls.__name__ for cls in type(declared).__mro__]
    if "CategoricalParameter" in kinds:
        return Categorical([_as_category(value) for value in declared.values])
    for kind, (cls, number) in RANGES.items():
        if kind in kinds:
            ends = number(declared.min_value), number(declared.max_value)
            return cls(*ends, _unwrapped(declared.scaling_type))
    raise TypeError(
        "a range must be a Float, Int, Categorical, or one of the SDK's ranges, but got "
        f"{declared!r}: pass, for example, Float(0.01, 1.0)"
    )


def _as_category(value: Any) -> str:
    return value if isinstance(value, str) else as_text(value)


def tuner_request(tuner: Any) -> dict[str, Any]:
    """Return what a tuner knows of its request.

    Raises
    ------
    ValueError
        If it tunes several estimators, or has parameters without a range.
    """
    if getattr(tuner, "_hyperparameter_ranges_dict", None):
        raise ValueError(
            "a tuner must have one estimator, but this one has several: pass the description of "
            "its job, client.describe_hyper_parameter_tuning_job(...)"
        )
    request: dict[str, Any] = {CONFIG: {}}
    for path, name in ATTRIBUTES.items():
        if (value := _unwrapped(getattr(tuner, name, None))) is not None:
            put(request, (CONFIG, *path), value)
    ranges = {name: range_of(value) for name, value in tuner._hyperparameter_ranges.items()}
    request[CONFIG]["ParameterRanges"] = write_ranges(ranges)
    if auto := getattr(tuner, "auto_parameters", None):
        hints = [{"Name": name, "ValueHint": as_text(hint)} for name, hint in auto.items()]
        request[CONFIG]["ParameterRanges"]["AutoParameters"] = hints
    for name, (place, shape) in CONFIGURATIONS.items():
        if (value := getattr(tuner, name, None)) is not None:
            put(request, place, _structure(value, service_shape(shape or place[-1])))
    if getattr(tuner, "autotune", False):
        request["Autotune"] = {"Mode": "Enabled"}
    if static := _static(tuner, {*ranges, *(auto or ())}):
        request["TrainingJobDefinition"] = {"StaticHyperParameters": static}
    return request


def _static(tuner: Any, tuned: set[str]) -> dict[str, str]:
    """Return the hyperparameters of a tuner's estimator or trainer that are not tuned."""
    known = getattr(tuner, "static_hyperparameters", None)
    if known is None:
        estimator = getattr(tuner, "estimator", None) or getattr(tuner, "model_trainer", None)
        known = getattr(estimator, "hyperparameters", None)
        known = known() if callable(known) else known
    return {k: _as_category(v) for k, v in (known or {}).items() if k not in tuned}


def _structure(value: Any, shape: Any) -> dict[str, Any]:
    """Return a configuration of either generation as a structure of the service."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "to_input_req"):
        found: dict[str, Any] = value.to_input_req()
        return found
    with BOTOCORE.required_by("read_job()"):
        from botocore import xform_name
    members = {
        name: _member(getattr(value, xform_name(name), None), member)
        for name, member in shape.members.items()
    }
    return {name: member for name, member in members.items() if member is not None}


def _member(value: Any, shape: Any) -> Any:
    value = _unwrapped(value)
    if value is None or shape.type_name not in ("structure", "list"):
        return value
    if shape.type_name == "list":
        return [_member(element, shape.member) for element in value]
    return _structure(value, shape)


def _unwrapped(value: Any) -> Any:
    """Return the value of an enumeration; None for what the SDK marks as unassigned."""
    if isinstance(value, Enum):
        return value.value
    return None if type(value).__name__ == "Unassigned" else value
