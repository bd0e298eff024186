"""Use a tuneplug strategy as an Optuna sampler.

For each trial, the trials of the Optuna study are converted to a history, and the strategy suggests
from it.  The origin and the expected improvement of each suggestion become system attributes of its
trial.  Apart from caches, the sampler keeps only the samples of running trials, whose parameters
are not all in the storage yet.
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
from optuna.trial import TrialState as OptunaState

from tuneplug import SearchSpace, SpaceExhausted
from tuneplug.plugins import Plugins
from tuneplug.strategies import (
    AsynchronousHyperband,
    Context,
    MultiFidelitySearch,
    Strategy,
    Suggestion,
)
from tuneplug_optuna.from_optuna import study_param
from tuneplug_optuna.trials import (
    TrialConverter,
    TrialKey,
    suggestion_attributes,
    trial_key,
)

__all__ = ["TunePlugSampler"]

_logger = optuna.logging.get_logger(__name__)


@final
class TunePlugSampler(BaseSampler):
    """Sample with a tuneplug strategy, by default its warped Gaussian process.

    Parameters that all completed and pruned trials have, with the same distribution, are sampled
    together.  Other parameters, and those of the first trial, are sampled uniformly on their scale.
    The strategy accounts for running trials and avoids regions where trials fail.  A pruned trial
    counts with its last finite intermediate value, and with the variance that early stopping
    adds.  Constraints, which an objective sets with ``trial.set_constraint``, are learned.

    No configuration is sampled twice until all have been tried.  Then configurations are sampled at
    random, and a warning is logged once.

    Parameters
    ----------
    seed : int or None, default None
        The same seed gives the same trials.  If None, a seed is drawn and stored in ``seed``.
        Processes that share a storage need different seeds, or None.
    strategy : str or Strategy, default "bayesian"
        As in ``tuneplug.Study``.  The stopping rule of a strategy is not used.
    warn_independent_sampling : bool, default True
        Whether to log a warning when a parameter is sampled at random because not all trials
        have it.

    Raises
    ------
    ValueError
        If ``seed`` is negative, or the strategy chooses a resource for each trial.  When sampling:
        if the study has several objectives.
    TypeError
        If ``strategy`` is neither a name nor a strategy.
    UnknownNameError
        If no strategy has the name ``strategy``.

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
            raise ValueError(f"seed must be None or a non-negative integer, but got {seed!r}")
        if isinstance(strategy, str):
            strategy = Plugins().create("strategy", strategy)
        if not isinstance(strategy, Strategy):
            raise TypeError(f"strategy must be a name or a Strategy, but got {strategy!r}")
        if isinstance(strategy, (AsynchronousHyperband, MultiFidelitySearch)):
            raise ValueError(
                f"strategy must leave the resource of a trial to Optuna, but got {strategy!r}: an "
                "Optuna trial cannot say it to the objective; run a tuneplug.Study, or use a "
                "pruner with strategy='bayesian' or 'random'"
            )
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self.strategy = strategy
        self._warn = warn_independent_sampling
        self._study_states: dict[str, _StudyState] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_study_states": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _state_of(self, study: optuna.Study) -> _StudyState:
        return self._study_states.setdefault(study.study_name, _StudyState())

    def reseed_rng(self) -> None:
        """Do nothing: random numbers are a function of the seed and the previous trials."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the distributions common to all completed and pruned trials.

        Parameters with a single value are left out.
        """
        common = intersection_search_space(_all_trials(study), include_pruned=True)
        return {name: found for name, found in common.items() if not found.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the suggestion of the strategy; a random one if the space is exhausted."""
        _check_single_objective(study)
        if not search_space:
            return {}
        with self._lock:  # serialize, so that each suggestion sees all pending ones
            state = self._state_of(study)
            converter = state.converter_for(search_space)
            others = [t for t in _all_trials(study) if t.number != trial.number]
            history = converter.history(others, state.pending, study.direction)
            state.warn_of_missing_constraints(converter)
            context = Context(converter.space, history, None, self.seed)
            suggestion = self._suggest(context, state)
            _store_attributes(study, trial, suggestion)
            sampled = converter.to_optuna(suggestion.params)
            state.pending[trial_key(trial)] = sampled
            return dict(sampled)

    def _suggest(self, context: Context, state: _StudyState) -> Suggestion:
        try:
            return self.strategy.propose(context)
        except SpaceExhausted as error:
            if not state.exhausted:
                state.exhausted = True
                _logger.warning(f"{error} Further configurations are sampled at random.")
            (params,) = context.space.sample(1, context.rng(len(context.history)))
            return Suggestion(params, origin="random")

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value sampled uniformly on the scale of the distribution."""
        _check_single_objective(study)
        if self._warn and trial_key(trial) in self._state_of(study).pending:
            _logger.warning(
                f"Parameter {param_name!r} of trial {trial.number} is sampled at random, because "
                "not all trials have it with this distribution.  Pass "
                "warn_independent_sampling=False to silence this warning."
            )
        param = study_param(param_distribution)
        space = SearchSpace({param_name: param.parameter})
        rng = np.random.default_rng([self.seed, trial.number, zlib.crc32(param_name.encode())])
        return param.to_optuna(space.sample(1, rng)[0][param_name])

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: OptunaState,
        values: Sequence[float] | None,
    ) -> None:
        """Drop the pending sample: the storage holds the parameters of a finished trial."""
        with self._lock:
            self._state_of(study).pending.pop(trial_key(trial), None)


@dataclass
class _StudyState:
    """Cached state of all studies of one name."""

    pending: dict[TrialKey, dict[str, Any]] = field(default_factory=dict)
    converter: TrialConverter | None = None
    exhausted: bool = False
    warned_of_constraints: bool = False

    def converter_for(self, search_space: dict[str, BaseDistribution]) -> TrialConverter:
        if self.converter is None or self.converter.search_space != search_space:
            self.converter = TrialConverter(search_space)
        return self.converter

    def warn_of_missing_constraints(self, converter: TrialConverter) -> None:
        if converter.n_without_constraints and not self.warned_of_constraints:
            self.warned_of_constraints = True
            _logger.warning(
                f"{converter.n_without_constraints} complete trials do not have the same "
                "constraints as the first one that has any: theirs are unknown, so their values "
                "are learned, but they are not improved upon.  Set all constraints in every trial."
            )


def _all_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials of all brackets; under Hyperband, ``study`` filters by bracket."""
    return optuna.Study.get_trials(study, deepcopy=False)


def _store_attributes(study: optuna.Study, trial: FrozenTrial, suggestion: Suggestion) -> None:
    """Store the attributes of a suggestion as Optuna's own samplers do: no public name does."""
    for key, value in suggestion_attributes(suggestion).items():
        study._storage.set_trial_system_attr(trial._trial_id, key, value)


def _check_single_objective(study: optuna.Study) -> None:
    if len(study.directions) > 1:
        raise ValueError(
            "TunePlugSampler needs a study with one objective, but this study has "
            f"{len(study.directions)}: use a multi-objective sampler, such as Optuna's "
            "NSGAIISampler"
        )
