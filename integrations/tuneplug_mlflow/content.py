"""What a study and its trials come to as MLflow's parameters, metrics and tags; no MLflow here.

Parameters never change once they are logged, tags and metrics may.  So what can still grow, such as
the number of trials planned, is a tag.
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
    "Point",
    "allowed_name",
    "allowed_names",
    "best_tags",
    "counts",
    "final_points",
    "final_tags",
    "first_tags",
    "last_tags",
    "rank",
    "reported_points",
    "status_of_study",
    "status_of_trial",
    "study_params",
    "study_tags",
    "tail",
    "trial_params",
]

#: Characters that MLflow takes: ``mlflow.utils.validation`` of 2.20 to 3.17.
MOST_KEY, MOST_PARAM, MOST_TAG = 250, 6000, 8000

#: Metrics of a trial besides its value: what is reported may have the name of none.
DURATION, EXPECTED_GAIN, VARIANCE = "duration", "expected_improvement", "variance"
METRICS = frozenset({DURATION, EXPECTED_GAIN, VARIANCE})

#: The tags that are set here; a user's have to be others.
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


class Point(NamedTuple):
    """A value of a metric."""

    name: str
    value: float
    step: int


# ---------------------------------------------------------------- what MLflow takes


def allowed_name(name: str) -> str:
    """Return a name with "_" for what MLflow does not take in one on every system."""
    allowed = re.sub(r"[^\w.\- ]", "_", name)[:MOST_KEY]
    return allowed if allowed.strip(".") else f"_{allowed[1:]}"


def allowed_names(names: Iterable[str]) -> dict[str, str]:
    """Return for each name what MLflow takes in its place; those that become alike are numbered."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        allowed, count = allowed_name(name), 1
        while allowed in taken:
            count += 1
            allowed = f"{allowed_name(name)[: MOST_KEY - 12]}_{count}"
        found[name] = allowed
        taken.add(allowed)
    return found


def _head(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def tail(text: str, most: int = MOST_TAG) -> str:
    """Return the end of a text that is too long: of a traceback, it says what went wrong."""
    return text if len(text) <= most else f"... {text[4 - most :]}"


# ---------------------------------------------------------------- a study


def study_params(study: Study) -> dict[str, str]:
    """Return how a study was set up: its strategy, its seed, its space and the scales chosen."""
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
        declared = [branch[name] for branch in study.space.subspaces if name in branch]
        found[f"space.{name}"] = " or ".join(dict.fromkeys(map(repr, declared)))
    scales: dict[str, list[str]] = {}
    for record in study.explain_scaling():
        scale = f"{record['scaling']} ({record['reason']})"
        scales.setdefault(f"scaling.{record['parameter']}", []).append(scale)
    found |= {name: " or ".join(dict.fromkeys(scale)) for name, scale in scales.items()}
    return _params(found)


def study_tags(study: Study) -> dict[str, str]:
    """Return what is known of a study when it begins, and may change."""
    return {} if study.n_trials is None else {"n_trials": str(study.n_trials)}


def rank(trial: Trial, sign: float) -> tuple[float, int]:
    """Return what is least for the best trial: the first of equals, as in the study itself."""
    if trial.state is not TrialState.COMPLETE or trial.value is None:
        return math.inf, trial.number
    return sign * trial.value, trial.number


def best_tags(trial: Trial, run_id: str | None) -> dict[str, str]:
    """Return which trial is best, and where it is logged, if it is."""
    configurations = {name: _plain(value) for name, value in trial.params.items()}
    where = {} if run_id is None else {"best_run_id": run_id}
    return {
        "best_trial": str(trial.number),
        "best_params": _head(json.dumps(configurations), MOST_TAG),
        **where,
    }


def counts(study: Study) -> list[Point]:
    """Return how many trials there are, and of each state."""
    states = Counter(trial.state for trial in study.trials)
    step = len(study.trials)
    of_states = [Point(f"n_{state.value}", states[state], step) for state in TrialState]
    return [Point("n_asked", step, step), *of_states]


def final_tags(study: Study, error: BaseException | None) -> dict[str, str]:
    """Return why a study ended before its budget was spent, if it did."""
    found = {"completion_reason": study.completion_reason, "error": error and tail(repr(error))}
    return {name: text for name, text in found.items() if text}


def status_of_study(study: Study, error: BaseException | None) -> str:
    """Return MLflow's word for the end of a study."""
    if error is not None:
        return "FAILED" if isinstance(error, Exception) else "KILLED"  # Ctrl-C, SystemExit
    states = {trial.state for trial in study.trials}
    return "FAILED" if states == {TrialState.FAILED} else "FINISHED"


# ---------------------------------------------------------------- a trial


def trial_params(trial: Trial) -> dict[str, str]:
    """Return the configuration of a trial."""
    return _params({name: str(value) for name, value in trial.params.items()})


def first_tags(trial: Trial) -> dict[str, str]:
    """Return what is known of a trial when it begins."""
    return {
        "trial": str(trial.number),
        "origin": trial.origin,
        "state": TrialState.RUNNING.value,
    }


def last_tags(trial: Trial) -> dict[str, str]:
    """Return what became of a trial."""
    found = {"state": trial.state.value, "stop_reason": trial.stop_reason, "error": trial.error}
    return {name: tail(text) for name, text in found.items() if text}


def status_of_trial(trial: Trial) -> str:
    """Return MLflow's word for what became of a trial.

    FINISHED are those alone that can be best.
    """
    if trial.state is TrialState.FAILED:
        broken_off = (trial.error or "").startswith(INTERRUPTED_MESSAGE)
        return "KILLED" if broken_off else "FAILED"
    return "KILLED" if trial.state is TrialState.STOPPED else "FINISHED"


def reported_points(trial: Trial, metric: str) -> list[Point]:
    """Return what a trial reported, by step.

    Where there are folds, each is a metric of its own, and their mean another: at the steps that
    all of them reported, as a mean over other folds at each step would jump.
    """
    name = allowed_name(trial.metric or "reported")[: MOST_KEY - 20]
    if name == metric or name in METRICS:
        name += "_reported"
    points: list[Point] = []
    by_step: dict[int, list[float]] = {}
    for step, value, fold in trial.reports:
        points.append(Point(name if fold is None else f"{name}_fold{fold}", value, step))
        by_step.setdefault(step, []).append(value)
    folds = {report.fold for report in trial.reports}
    if None not in folds:
        whole = (item for item in by_step.items() if len(item[1]) == len(folds))
        points += [Point(name, math.fsum(values) / len(folds), step) for step, values in whole]
    return points


def final_points(trial: Trial, metric: str) -> list[Point]:
    """Return what came out of a trial, in numbers."""
    found = {
        metric: trial.value,
        VARIANCE: trial.variance,
        DURATION: trial.duration,
        EXPECTED_GAIN: trial.expected_improvement,
    }
    return [Point(name, value, 0) for name, value in found.items() if value is not None]


def _params(found: Mapping[str, str]) -> dict[str, str]:
    names = allowed_names(found)
    return {names[name]: _head(text, MOST_PARAM) for name, text in found.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; what it has not, as a text."""
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
