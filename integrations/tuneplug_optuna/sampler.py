"""Our engine as a sampler of Optuna's.

Optuna's trials become a history of ours for each suggestion, and what a strategy of ours proposes
for it is the sample.  Nothing else is remembered but which samples were handed out and are not in
the storage yet.
"""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as TheirState

from tuneplug import SearchSpace, SpaceExhausted, Trial, TrialState
from tuneplug.plugins import Plugins
from tuneplug.stopping import unsaid_variance
from tuneplug.strategies import Context, History, Strategy
from tuneplug_optuna.columns import Column, column

__all__ = ["TunePlugSampler"]

_logger = optuna.logging.get_logger(__name__)

STATES = {
    TheirState.COMPLETE: TrialState.COMPLETE,
    TheirState.PRUNED: TrialState.STOPPED,
    TheirState.FAIL: TrialState.FAILED,
    TheirState.RUNNING: TrialState.RUNNING,
}


@final
class TunePlugSampler(BaseSampler):
    """Sample with a strategy of tuneplug's: its warped Gaussian process by default.

    Parameters that every trial so far has had, with the same distribution, are sampled together;
    others, and all of the first trial, are drawn uniformly on their scale.  Trials that are running
    are taken into account, pruned ones with their last intermediate value and the variance of what
    they left unsaid, and where trials fail is learned and avoided.  Constraints are not looked at.

    No setting is sampled twice until none is left; then it is drawn at random, and that is logged.

    Parameters
    ----------
    seed : int or None, default None
        The same seed gives the same trials.  None draws one, kept in ``seed``.  Processes that
        share a storage need seeds of their own, or none.
    strategy : str or Strategy, default "bayesian"
        As in ``tuneplug.Study``; one that brings a stopping rule is used without it.
    warn_independent_sampling : bool, default True
        Whether to log, through Optuna, that a parameter is drawn at random as it is not in every
        trial.

    Raises
    ------
    ValueError
        If the seed is negative, or, in sampling, if the study has several objectives.
    TypeError
        If ``strategy`` is neither a name nor a strategy.
    UnknownNameError
        If no strategy has that name.

    Examples
    --------
    >>> import optuna
    >>> from tuneplug_optuna import TunePlugSampler
    >>> study = optuna.create_study(sampler=TunePlugSampler(seed=0))
    >>> study.optimize(lambda trial: (trial.suggest_float("x", -2, 2) - 1) ** 2, n_trials=15)
    >>> round(study.best_params["x"], 1)
    1.0
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        strategy: str | Strategy = "bayesian",
        warn_independent_sampling: bool = True,
    ) -> None:
        if seed is not None and seed < 0:
            raise ValueError(f"seed must be None or an integer of at least 0, but got {seed!r}")
        if isinstance(strategy, str):
            strategy = Plugins().named("strategy", strategy)
        if not isinstance(strategy, Strategy):
            raise TypeError(f"strategy must be a name or a Strategy, but got {strategy!r}")
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self.strategy = strategy
        self._warn = warn_independent_sampling
        self._memories: dict[str, _Memory] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_memories": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _memory(self, study: optuna.Study) -> _Memory:
        return self._memories.setdefault(study.study_name, _Memory())

    def reseed_rng(self) -> None:
        """Do nothing: random numbers are a function of the seed and the trials before."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what every trial that has ended well had, but for what has one value only."""
        with self._lock:
            common = self._memory(study).intersection.calculate(study)
        return {name: found for name, found in common.items() if not found.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the strategy proposes, or a random setting where each has been tried."""
        _refuse_several_objectives(study)
        if not search_space:
            return {}
        with self._lock:  # one after the other: the next knows what this one was handed
            memory = self._memory(study)
            if memory.seen is None or memory.seen.search_space != search_space:
                memory.seen = _Seen(search_space)
            seen, handed = memory.seen, memory.handed
            others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
            history = seen.history(others, handed, study.direction)
            setting = self._setting(Context(seen.space, history, None, self.seed), memory)
            handed[trial.number] = seen.to_optuna(setting)
            return dict(handed[trial.number])

    def _setting(self, context: Context, memory: _Memory) -> dict[str, Any]:
        try:
            return self.strategy.suggest(context, 1)[0].params
        except SpaceExhausted as error:
            if not memory.exhausted:
                memory.exhausted = True
                _logger.warning(f"{error} From here on settings are drawn at random.")
            return context.space.sample(1, context.rng(len(context.history)))[0]

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value drawn uniformly on its scale."""
        _refuse_several_objectives(study)
        if self._warn and trial.number in self._memory(study).handed:
            _logger.warning(
                f"Parameter {param_name!r} of trial {trial.number} is drawn at random, as not "
                "every trial has it with this distribution: warn_independent_sampling=False says "
                "no more of that."
            )
        one = column(param_distribution)
        space = SearchSpace({"p": one.parameter})
        rng = np.random.default_rng([self.seed, trial.number, zlib.crc32(param_name.encode())])
        return one.to_optuna(space.sample(1, rng)[0]["p"])

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TheirState,
        values: Sequence[float] | None,
    ) -> None:
        """Forget what was handed out: from here on the storage has it."""
        with self._lock:
            self._memory(study).handed.pop(trial.number, None)


@dataclass
class _Memory:
    """What is kept of a study: what all its trials have, what was handed out, what was seen."""

    intersection: IntersectionSearchSpace = field(
        default_factory=lambda: IntersectionSearchSpace(include_pruned=True)
    )
    handed: dict[int, dict[str, Any]] = field(default_factory=dict)
    seen: _Seen | None = None
    exhausted: bool = False


class _Seen:
    """A search space of Optuna's, and its ended trials as ours, each of them turned once."""

    def __init__(self, search_space: Mapping[str, BaseDistribution]) -> None:
        self.search_space = dict(search_space)
        self._columns: dict[str, Column] = {
            name: column(distribution) for name, distribution in search_space.items()
        }
        self.space = SearchSpace({name: one.parameter for name, one in self._columns.items()})
        self._ended: dict[int, Trial] = {}
        self._settled: set[int] = set()

    def to_optuna(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a setting in Optuna's values."""
        return {name: self._columns[name].to_optuna(value) for name, value in params.items()}

    def history(
        self,
        trials: Sequence[FrozenTrial],
        handed: Mapping[int, Mapping[str, Any]],
        direction: optuna.study.StudyDirection,
    ) -> History:
        """Return those of Optuna's trials that lie in the space, in order."""
        maximize = direction is optuna.study.StudyDirection.MAXIMIZE
        history = History(sign=-1.0 if maximize else 1.0)
        settled = True  # whether all before have ended, so that nothing about them changes
        for theirs in trials:
            ours = self._ended.get(theirs.number)
            if ours is None:
                ours = self._ours(theirs, handed.get(theirs.number, theirs.params), maximize)
            settled = settled and theirs.state.is_finished()
            if ours is None:
                continue
            ours.number = len(history)
            history.append(ours)
            stopped = ours.state is TrialState.STOPPED and ours.reports
            if stopped and theirs.number not in self._settled:
                ours.variance = unsaid_variance(ours, history)
            if ours.state.ended:
                self._ended[theirs.number] = ours
            if settled:
                self._settled.add(theirs.number)
        return history

    def _ours(self, theirs: FrozenTrial, params: Mapping[str, Any], maximize: bool) -> Trial | None:
        """Return a trial of ours, None if its setting is not known or not of the space."""
        if theirs.state not in STATES or not self._columns.keys() <= params.keys():
            return None
        setting = {name: one.to_ours(params[name]) for name, one in self._columns.items()}
        try:
            unit = self.space.encode(setting)
        except ValueError:  # of another range
            return None
        ours = Trial(
            0,
            setting,
            self.space.snap(unit[None, :])[0],
            state=STATES[theirs.state],
            direction="maximize" if maximize else "minimize",
        )
        if ours.state.ended:
            _take_results(ours, theirs)
        return ours


def _take_results(ours: Trial, theirs: FrozenTrial) -> None:
    """Take reports and value; an infinite value is a failure, a pruned trial may have none."""
    for step in sorted(theirs.intermediate_values):
        ours.report(theirs.intermediate_values[step], step)
    if ours.state is TrialState.FAILED:
        return
    value = theirs.values[0] if theirs.values else None
    if value is not None and math.isfinite(value):
        ours.value = value
    elif ours.state is TrialState.COMPLETE:
        ours.state, ours.error = TrialState.FAILED, f"the value is {value!r}"


def _refuse_several_objectives(study: optuna.Study) -> None:
    if len(study.directions) > 1:
        raise ValueError(
            "TunePlugSampler needs a study with one objective, but this one has "
            f"{len(study.directions)}: use a sampler for several, such as Optuna's NSGAIISampler"
        )
