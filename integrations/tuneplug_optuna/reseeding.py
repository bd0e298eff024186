"""Copies of an Optuna sampler whose random numbers are a function of a seed.

Optuna has samplers draw from random states that they keep, and offers to seed them anew at random
(``reseed_rng``), not from a number.  Optuna also documents that a sampler is saved, random states
and all, by pickling it.  That is the way taken here: as a sampler is copied through pickle, each
NumPy random state that passes by, wherever the sampler keeps it, is left out, and a new one with a
seed of ours put in its place.
"""

from __future__ import annotations

import io
import pickle
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["Template"]

#: Kinds of random states, and how one is made of a seed.
STATES: Mapping[type, Callable[[int], Any]] = {
    np.random.RandomState: np.random.RandomState,
    np.random.Generator: np.random.default_rng,
    random.Random: random.Random,
}
EXTENSION_POINTS = {kind.__name__: make for kind, make in STATES.items()}


class _Taking(pickle.Pickler):
    """Leaves random states out, numbered in the order in which they are met."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.met: dict[int, tuple[str, int]] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def persistent_id(self, obj: Any) -> tuple[str, int] | None:
        if type(obj) not in STATES:
            return None
        self._kept.append(obj)
        return self.met.setdefault(id(obj), (type(obj).__name__, len(self.met)))


class _Giving(pickle.Unpickler):
    """Puts new random states in their place."""

    def __init__(self, file: io.BytesIO, seed: Sequence[int]) -> None:
        super().__init__(file)
        self._seed = list(seed)
        self._given: dict[int, Any] = {}

    def persistent_load(self, pid: tuple[str, int]) -> Any:
        kind, number = pid
        if number not in self._given:
            drawn = np.random.SeedSequence([*self._seed, number]).generate_state(1)[0]
            self._given[number] = EXTENSION_POINTS[kind](int(drawn))
        return self._given[number]


def _without_states(sampler: Any) -> tuple[bytes, int]:
    """Return a pickle that leaves the random states out, and how many they are."""
    file = io.BytesIO()
    pickler = _Taking(file)
    pickler.dump(sampler)
    return file.getvalue(), len(pickler.met)


class Template:
    """A sampler without its random states.

    Parameters
    ----------
    sampler : optuna.samplers.BaseSampler
        It is copied, and left as it is.

    Raises
    ------
    TypeError
        If it cannot be pickled.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        try:
            copied: BaseSampler = pickle.loads(pickle.dumps(sampler))  # noqa: S301  our own
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"sampler must be an Optuna sampler that can be pickled, but of {sampler!r} it is "
                f"said: {error}.  Functions that it is given must be importable ones"
            ) from error
        copied.reseed_rng()  # some make their random states only when they first need them
        self._pickle, self._n_states = _without_states(copied)

    def seeded(self, *seed: int) -> BaseSampler:
        """Return a copy whose random states come from the seed."""
        made: BaseSampler = _Giving(io.BytesIO(self._pickle), seed).load()
        return made

    def check(self, used: BaseSampler) -> None:
        """Raise if a copy, in sampling, has made a random state that has no seed of ours.

        Raises
        ------
        ValueError
            Then.
        """
        if _without_states(used)[1] > self._n_states:
            name = type(used).__name__
            raise ValueError(
                "a sampler must have its random states, or make them in reseed_rng(), before it "
                f"samples, but {name} made one as it sampled: give it a seed, {name}(seed=0); "
                "which one makes no difference, random numbers come from the seed of the study"
            )
