"""Convert trials: an Optuna study to a history, and reports to Optuna's intermediate values."""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from tuneplug import SearchSpace, Trial, TrialState
from tuneplug.monitoring import TrialReporter
from tuneplug.stopping import Report, early_stop_variance
from tuneplug.strategies import History, Suggestion
from tuneplug_optuna._states import FROM_OPTUNA
from tuneplug_optuna.constraints import constraints_by_name, set_constraints
from tuneplug_optuna.from_optuna import StudyParam, study_param

__all__ = [
    "TrialConverter",
    "TrialKey",
    "losses_by_step",
    "means_by_step",
    "suggestion_attributes",
    "thin",
    "trial_key",
]

# ---------------------------------------------------------------------- from Optuna

#: Prefix of the system attributes of a sampled trial.
PREFIX = "tuneplug:"
#: Number and start time of a trial.
TrialKey = tuple[int, datetime.datetime | None]


def trial_key(trial: FrozenTrial) -> TrialKey:
    """Return a key that distinguishes trials of different studies with the same name."""
    return trial.number, trial.datetime_start


@dataclass
class _Converted:
    """A finished Optuna trial and its conversion."""

    frozen: FrozenTrial
    trial: Trial | None  # None if the trial lies outside of the space
    constraints: dict[str, float] = field(default_factory=dict)  # by name
    final: bool = False  # all earlier trials have finished, so the variance no longer changes


@final
class TrialConverter:
    """Convert the trials of an Optuna study to a history over one search space.

    Each finished trial is converted once.

    Parameters
    ----------
    search_space : mapping of str to BaseDistribution
        Distributions by parameter name.  Trials outside of this space are left out.

    Attributes
    ----------
    n_without_constraints : int
        Number of complete trials of the last history that lack constraints of others.
    """

    def __init__(self, search_space: Mapping[str, BaseDistribution]) -> None:
        self.search_space = dict(search_space)
        self._params: dict[str, StudyParam] = {
            name: study_param(distribution) for name, distribution in search_space.items()
        }
        self.space = SearchSpace({name: param.parameter for name, param in self._params.items()})
        self._converted: dict[int, _Converted] = {}
        self.n_without_constraints = 0

    def to_optuna(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Optuna values of a configuration."""
        return {name: self._params[name].to_optuna(value) for name, value in configuration.items()}

    def history(
        self,
        trials: Sequence[FrozenTrial],
        pending: Mapping[TrialKey, Mapping[str, Any]],
        direction: StudyDirection,
    ) -> History:
        """Return the trials inside the space as a history, in the order given.

        Parameters
        ----------
        trials : sequence of FrozenTrial
            All trials of the study, by number.
        pending : mapping of TrialKey to mapping
            Sampled Optuna values of running trials.  They complete the parameters that a running
            trial has not suggested yet.
        direction : StudyDirection
            Direction of the study.
        """
        maximize = direction is StudyDirection.MAXIMIZE
        history = History(sign=-1.0 if maximize else 1.0)
        all_finished, constrained = True, []
        for frozen in trials:
            if not frozen.state.is_finished():
                all_finished = False
                params = {**pending.get(trial_key(frozen), {}), **frozen.params}
                _append(history, self._convert(frozen, params, maximize))
                continue
            cached = self._finished(frozen, maximize)
            converted = cached.trial
            _append(history, converted)
            if converted is not None:
                constrained.append((converted, cached.constraints))
            if not cached.final and converted is not None and _was_stopped(converted):
                converted.variance = early_stop_variance(converted, history)
            cached.final = all_finished
        self.n_without_constraints = set_constraints(constrained)
        return history

    def _finished(self, frozen: FrozenTrial, maximize: bool) -> _Converted:
        """Return the cached conversion; another object belongs to another study."""
        converted = self._converted.get(frozen.number)
        if converted is None or converted.frozen is not frozen:
            trial = self._convert(frozen, frozen.params, maximize)
            converted = _Converted(frozen, trial, constraints_by_name(frozen))
            self._converted[frozen.number] = converted
        return converted

    def _convert(
        self, frozen: FrozenTrial, params: Mapping[str, Any], maximize: bool
    ) -> Trial | None:
        """Return the trial; None if a parameter is missing or outside of the space."""
        if frozen.state not in FROM_OPTUNA or not self._params.keys() <= params.keys():
            return None
        configuration = {name: p.from_optuna(params[name]) for name, p in self._params.items()}
        try:
            point = self.space.locate(configuration)
        except ValueError:  # a value outside of its range
            return None
        trial = Trial(
            0,
            configuration,
            point,
            origin=_origin(frozen),
            state=FROM_OPTUNA[frozen.state],
            expected_improvement=_expected_improvement(frozen),
            fidelity=_fidelity(frozen),
            reporter=TrialReporter(direction="maximize" if maximize else "minimize"),
        )
        if trial.state.ended:
            _copy_results(trial, frozen)
        return trial


def suggestion_attributes(suggestion: Suggestion) -> dict[str, Any]:
    """Return the system attributes of an Optuna trial that keep what the history needs."""
    kept = {
        "origin": suggestion.origin,
        "expected_improvement": suggestion.expected_improvement,
    }
    return {PREFIX + name: value for name, value in kept.items() if value is not None}


def _suggestion_attribute(frozen: FrozenTrial, name: str) -> Any:
    """Return the system attribute of the sampler, else the attribute that a mirror writes."""
    return frozen.system_attrs.get(PREFIX + name, frozen.user_attrs.get(name))


def _origin(frozen: FrozenTrial) -> str:
    known = _suggestion_attribute(frozen, "origin")
    return known if isinstance(known, str) else "user"


def _expected_improvement(frozen: FrozenTrial) -> float | None:
    known = _suggestion_attribute(frozen, "expected_improvement")
    usable = type(known) in (float, int) and 0.0 <= known <= sys.float_info.max
    return float(known) if usable else None


def _fidelity(frozen: FrozenTrial) -> float:
    """Return the attribute ``fidelity`` that the mirror of a study writes, or 1."""
    known = frozen.user_attrs.get("fidelity")
    if isinstance(known, float | int) and 0.0 < known <= 1.0:
        return float(known)
    return 1.0


def _append(history: History, converted: Trial | None) -> None:
    if converted is not None:
        converted.number = len(history)
        history.append(converted)


def _was_stopped(trial: Trial) -> bool:
    return trial.state is TrialState.STOPPED and bool(trial.reports)


def _copy_results(converted: Trial, frozen: FrozenTrial) -> None:
    """Copy reports and value.

    A completed trial without a finite value becomes failed.  A pruned trial without a finite value
    gets its last finite report, or None.  The cost is the duration, or the attribute ``cost`` that
    the mirror of a study writes.
    """
    converted.cost = _cost(frozen)
    for step in sorted(frozen.intermediate_values):
        converted.reporter.report(frozen.intermediate_values[step], step)
    if converted.state is TrialState.FAILED:
        return
    values = list(frozen.values or ())
    if converted.state is TrialState.STOPPED:
        values += [report.value for report in reversed(converted.reports)]
    converted.value = next((value for value in values if math.isfinite(value)), None)
    if converted.state is TrialState.COMPLETE and converted.value is None:
        converted.state, converted.error = TrialState.FAILED, f"the value is {values[0]!r}"


def _cost(frozen: FrozenTrial) -> float | None:
    """Return the attribute ``cost`` of a trial, or else its duration in seconds, or None."""
    known: Any = frozen.user_attrs.get("cost")
    if known is None and frozen.datetime_start and frozen.datetime_complete:
        known = (frozen.datetime_complete - frozen.datetime_start).total_seconds()
    usable = type(known) in (float, int) and 0.0 <= known <= sys.float_info.max
    return float(known) if usable else None


# ---------------------------------------------------------------------- to Optuna


def means_by_step(reports: Sequence[Report]) -> dict[int, float]:
    """Return, by ascending step, the mean over the folds that reported the step."""
    values: dict[int, list[float]] = {}
    for report in reports:
        values.setdefault(report.step, []).append(report.value)
    return {step: float(np.mean(values[step])) for step in sorted(values)}


def losses_by_step(trial: Trial) -> dict[int, float]:
    """Return the reported losses by step; empty for a running trial.

    The reports of a running trial depend on the time of the call, so a sampler does not get them.
    """
    if not trial.state.ended:
        return {}
    sign = -1.0 if trial.direction == "maximize" else 1.0
    return {step: sign * value for step, value in means_by_step(trial.reports).items()}


def thin(values: dict[int, float], max_steps: int) -> dict[int, float]:
    """Return at most ``max_steps`` evenly spaced steps, the first and the last included."""
    steps = list(values)
    if len(steps) <= max_steps:
        return values
    chosen = np.linspace(0, len(steps) - 1, max_steps).round().astype(int)
    return {steps[k]: values[steps[k]] for k in chosen}
