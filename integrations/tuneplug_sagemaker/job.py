"""TuningJob: the description of a tuning job, as tuneplug's objects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, final

from tuneplug import Categorical, Study
from tuneplug.plugins import Parameter, warn_caller
from tuneplug.stopping import CompletionRule, Convergence, Patience, Target
from tuneplug.strategies import HyperbandSearch, Strategy
from tuneplug_sagemaker.documents import put
from tuneplug_sagemaker.ranges import as_text, write_ranges
from tuneplug_sagemaker.service_model import service_shape, validate

__all__ = [
    "CONFIG",
    "DEFINITION",
    "DEFINITIONS",
    "OBJECTIVE",
    "PATHS",
    "REQUEST",
    "TuningJob",
    "n_combinations",
    "name_of",
]

REQUEST = "CreateHyperParameterTuningJobRequest"
CONFIG = "HyperParameterTuningJobConfig"
DEFINITIONS = "TrainingJobDefinitions"
#: Constant of each sub-space of a job with several algorithms, named as the service's column.
DEFINITION = "TrainingJobDefinitionName"
_CRITERIA = (CONFIG, "TuningJobCompletionCriteria")
_HYPERBAND = (CONFIG, "StrategyConfig", "HyperbandStrategyConfig")
#: Where each field of a job is in a request.
PATHS: Mapping[str, tuple[str, ...]] = {
    "name": ("HyperParameterTuningJobName",),
    "strategy": (CONFIG, "Strategy"),
    "min_resource": (*_HYPERBAND, "MinResource"),
    "max_resource": (*_HYPERBAND, "MaxResource"),
    "objective_type": (CONFIG, "HyperParameterTuningJobObjective", "Type"),
    "metric_name": (CONFIG, "HyperParameterTuningJobObjective", "MetricName"),
    "max_jobs": (CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs"),
    "max_parallel_jobs": (CONFIG, "ResourceLimits", "MaxParallelTrainingJobs"),
    "max_runtime": (CONFIG, "ResourceLimits", "MaxRuntimeInSeconds"),
    "early_stopping": (CONFIG, "TrainingJobEarlyStoppingType"),
    "target": (*_CRITERIA, "TargetObjectiveMetricValue"),
    "patience": (*_CRITERIA, "BestObjectiveNotImproving", "MaxNumberOfTrainingJobsNotImproving"),
    "convergence": (*_CRITERIA, "ConvergenceDetected", "CompleteOnConvergence"),
    "seed": (CONFIG, "RandomSeed"),
    "warm_start_type": ("WarmStartConfig", "WarmStartType"),
}
#: Fields that several definitions have themselves; they stay unread.
OBJECTIVE = ("objective_type", "metric_name")
WARM_START_TYPES = {"IdenticalDataAndAlgorithm": "identical", "TransferLearning": "transfer"}
#: Static hyperparameters from which the service infers the maximum resource, in this order.
RESOURCE_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


@final
@dataclass(frozen=True)
class TuningJob:
    """A tuning job of SageMaker Automatic Model Tuning.

    ``read_job`` makes one from a description, ``to_job`` from a study or a search.  Fields that a
    description leaves out are None.

    Attributes
    ----------
    subspaces : tuple of mapping
        Parameters by name; one mapping, or one for each of several training job definitions.
    static : tuple of mapping
        Hyperparameters that are not tuned, as text, in the order of ``subspaces``.
    name : str or None
        Name of the job.
    strategy : {"Bayesian", "Random", "Hyperband", "Grid"}
        The service's name of the strategy.
    min_resource, max_resource : int or None
        Resources of Hyperband.
    objective_type : {"Maximize", "Minimize"} or None
    metric_name : str or None
    max_jobs, max_parallel_jobs, max_runtime : int or None
        Limits: number of trials, trials at once, and seconds.
    early_stopping : {"Off", "Auto"} or None
    target : float or None
    patience : int or None
    convergence : {"Enabled", "Disabled"} or None
    seed : int or None
    parents : tuple of str
        Names of the jobs that this one starts from.
    warm_start_type : {"IdenticalDataAndAlgorithm", "TransferLearning"} or None
    auto : frozenset of str
        Names of parameters without a range in the description (``AutoParameters``).
    unread : mapping
        The rest of the request, verbatim: what concerns the service's machines and data.
    response : mapping
        The rest of a ``Describe`` response, verbatim: status, counters and best jobs.

    Examples
    --------
    >>> from tuneplug_sagemaker import read_job
    >>> job = read_job({
    ...     "Strategy": "Random",
    ...     "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
    ...     "ResourceLimits": {"MaxNumberOfTrainingJobs": 5, "MaxParallelTrainingJobs": 1},
    ...     "ParameterRanges": {
    ...         "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "1"}]
    ...     },
    ... })
    >>> study = job.study()
    >>> study.optimize(lambda trial: trial.params["eta"], **job.optimize_options())
    >>> len(study.trials)
    5
    """

    subspaces: tuple[Mapping[str, Parameter], ...]
    static: tuple[Mapping[str, str], ...] = ({},)
    name: str | None = None
    strategy: str = "Bayesian"
    min_resource: int | None = None
    max_resource: int | None = None
    objective_type: str | None = None
    metric_name: str | None = None
    max_jobs: int | None = None
    max_parallel_jobs: int | None = None
    max_runtime: int | None = None
    early_stopping: str | None = None
    target: float | None = None
    patience: int | None = None
    convergence: str | None = None
    seed: int | None = None
    parents: tuple[str, ...] = ()
    warm_start_type: str | None = None
    auto: frozenset[str] = frozenset()
    unread: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------ tuneplug's objects

    @property
    def space(self) -> dict[str, Parameter] | list[dict[str, Parameter]]:
        """The search space, as ``Study`` takes it."""
        spaces = [dict(subspace) for subspace in self.subspaces]
        return spaces[0] if len(spaces) == 1 else spaces

    @property
    def n_trials(self) -> int | None:
        """Number of trials; for a grid the number of combinations, None without a limit."""
        return n_combinations(self.subspaces) if self.strategy == "Grid" else self.max_jobs

    @property
    def completion(self) -> list[CompletionRule]:
        """The completion criteria, as rules."""
        rules: list[CompletionRule] = []
        if self.target is not None:
            rules.append(Target(self.target))
        if self.patience is not None:
            rules.append(Patience(self.patience))
        if self.convergence == "Enabled":
            rules.append(Convergence())
        return rules

    def make_strategy(self) -> str | Strategy:
        """Return the strategy, as ``Study`` takes it.

        Raises
        ------
        ValueError
            If Hyperband has no maximum resource, and no static hyperparameter tells it.
        """
        if self.strategy != "Hyperband":
            return self.strategy.lower()
        largest = self.max_resource or self._inferred_resource()
        return HyperbandSearch(self.min_resource or 1, largest)

    def _inferred_resource(self) -> int:
        static = self.static[0]
        found = next((static[name] for name in RESOURCE_NAMES if name in static), None)
        if found is None or not found.isdecimal():
            raise ValueError(
                f"Hyperband must have a MaxResource, or one of {', '.join(RESOURCE_NAMES)} as a "
                f"static hyperparameter, but got {found!r}: set HyperbandStrategyConfig.MaxResource"
            )
        return int(found)

    def study(self, **options: Any) -> Study:
        """Return a study that runs this job.

        Parameters
        ----------
        **options
            Arguments of ``Study``; they override those of the job.  A job with parents needs
            their results: ``warm_start_from=[...]``; ``as_parent`` reads them.

        Raises
        ------
        ValueError
            If the job has no objective, and no ``direction`` is given.
        """
        if self.objective_type is None and "direction" not in options:
            raise ValueError(
                "a study must have a direction, but the job has no HyperParameterTuningJobObjective"
                ": pass direction='maximize' or 'minimize'"
            )
        self._warn_of_ignored(options)
        settings: dict[str, Any] = {
            "strategy": self.make_strategy(),
            "direction": (self.objective_type or "").lower(),
            "stopping": "median" if self.early_stopping == "Auto" else None,
            "seed": self.seed,
            "n_trials": self.n_trials,
        }
        if options.get("warm_start_from"):
            kind = WARM_START_TYPES.get(self.warm_start_type or "", "identical")
            settings["warm_start_type"] = kind
        return Study(self.space, **{**settings, **options})

    def _warn_of_ignored(self, options: Mapping[str, Any]) -> None:
        """Name what changes the search on the service only."""
        ignored = []
        if self.parents and not options.get("warm_start_from"):
            ignored.append(f"parents {', '.join(self.parents)}: pass warm_start_from=[...]")
        if "Autotune" in self.unread:
            ignored.append("Autotune: the ranges and limits of the description are used")
        if ignored:
            warn_caller(f"the job has what this study ignores: {'; '.join(ignored)}", UserWarning)

    def optimize_options(self) -> dict[str, Any]:
        """Return the arguments of ``Study.optimize``: the limits and the completion rules."""
        return {
            "n_trials": self.n_trials,
            "n_jobs": self.max_parallel_jobs,
            "timeout": self.max_runtime,
            "completion": self.completion,
        }

    def search_options(self) -> dict[str, Any]:
        """Return the arguments of ``WarpedBayesSearchCV`` without the estimator.

        Searches maximize: a metric to minimize needs a scorer of its negative, and the target is
        negated.

        Raises
        ------
        ValueError
            If the job has no limit on the number of trials.
        """
        if self.n_trials is None:
            raise ValueError(
                "a search must have a number of trials, but the job has no "
                "MaxNumberOfTrainingJobs: set it"
            )
        self._warn_of_ignored({})
        completion = self.completion
        if self.objective_type == "Minimize" and self.target is not None:
            completion[0] = Target(-self.target)
        return {
            "param_distributions": self.space,
            "n_iter": self.n_trials,
            "strategy": self.make_strategy(),
            "stopping": "median" if self.early_stopping == "Auto" else None,
            "random_state": self.seed,
            "n_jobs": self.max_parallel_jobs,
            "timeout": self.max_runtime,
            "completion": completion,
        }

    def hyperparameters(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return all hyperparameters of a trial as text, as the service passes them.

        Parameters
        ----------
        params : mapping
            ``trial.params``.
        """
        static = self.static[self._index_of(params)]
        tuned = {name: as_text(value) for name, value in params.items() if name != DEFINITION}
        return {**static, **tuned}

    def _index_of(self, params: Mapping[str, Any]) -> int:
        if len(self.subspaces) == 1:
            return 0
        return [name_of(space) for space in self.subspaces].index(params[DEFINITION])

    def unread_fields(self) -> list[str]:
        """Return the names of the fields that take effect on the service only, such as ``"Tags"``.

        Names within structures follow after dots; lists and maps count as one field.
        """
        return sorted(_names(self.unread, service_shape(REQUEST), ""))

    # ------------------------------------------------------------------ the service's documents

    def to_request(self) -> dict[str, Any]:
        """Return the request ``CreateHyperParameterTuningJob``, validated.

        Raises
        ------
        ValueError
            If the request breaks a rule of the service, such as a missing name or a range that it
            does not have.  The message lists the errors.
        """
        request = self._document()
        validate(request)
        return request

    def to_config(self) -> dict[str, Any]:
        """Return the ``HyperParameterTuningJobConfig``, validated.

        Raises
        ------
        ValueError
            As ``to_request`` does.
        """
        config: dict[str, Any] = self._document()[CONFIG]
        validate(config, CONFIG)
        return config

    def _document(self) -> dict[str, Any]:
        if errors := list(self.errors()):
            raise ValueError(f"the job must keep the rules of the service: {'; '.join(errors)}")
        document = deepcopy(dict(self.unread))
        several = DEFINITIONS in document
        for name, path in PATHS.items():
            value = getattr(self, name)
            if value is not None and not (several and name in OBJECTIVE):
                put(document, path, value)
        if self.parents:
            parents = [{"HyperParameterTuningJobName": name} for name in self.parents]
            put(document, ("WarmStartConfig", "ParentHyperParameterTuningJobs"), parents)
        for number, (space, static) in enumerate(zip(self.subspaces, self.static, strict=True)):
            above = (DEFINITIONS, number) if several else ("TrainingJobDefinition",)
            if static:
                put(document, (*above, "StaticHyperParameters"), dict(static))
            written = write_ranges(
                {k: v for k, v in space.items() if k not in self.auto and k != DEFINITION}
            )
            home = (*above, "HyperParameterRanges") if several else (CONFIG, "ParameterRanges")
            for kind, ranges in written.items():
                put(document, (*home, kind), ranges)
        return document

    def errors(self) -> Iterator[str]:
        """Yield the rules that the job breaks, of those that the service's model lacks."""
        for space, static in zip(self.subspaces, self.static, strict=True):
            if both := sorted({*space} & {*static}):
                yield f"a hyperparameter must be tuned or static, but {', '.join(both)} is both"
        if self.strategy == "Hyperband" and self.early_stopping == "Auto":
            yield "early stopping must be Off with Hyperband, which stops jobs itself"
        if self.strategy != "Hyperband" and (self.min_resource or self.max_resource):
            yield f"HyperbandStrategyConfig is for Hyperband, but the Strategy is {self.strategy}"
        if self.strategy != "Grid":
            return
        if not all(isinstance(p, Categorical) for space in self.subspaces for p in space.values()):
            yield "Grid must have categorical parameters only"
        elif self.max_jobs not in (None, n := n_combinations(self.subspaces)):
            yield f"Grid must have as many jobs as combinations, {n}, but got {self.max_jobs}"


def _names(value: Any, shape: Any, path: str) -> Iterator[str]:
    if value in ({}, []):  # without effect
        return
    if shape.type_name != "structure":
        yield path
        return
    for name, member in value.items():
        yield from _names(member, shape.members[name], f"{path}.{name}".lstrip("."))


def n_combinations(spaces: Sequence[Mapping[str, Parameter]]) -> int:
    return int(sum(math.prod(p.size for p in space.values()) for space in spaces))


def name_of(space: Mapping[str, Parameter]) -> str | None:
    """Return the name of the training job definition of a sub-space."""
    constant = space.get(DEFINITION)
    return str(constant.choices[0]) if isinstance(constant, Categorical) else None
