"""Read descriptions of tuning jobs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from tuneplug import Categorical, SearchSpace
from tuneplug.plugins import Parameter
from tuneplug_sagemaker.documents import take
from tuneplug_sagemaker.job import (
    CONFIG,
    DEFINITION,
    DEFINITIONS,
    OBJECTIVE,
    PATHS,
    REQUEST,
    TuningJob,
)
from tuneplug_sagemaker.ranges import KINDS, read_ranges
from tuneplug_sagemaker.sdk import is_tuner, range_of, tuner_request
from tuneplug_sagemaker.service_model import service_shape, validate

__all__ = ["read_job"]

RESPONSE = "DescribeHyperParameterTuningJobResponse"
#: Training jobs, which ``describe`` adds to a response, and the response that has them.
SUMMARIES, LISTED = "TrainingJobSummaries", "ListTrainingJobsForHyperParameterTuningJobResponse"


def read_job(source: Any, *, ranges: Mapping[str, Any] | None = None) -> TuningJob:
    """Read the description of a tuning job.

    Parameters
    ----------
    source : mapping, str, path or object
        A ``CreateHyperParameterTuningJob`` request, its ``HyperParameterTuningJobConfig``, or a
        ``DescribeHyperParameterTuningJob`` response, also with the ``TrainingJobSummaries`` of
        ``describe``, as a mapping, as JSON text, or as the path of a JSON file; or a
        ``HyperparameterTuner`` of SageMaker's SDK.
    ranges : mapping, optional
        Parameters for ``AutoParameters``, which have no range: ``Float``, ``Int``, ``Categorical``,
        or the SDK's.

    Raises
    ------
    TypeError
        If ``source`` is something else.
    ValueError
        If the description breaks a rule of the service, or if ``AutoParameters`` have no range.
        The message lists all errors.
    OSError
        If a file cannot be read.
    """
    document = _document(source)
    given = {name: range_of(value) for name, value in (ranges or {}).items()}
    if is_tuner(source):  # has neither a name nor a role yet
        validate(document[CONFIG], CONFIG)
        return _job(document, {}, given)
    document.pop("ResponseMetadata", None)
    if CONFIG not in document:
        validate(document, CONFIG)
        return _job({CONFIG: document}, {}, given)
    if "HyperParameterTuningJobStatus" not in document:
        validate(document, REQUEST)
        return _job(document, {}, given)
    listed = {name: document.pop(name) for name in (SUMMARIES,) if name in document}
    validate(document, RESPONSE)
    if listed:
        validate(listed, LISTED)
    own = service_shape(REQUEST).members
    response = {name: value for name, value in document.items() if name not in own} | listed
    return _job({k: v for k, v in document.items() if k in own}, response, given)


def _document(source: Any) -> dict[str, Any]:
    """Return a copy of a description as nested dicts."""
    if is_tuner(source):
        return tuner_request(source)
    if isinstance(source, str) and source.lstrip().startswith("{"):
        source = json.loads(source)
    elif isinstance(source, (str, Path)):
        source = json.loads(Path(source).read_bytes())  # UTF-8, or UTF-16 as PowerShell writes
    if not isinstance(source, Mapping):
        raise TypeError(
            "a description must be a mapping, JSON text, the path of a JSON file or a "
            f"HyperparameterTuner, but got {type(source).__name__}: pass, for example, the "
            "request as a dict"
        )
    return deepcopy(dict(source))


def _job(
    document: dict[str, Any], response: dict[str, Any], given: Mapping[str, Parameter]
) -> TuningJob:
    several = DEFINITIONS in document
    own = [name for name in PATHS if not (several and name in OBJECTIVE)]
    fields = {name: take(document, PATHS[name]) for name in own}
    parents = take(document, ("WarmStartConfig", "ParentHyperParameterTuningJobs")) or []
    errors = [] if all(parents) else ["a parent must have a HyperParameterTuningJobName"]
    if several:
        errors += _definition_errors(document)
        fields.update(_common_objective(document, errors))
    spaces, static, auto = [], [], set()
    for number in range(len(document[DEFINITIONS]) if several else 1):
        above = (DEFINITIONS, number) if several else ("TrainingJobDefinition",)
        home = (*above, "HyperParameterRanges") if several else (CONFIG, "ParameterRanges")
        space, names = _space(document, home, given, errors)
        if several:
            name = document[DEFINITIONS][number].get("DefinitionName", f"definition-{number}")
            space = {DEFINITION: Categorical([name]), **space}
        spaces.append(space)
        auto |= names
        static.append(take(document, (*above, "StaticHyperParameters")) or {})
    if unknown := sorted({*given} - auto):
        errors.append(f"ranges= must name AutoParameters only, but got {', '.join(unknown)}")
    job = TuningJob(
        tuple(spaces),
        tuple(static),
        parents=tuple(p.get("HyperParameterTuningJobName", "") for p in parents),
        auto=frozenset(auto),
        unread=document,
        response=response,
        **fields,
    )
    return _checked(job, errors)


def _space(
    document: dict[str, Any],
    home: tuple[str | int, ...],
    given: Mapping[str, Parameter],
    errors: list[str],
) -> tuple[dict[str, Parameter], set[str]]:
    """Return the parameters of one definition, and the names of those without a range."""
    within: Any = document
    for key in home:
        within = within[key] if isinstance(key, int) else within.get(key, {})
    names = [declared["Name"] for declared in within.get("AutoParameters", ())]
    ranges = {kind: within[kind] for kind in KINDS if within.get(kind)}
    for kind in ranges:
        take(document, (*home, kind))
    space, found = read_ranges(ranges)
    errors += found
    if missing := [name for name in names if name not in given]:
        errors.append(
            f"AutoParameters have no range, so pass ranges= with {', '.join(missing)}, such as "
            f"read_job(source, ranges={{{missing[0]!r}: Float(0.01, 1.0)}}), or write their "
            "ranges into the description"
        )
    return {**space, **{name: given[name] for name in names if name in given}}, set(names)


def _definition_errors(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with several training job definitions as a whole."""
    if "TrainingJobDefinition" in document:
        yield f"a job must have a TrainingJobDefinition or {DEFINITIONS}, but has both"
    names = Counter(d.get("DefinitionName") for d in document[DEFINITIONS])
    if twice := [name for name, n in names.items() if name is not None and n > 1]:
        yield f"each DefinitionName must be different, but {', '.join(twice)} is not"


def _common_objective(document: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    """Return the objective of several definitions, which must have one direction."""
    objectives = [d.get("TuningObjective", {}) for d in document[DEFINITIONS]]
    types = sorted({objective.get("Type") for objective in objectives} - {None})
    if len(types) > 1:
        errors.append(f"all TuningObjectives must have one Type, but got {', '.join(types)}")
    if (own := document.get(CONFIG, {}).get("HyperParameterTuningJobObjective")) is not None:
        return {"objective_type": own["Type"], "metric_name": own["MetricName"]}
    names = {objective.get("MetricName") for objective in objectives}
    return {
        "objective_type": types[0] if types else None,
        "metric_name": names.pop() if len(names) == 1 else None,
    }


def _checked(job: TuningJob, errors: list[str]) -> TuningJob:
    errors += job.errors()
    if not errors and not any(job.subspaces):
        errors.append("the job must have a parameter to tune, but has none")
    if errors:
        raise ValueError(f"the job must keep the rules of the service: {'; '.join(errors)}")
    SearchSpace(job.space)
    return job
