"""Our engine as a sampler of Optuna's.

Optuna's trials become a history of ours for each suggestion, and what a strategy of ours proposes
for it is the sample.  Nothing else is remembered but which samples were handed out and are not in
the storage yet.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as TheirState

from tuneplug import SearchSpace, SpaceExhausted
from tuneplug.plugins import Plugins
from tuneplug.strategies import Context, Strategy
from tuneplug_optuna.columns import column
from tuneplug_optuna.seen import Seen, TrialKey, key_of

__all__ = ["TunePlugSampler"]

_logger = optuna.logging.get_logger(__name__)


@final
class TunePlugSampler(BaseSampler):
    """Sample with a strategy of tuneplug's: its warped Gaussian process by default.

    Parameters that every trial so far has had, with the same distribution, are sampled together;
    others, and all of the first trial, are drawn uniformly on their scale.  Trials that are running
    are taken into account, pruned ones with their last intermediate value and the variance of what
    they left unsaid, and where trials fail is learned and avoided.  Constraints are not looked at.

    No configuration is sampled twice until none is left; then it is drawn at random, and that is
    logged.

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
            strategy = Plugins().create("strategy", strategy)
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
        common = intersection_search_space(_every_trial(study), include_pruned=True)
        return {name: found for name, found in common.items() if not found.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the strategy proposes, or a random configuration where each has been
        tried."""
        _refuse_several_objectives(study)
        if not search_space:
            return {}
        with self._lock:  # one after the other: the next knows what this one was handed
            memory = self._memory(study)
            if memory.seen is None or memory.seen.search_space != search_space:
                memory.seen = Seen(search_space)
            seen, handed = memory.seen, memory.handed
            others = [t for t in _every_trial(study) if t.number != trial.number]
            history = seen.history(others, handed, study.direction)
            configuration = self._setting(Context(seen.space, history, None, self.seed), memory)
            proposed = handed[key_of(trial)] = seen.to_optuna(configuration)
            return dict(proposed)

    def _setting(self, context: Context, memory: _Memory) -> dict[str, Any]:
        try:
            return self.strategy.propose(context).params
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
        if self._warn and key_of(trial) in self._memory(study).handed:
            _logger.warning(
                f"Parameter {param_name!r} of trial {trial.number} is drawn at random, as not "
                "every trial has it with this distribution: warn_independent_sampling=False says "
                "no more of that."
            )
        one = column(param_distribution)
        space = SearchSpace({param_name: one.parameter})
        rng = np.random.default_rng([self.seed, trial.number, zlib.crc32(param_name.encode())])
        return one.to_optuna(space.sample(1, rng)[0][param_name])

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TheirState,
        values: Sequence[float] | None,
    ) -> None:
        """Forget what was handed out: from here on the storage has it."""
        with self._lock:
            self._memory(study).handed.pop(key_of(trial), None)


@dataclass
class _Memory:
    """What is kept of studies of one name: what was handed out, and what was seen."""

    handed: dict[TrialKey, dict[str, Any]] = field(default_factory=dict)
    seen: Seen | None = None
    exhausted: bool = False


def _every_trial(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials of a study: of each bracket, where Hyperband shows those of one alone."""
    return optuna.Study.get_trials(study, deepcopy=False)


def _refuse_several_objectives(study: optuna.Study) -> None:
    if len(study.directions) > 1:
        raise ValueError(
            "TunePlugSampler needs a study with one objective, but this one has "
            f"{len(study.directions)}: use a sampler for several, such as Optuna's NSGAIISampler"
        )
