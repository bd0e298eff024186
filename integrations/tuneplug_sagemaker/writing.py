"""Describe a study or a search as a tuning job."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tuneplug import SearchSpace, Study
from tuneplug.plugins import Parameter, Plugins, warn_caller
from tuneplug.stopping import CompletionRule, Convergence, MedianRule, Patience, Target
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch, Strategy
from tuneplug_sagemaker.job import TuningJob, name_of
from tuneplug_sagemaker.ranges import with_scaling_types

__all__ = ["to_job"]

#: The service's name of each strategy that it has.
STRATEGIES: Mapping[type[Strategy], str] = {
    BayesianSearch: "Bayesian",
    RandomSearch: "Random",
    GridSearch: "Grid",
    HyperbandSearch: "Hyperband",
}
STRATEGY_NAMES = {cls.name: service for cls, service in STRATEGIES.items()}
MIN_PATIENCE = 3
#: Number of seeds that the service has: its integers have 32 bits with the sign.
MAX_SEEDS = 2**31


def to_job(
    source: Any,
    *,
    name: str | None = None,
    metric: str | None = None,
    like: TuningJob | None = None,
    completion: Sequence[CompletionRule] = (),
    n_jobs: int | None = None,
) -> TuningJob:
    """Describe a study or a search as a tuning job.

    Parameters
    ----------
    source : Study or WarpedBayesSearchCV
        A search need not be fitted; it maximizes its score.
    name : str, optional
        Name of the job, at most 32 letters, digits and hyphens.  If None, that of ``like`` or of
        the study.
    metric : str, optional
        Name of the objective metric.  If None, that of ``like``, or a name of the scorer.
    like : TuningJob, optional
        Job that tells what a study does not know: the training job, limits and tags.
    completion : sequence of CompletionRule, default ()
        The rules of ``Study.optimize``; those of a search are added.
    n_jobs : int, optional
        Number of trials at once.  If None, that of the search, of ``like``, or 1.

    Raises
    ------
    TypeError
        If ``source`` is something else.
    ValueError
        If the source has what the service lacks, such as another strategy, a condition or a
        category that is no text.  The message lists all errors.

    Warns
    -----
    UserWarning
        If the job leaves out options that the service lacks, such as a reduction factor.
    """
    fields = _of_study(source) if isinstance(source, Study) else _of_search(source)
    rules = [*completion, *fields.pop("completion", ())]
    errors = [*fields.pop("errors"), *_completion_errors(rules)]
    base = TuningJob(()) if like is None else like
    spaces = fields["subspaces"]
    if len(spaces) > 1 and [*map(name_of, spaces)] != [*map(name_of, base.subspaces)]:
        errors.append(
            f"{len(spaces)} sub-spaces need the training job definitions of a job: pass like= a "
            "job with the same TrainingJobDefinitions"
        )
    if errors:
        raise ValueError(f"the service lacks what the search has: {'; '.join(errors)}")
    if left_out := list(_left_out(source, base)):
        warn_caller(f"the service has no equivalent of {'; '.join(left_out)}", UserWarning)
    fields |= _criteria(rules)
    fields["static"] = base.static if len(base.static) == len(spaces) else ({},) * len(spaces)
    fields["name"] = name or base.name or fields["name"]
    fields["metric_name"] = metric or base.metric_name or fields.pop("metric_name", "objective")
    known = {"max_jobs": base.max_jobs, "max_runtime": base.max_runtime}
    fields |= {k: v for k, v in known.items() if fields.get(k) is None}
    parallel = n_jobs or fields.pop("max_parallel_jobs", None) or base.max_parallel_jobs or 1
    return replace(base, **fields, max_parallel_jobs=parallel, response={})


def _left_out(source: Any, base: TuningJob) -> Iterator[str]:
    """Yield the options of a study or search that its job leaves out."""
    strategy = source.strategy
    if isinstance(strategy, HyperbandSearch):
        if strategy.reduction_factor != HyperbandSearch().reduction_factor:
            yield f"reduction_factor={strategy.reduction_factor!r}"
        if strategy.suggest_with is not None:
            yield f"suggest_with={strategy.suggest_with!r}"
    parents = source.parents if isinstance(source, Study) else source.warm_start_from
    if parents and not base.parents:
        yield f"{len(parents)} parents, which are no jobs of the service: name some by like="
    for name in ("resource", "trial_timeout", "racing"):
        if value := getattr(source, name, None):
            yield f"{name}={value!r}"


def _of_study(study: Study) -> dict[str, Any]:
    return {
        "subspaces": _spaces(study.space),
        "name": study.name,
        "objective_type": study.direction.capitalize(),
        "max_jobs": study.n_trials,
        "seed": study.seed % MAX_SEEDS,
        **_strategy_fields(study.strategy, study.stopping),
    }


def _of_search(search: Any) -> dict[str, Any]:
    if not hasattr(search, "param_distributions") or not hasattr(search, "completion"):
        raise TypeError(
            "to_job takes a Study or a WarpedBayesSearchCV, but got "
            f"{type(search).__name__}: pass one of these"
        )
    declared = Plugins.with_installed(search.plugins or ()).convert_space(
        search.param_distributions
    )
    seed = search.random_state
    chosen = _strategy_fields(search.strategy, search.stopping)
    if seed is not None and not isinstance(seed, numbers.Integral):
        chosen["errors"].append(f"random_state must be an integer or None, but got {seed!r}")
    n_jobs, scoring = search.n_jobs, search.scoring
    return {
        "subspaces": _spaces(SearchSpace(declared)),
        "name": search.study_name,
        "objective_type": "Maximize",
        "metric_name": scoring if isinstance(scoring, str) else "score",
        "max_jobs": search.n_iter,
        "max_runtime": None if search.timeout is None else int(search.timeout),
        "max_parallel_jobs": n_jobs if n_jobs is not None and n_jobs > 0 else None,
        "seed": None if seed is None or chosen["errors"] else int(seed) % MAX_SEEDS,
        "completion": search.completion,
        **chosen,
    }


def _spaces(space: SearchSpace) -> tuple[dict[str, Parameter], ...]:
    return tuple(with_scaling_types(subspace) for subspace in space.subspaces)


def _strategy_fields(strategy: Any, stopping: Any) -> dict[str, Any]:
    """Return the strategy and early stopping in the service's words, and what it lacks."""
    errors = []
    name = STRATEGY_NAMES.get(strategy) if isinstance(strategy, str) else None
    name = name or STRATEGIES.get(type(strategy))
    if name is None:
        errors.append(f"the strategy must be one of {sorted(STRATEGY_NAMES)}, but is {strategy!r}")
    found: dict[str, Any] = {"strategy": name, "early_stopping": "Off", "errors": errors}
    if name == "Hyperband":
        hyperband = HyperbandSearch() if isinstance(strategy, str) else strategy
        found |= {"min_resource": hyperband.min_resource, "max_resource": hyperband.max_resource}
        return found
    found |= {"min_resource": None, "max_resource": None}
    if stopping == "median" or isinstance(stopping, MedianRule):
        found["early_stopping"] = "Auto"
    elif stopping is not None:
        errors.append(f"stopping must be 'median' or None, but is {stopping!r}")
    return found


def _completion_errors(rules: Sequence[CompletionRule]) -> Iterator[str]:
    for number, rule in enumerate(rules):
        if not isinstance(rule, (Target, Patience, Convergence)):
            yield f"completion rules must be Target, Patience or Convergence, but got {rule!r}"
        if isinstance(rule, Patience) and rule.n_trials < MIN_PATIENCE:
            yield f"Patience must be at least {MIN_PATIENCE}, but is {rule.n_trials}"
        if type(rule) in map(type, rules[:number]):
            yield f"each completion rule is possible once, but {type(rule).__name__} is repeated"


def _criteria(rules: Sequence[CompletionRule]) -> Mapping[str, Any]:
    """Return the rules in the service's words; none leaves those of ``like`` as they are."""
    found: dict[str, Any] = {}
    for rule in rules:
        if isinstance(rule, Target):
            found["target"] = float(rule.value)
        elif isinstance(rule, Patience):
            found["patience"] = rule.n_trials
        else:
            found["convergence"] = "Enabled"
    return found
