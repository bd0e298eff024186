"""Convert studies and trials to MLflow parameters, metrics and tags; does not import MLflow.

A logged parameter cannot be changed; tags and metrics can.  Values that may still change, such as
the number of planned trials, are therefore tags.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import tuneplug
from tuneplug import Study, Trial, TrialState
from tuneplug.execution import INTERRUPTED_MESSAGE

__all__ = [
    "MetricPoint",
    "allowed_name",
    "allowed_names",
    "best_trial_tags",
    "rank",
    "study_params",
    "study_result_tags",
    "study_status",
    "study_tags",
    "tail",
    "trial_count_metrics",
    "trial_params",
    "trial_report_metrics",
    "trial_result_metrics",
    "trial_result_tags",
    "trial_start_tags",
    "trial_status",
]

#: Maximum lengths in characters, from ``mlflow.utils.validation`` of MLflow 2.20 to 3.17.
MAX_KEY, MAX_PARAM, MAX_TAG = 250, 6000, 8000

#: Metrics of a trial besides its value.  The metric of reports gets a different name.
DURATION, EXPECTED_IMPROVEMENT, VARIANCE = "duration", "expected_improvement", "variance"
METRICS = frozenset({DURATION, EXPECTED_IMPROVEMENT, VARIANCE})

#: Tags set by the adapter; the user's tags must have other names.
TAGS = frozenset(
    {
        "best_params",
        "best_run_id",
        "best_trial",
        "completion_reason",
        "error",
        "mlflow.runName",
        "n_trials",
        "origin",
        "state",
        "stop_reason",
        "trial",
    }
)


class MetricPoint(NamedTuple):
    """One value of a metric at a step."""

    name: str
    value: float
    step: int


# ---------------------------------------------------------------- limits of MLflow


def allowed_name(name: str) -> str:
    """Return the name, with "_" for each character that MLflow rejects on any system."""
    allowed = re.sub(r"[^\w.\- ]", "_", name)[:MAX_KEY]
    return allowed if allowed.strip(".") else f"_{allowed[1:]}"


def allowed_names(names: Iterable[str]) -> dict[str, str]:
    """Return an allowed name for each name; a number is appended to resolve collisions."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        allowed, count = allowed_name(name), 1
        while allowed in taken:
            count += 1
            allowed = f"{allowed_name(name)[: MAX_KEY - 12]}_{count}"
        found[name] = allowed
        taken.add(allowed)
    return found


def _head(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else f"{text[: max_length - 4]} ..."


def tail(text: str, max_length: int = MAX_TAG) -> str:
    """Return the end of a text that is too long; the end of a traceback names the error."""
    return text if len(text) <= max_length else f"... {text[4 - max_length :]}"


# ---------------------------------------------------------------- a study


def study_params(study: Study) -> dict[str, str]:
    """Return the parameters of a study: strategy, seed, space and chosen scalings."""
    stopping = study.stopping
    found = {
        "strategy": study.strategy.name,
        "strategy_settings": repr(study.strategy),
        "direction": study.direction,
        "seed": str(study.seed),
        "stopping": "None" if stopping is None else repr(stopping),
        "tuneplug_version": tuneplug.__version__,
    }
    for name in study.space.names:
        declared = [subspace[name] for subspace in study.space.subspaces if name in subspace]
        found[f"space.{name}"] = " or ".join(dict.fromkeys(map(repr, declared)))
    scales: dict[str, list[str]] = {}
    for record in study.explain_scaling():
        scale = f"{record['scaling']} ({record['reason']})"
        scales.setdefault(f"scaling.{record['parameter']}", []).append(scale)
    found |= {name: " or ".join(dict.fromkeys(scale)) for name, scale in scales.items()}
    return _params(found)


def study_tags(study: Study) -> dict[str, str]:
    """Return the tags that are set at the start of a study and may change later."""
    return {} if study.n_trials is None else {"n_trials": str(study.n_trials)}


def rank(trial: Trial, sign: float) -> tuple[float, int]:
    """Return a sort key that is smallest for the best trial; ties go to the lowest number."""
    if not _can_be_best(trial) or trial.value is None:
        return math.inf, trial.number
    return sign * trial.value, trial.number


def _can_be_best(trial: Trial) -> bool:
    return trial.state is TrialState.COMPLETE and trial.is_full and trial.is_feasible


def best_trial_tags(trial: Trial, run_id: str | None) -> dict[str, str]:
    """Return the tags that name the best trial, and its run if it has one."""
    configuration = {name: _json_value(value) for name, value in trial.params.items()}
    run = {} if run_id is None else {"best_run_id": run_id}
    return {
        "best_trial": str(trial.number),
        "best_params": _head(json.dumps(configuration), MAX_TAG),
        **run,
    }


def trial_count_metrics(study: Study) -> list[MetricPoint]:
    """Return the number of trials, in all and per state."""
    states = Counter(trial.state for trial in study.trials)
    step = len(study.trials)
    of_states = [MetricPoint(f"n_{state.value}", states[state], step) for state in TrialState]
    return [MetricPoint("n_asked", step, step), *of_states]


def study_result_tags(study: Study, error: BaseException | None) -> dict[str, str]:
    """Return the completion reason and the error, if any, as tags."""
    found = {"completion_reason": study.completion_reason, "error": error and tail(repr(error))}
    return {name: text for name, text in found.items() if text}


def study_status(study: Study, error: BaseException | None) -> str:
    """Return the MLflow run status of a study that has ended."""
    if error is not None:
        return "FAILED" if isinstance(error, Exception) else "KILLED"  # Ctrl-C, SystemExit
    states = {trial.state for trial in study.trials}
    return "FAILED" if states == {TrialState.FAILED} else "FINISHED"


# ---------------------------------------------------------------- a trial


def trial_params(trial: Trial) -> dict[str, str]:
    """Return the configuration of a trial."""
    return _params({name: str(value) for name, value in trial.params.items()})


def trial_start_tags(trial: Trial) -> dict[str, str]:
    """Return the tags that are set at the start of a trial."""
    approximate = {} if trial.is_full else {"fidelity": str(trial.fidelity)}
    return {
        "trial": str(trial.number),
        "origin": trial.origin,
        "state": TrialState.RUNNING.value,
        **approximate,
    }


def trial_result_tags(trial: Trial) -> dict[str, str]:
    """Return state, stop reason and error as tags."""
    found = {"state": trial.state.value, "stop_reason": trial.stop_reason, "error": trial.error}
    return {name: tail(text) for name, text in found.items() if text}


def trial_status(trial: Trial) -> str:
    """Return the MLflow run status of a trial; FINISHED only if the trial can be the best one."""
    if trial.state is TrialState.FAILED:
        interrupted = (trial.error or "").startswith(INTERRUPTED_MESSAGE)
        return "KILLED" if interrupted else "FAILED"
    return "FINISHED" if _can_be_best(trial) else "KILLED"


def trial_report_metrics(trial: Trial, metric: str) -> list[MetricPoint]:
    """Return the reports of a trial as metrics by step.

    With folds, there is one metric per fold and one for their mean.  The mean is logged only at
    steps that all folds reported: means over different folds are not comparable.
    """
    name = allowed_name(trial.metric or "reported")[: MAX_KEY - 20]
    if name == metric or name in METRICS:
        name += "_reported"
    points: list[MetricPoint] = []
    by_step: dict[int, list[float]] = {}
    for step, value, fold in trial.reports:
        points.append(MetricPoint(name if fold is None else f"{name}_fold{fold}", value, step))
        by_step.setdefault(step, []).append(value)
    folds = {report.fold for report in trial.reports}
    if None not in folds:
        complete = ((k, values) for k, values in by_step.items() if len(values) == len(folds))
        points += [MetricPoint(name, math.fsum(v) / len(folds), step) for step, v in complete]
    return points


def trial_result_metrics(trial: Trial, metric: str) -> list[MetricPoint]:
    """Return the numeric results of a trial as metrics."""
    found = {
        metric: trial.value,
        VARIANCE: trial.variance,
        DURATION: trial.duration,
        EXPECTED_IMPROVEMENT: trial.expected_improvement,
        **{f"constraint_{i}": value for i, value in enumerate(trial.constraints or ())},
    }
    return [MetricPoint(name, value, 0) for name, value in found.items() if value is not None]


def _params(found: Mapping[str, str]) -> dict[str, str]:
    names = allowed_names(found)
    return {names[name]: _head(text, MAX_PARAM) for name, text in found.items()}


def _json_value(value: Any) -> Any:
    """Return a value that JSON can represent; otherwise its ``str``."""
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
