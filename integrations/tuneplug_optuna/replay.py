"""Replay a history in an Optuna study, and ask a sampler for the next suggestion.

Some samplers read trials only (``STATELESS_SAMPLERS``): trials are added to the study for them.
Other samplers store state in system attributes as they sample, such as the generation of a trial or
the position in a sequence.  They sample every trial of the history again, in order, and the values
of the history replace the sampled ones.  Their state is thus a function of the history as well.

Random numbers are a function of a seed.  Optuna samplers own their random states, and reseed them
at random only (``reseed_rng``).  Optuna documents pickling as the way to save a sampler with its
random states, so each trial gets a copy made by pickling in which every random state is replaced by
a seeded one.
"""

from __future__ import annotations

import functools
import io
import pickle
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, BruteForceSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from tuneplug import Trial, TrialState
from tuneplug.strategies import Context
from tuneplug_optuna._states import TO_OPTUNA
from tuneplug_optuna.constraints import constraint_attributes
from tuneplug_optuna.to_optuna import SamplerSpace
from tuneplug_optuna.trials import losses_by_step

__all__ = ["ReplayedStudy", "SeededSamplerFactory"]

FloatArray = NDArray[np.float64]

#: Samplers without state in trial or study system attributes.
STATELESS_SAMPLERS = (TPESampler, GPSampler, RandomSampler, BruteForceSampler)
#: Types of random states, and how to make one from a seed.
RANDOM_STATES: Mapping[type, Callable[[int], Any]] = {
    np.random.RandomState: np.random.RandomState,
    np.random.Generator: np.random.default_rng,
    random.Random: random.Random,
}
#: Maximum number of times a sampler is asked for an untried configuration.
N_ATTEMPTS = 10

# ---------------------------------------------------------------------- seeded samplers


class _SeedingPickler(pickle.Pickler):
    """Replace each random state by one made from ``seed`` and the order of its occurrence."""

    def __init__(self, file: io.BytesIO, seed: Sequence[int]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._seed = seed
        self.n_random_states = 0

    def reducer_override(self, obj: Any) -> Any:
        make = RANDOM_STATES.get(type(obj))
        if make is None:
            return NotImplemented
        sequence = np.random.SeedSequence([*self._seed, self.n_random_states])
        self.n_random_states += 1
        return make, (int(sequence.generate_state(1)[0]),)


def _pickle_seeded(sampler: BaseSampler, seed: Sequence[int]) -> tuple[bytes, int]:
    """Return a pickle of the sampler with seeded random states, and their number."""
    file = io.BytesIO()
    pickler = _SeedingPickler(file, seed)
    pickler.dump(sampler)
    return file.getvalue(), pickler.n_random_states


@final
class SeededSamplerFactory:
    """Make copies of a sampler whose random states are seeded.

    Parameters
    ----------
    sampler : optuna.samplers.BaseSampler
        The sampler is copied and never changed.

    Raises
    ------
    TypeError
        If the sampler cannot be pickled.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        try:
            self._sampler: BaseSampler = pickle.loads(pickle.dumps(sampler))  # noqa: S301  own data
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"sampler must be an Optuna sampler that can be pickled, but pickling {sampler!r} "
                f"failed: {error}.  Pass it importable functions and classes only"
            ) from error
        self._sampler.reseed_rng()  # creates the random states that a sampler creates lazily
        self._n_random_states = _pickle_seeded(self._sampler, ())[1]
        self.is_stateless = type(self._sampler) in STATELESS_SAMPLERS

    def make(self, *seed: int) -> BaseSampler:
        """Return a copy whose random states are seeded by ``seed``."""
        made: BaseSampler = pickle.loads(_pickle_seeded(self._sampler, seed)[0])  # noqa: S301  own
        return made

    def check(self, used: BaseSampler) -> None:
        """Check that all random states of a copy were seeded.

        Raises
        ------
        ValueError
            If sampling created a random state that was not seeded.
        """
        if _pickle_seeded(used, ())[1] > self._n_random_states:
            name = type(used).__name__
            raise ValueError(
                "a sampler must create its random states in its constructor or in reseed_rng(), "
                f"but {name} created one while sampling: pass a seed, {name}(seed=0).  Its value "
                "has no effect, as random numbers come from the seed of the study"
            )


# ---------------------------------------------------------------------- the study


@final
class _Study(optuna.Study):
    """A study in which a sampler may call ``stop`` outside of ``optimize``."""

    stop_requested = False

    def stop(self) -> None:
        self.stop_requested = True


@functools.cache
def _empty_study() -> bytes:
    """Return a pickled study without trials; it is made once, as Optuna logs each new study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        storage = optuna.storages.InMemoryStorage()
        storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "tuneplug")
    finally:
        optuna.logging.set_verbosity(before)
    return pickle.dumps(_Study("tuneplug", storage, sampler=RandomSampler()))


@final
class ReplayedStudy:
    """An Optuna study that replays the trials of a history.

    Parameters
    ----------
    factory : SeededSamplerFactory
        Makes the sampler of each trial.
    context : Context
        Its space, seed and earlier results are used.  ``replay`` adds the trials.
    """

    def __init__(self, factory: SeededSamplerFactory, context: Context) -> None:
        self._factory = factory
        self._space = SamplerSpace(context.space)
        self._seed, self._prior = context.seed, context.extra_observations
        self._study: _Study = pickle.loads(_empty_study())  # noqa: S301  own data
        self._fingerprints: list[tuple[Any, ...]] = []
        for observation in context.extra_observations:
            params, distributions = self._space.encode(observation.point)
            self._study.add_trial(
                create_trial(value=observation.loss, params=params, distributions=distributions)
            )

    @property
    def n_replayed(self) -> int:
        """Number of trials replayed so far."""
        return len(self._fingerprints)

    @property
    def stop_requested(self) -> bool:
        """Whether the sampler has called ``Study.stop``."""
        return self._study.stop_requested

    def is_prefix_of(self, context: Context) -> bool:
        """Return whether the replayed trials are the first ones of the context's history."""
        if self._space.space is not context.space or self._seed != context.seed:
            return False
        if self._prior is not context.extra_observations or self.n_replayed > len(context.history):
            return False
        replayed = context.history[: self.n_replayed]
        return self._fingerprints == [_fingerprint(trial) for trial in replayed]

    def copy(self) -> ReplayedStudy:
        """Return an independent copy."""
        copied = object.__new__(ReplayedStudy)
        copied.__dict__.update(self.__dict__)
        copied._study = pickle.loads(pickle.dumps(self._study))  # noqa: S301  own data
        copied._fingerprints = list(self._fingerprints)
        return copied

    def replay(self, trials: Sequence[Trial], sign: float) -> None:
        """Add the next trials of the history; ``sign`` times a value is a loss."""
        for trial in trials:
            sampler = self._factory.make(self._seed, trial.number, 0)
            start = self._add if self._factory.is_stateless else self._sample_again
            number = start(trial, sampler)
            if trial.state.ended and not trial.is_full:  # no sampler learns from a failed trial
                self._study.tell(number, state=OptunaState.FAIL)
            elif trial.state is TrialState.COMPLETE:
                assert trial.value is not None, "a completed trial has a value"
                self._study.tell(number, sign * trial.value)
            elif trial.state.ended:
                self._study.tell(number, state=TO_OPTUNA[trial.state])
            self._fingerprints.append(_fingerprint(trial))

    def _add(self, trial: Trial, sampler: BaseSampler) -> int:
        params, distributions = self._space.encode(trial.point)
        running = create_trial(
            state=OptunaState.RUNNING,
            params=params,
            distributions=distributions,
            intermediate_values=losses_by_step(trial),
            system_attrs=constraint_attributes(trial),
        )
        self._study.sampler = sampler
        self._study.add_trial(running)
        return len(self._study.get_trials(deepcopy=False)) - 1

    def _sample_again(self, trial: Trial, sampler: BaseSampler) -> int:
        params, distributions = self._space.encode(trial.point)
        self._study.sampler = _ReplaySampler(sampler, params)
        asked = self._study.ask(distributions)
        self._factory.check(sampler)
        for step, loss in losses_by_step(trial).items():
            asked.report(loss, step)
        for key, value in constraint_attributes(trial).items():  # Optuna 4 has no public name
            self._study._storage.set_trial_system_attr(asked._trial_id, key, value)
        return asked.number

    def suggest(self, number: int, tried: Collection[bytes]) -> FloatArray | None:
        """Return an untried point (d,) of the unit cube for trial ``number``.

        Returns None if ``N_ATTEMPTS`` samples were all tried before, or if the sampler requests a
        stop (``stop_requested``).
        """
        for attempt in range(N_ATTEMPTS):
            if self.stop_requested:
                break
            sampler = self._factory.make(self._seed, number, attempt)
            self._study.sampler = sampler
            asked = self._study.ask()
            point = self._space.sample(asked)
            self._factory.check(sampler)
            if self._space.space.keys(point)[0] not in tried:
                return point
            self._study.tell(asked, state=OptunaState.FAIL)
        return None


def _fingerprint(trial: Trial) -> tuple[Any, ...]:
    """Return everything that a sampler can learn from a trial, in a form that can be compared."""
    n_reports = len(trial.reports) if trial.state.ended else 0
    value = trial.value if trial.state.ended else None
    point = trial.point.tobytes()
    return point, trial.fidelity, trial.state, value, n_reports, trial.constraints


@final
class _ReplaySampler(BaseSampler):
    """Call a sampler, so that it updates its state, but return the given values.

    ``Study.enqueue_trial`` would not do: ``GridSampler`` assigns no grid point to enqueued trials.
    """

    def __init__(self, sampler: BaseSampler, params: dict[str, Any]) -> None:
        self._sampler, self._params = sampler, params

    def before_trial(self, *args: Any, **kwargs: Any) -> None:
        self._sampler.before_trial(*args, **kwargs)

    def infer_relative_search_space(self, *args: Any, **kwargs: Any) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(*args, **kwargs)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._sampler.sample_relative(study, trial, search_space)
        return {name: value for name, value in self._params.items() if name in search_space}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._params[param_name]

    def after_trial(self, *args: Any, **kwargs: Any) -> None:
        self._sampler.after_trial(*args, **kwargs)
