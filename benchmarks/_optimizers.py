"""Interface of all optimizers to the benchmarks, and the optimizers that need tuneplug only.

An optimizer proposes configurations of a ``SearchSpace`` and receives their losses; several
proposals may be pending at once. A space is a single mapping that declares parents before the
parameters that depend on them. It declares every scale, so that all optimizers search equal scales.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from _tasks import Configuration

from tuneplug import SearchSpace, Study
from tuneplug.space.parameters import Parameter
from tuneplug.strategies import BayesianSearch

#: Initial trials of peers that take their number.
N_INITIAL = 10


@dataclass(frozen=True)
class Proposal:
    """A configuration to try, and the optimizer's own handle for it."""

    configuration: Configuration
    handle: Any = None


class Optimizer(ABC):
    """Interface of an optimizer.

    ``parallel`` is True if a proposal takes pending proposals into account.
    """

    parallel: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, space: SearchSpace, seed: int) -> None: ...

    @abstractmethod
    def ask(self) -> Proposal:
        """Propose the next configuration."""

    @abstractmethod
    def tell(self, proposal: Proposal, loss: float) -> None:
        """Pass the loss of a pending proposal."""

    @abstractmethod
    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        """Pass losses of configurations that the optimizer did not propose."""


def declared(space: SearchSpace) -> Mapping[str, Parameter]:
    """Return the parameters of a space without sub-spaces, in order of declaration."""
    (parameters,) = space.subspaces
    return parameters


def is_log(parameter: Any) -> bool:
    """Whether a range is declared on a log scale."""
    return bool(parameter.choice.scaling.name == "log")


def active(
    parameters: Mapping[str, Parameter], value: Callable[[str, Parameter], Any]
) -> Configuration:
    """Return the configuration of all active parameters."""
    configuration: Configuration = {}
    for name, parameter in parameters.items():
        conditions = (parameter.when or {}).items()
        if all(p in configuration and configuration[p] in values for p, values in conditions):
            configuration[name] = value(name, parameter)
    return configuration


def one_torch_thread(seed: int) -> Any:
    """Seed torch, limit it to one thread, and return the module."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return torch


def plain(value: Any) -> Any:
    """Convert a NumPy scalar to a Python scalar."""
    return value.item() if isinstance(value, np.generic) else value


class Random(Optimizer):
    """Uniform draws on the declared scales."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.space = space
        self.rng = np.random.default_rng(seed)

    def ask(self) -> Proposal:
        return Proposal(self.space.sample(1, self.rng)[0])

    def tell(self, proposal: Proposal, loss: float) -> None:
        pass

    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        pass


def forget() -> None:
    """Clear tuneplug's caches, so that a run neither saves time nor sees constants of another."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "tuneplug":
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


class TunePlug(Optimizer):
    """tuneplug through its public ask and tell; ``arguments`` go to ``BayesianSearch``."""

    def __init__(self, space: SearchSpace, seed: int, **arguments: Any) -> None:
        forget()
        self.study = Study(space, strategy=BayesianSearch(**arguments), seed=seed)

    def ask(self) -> Proposal:
        trial = self.study.ask()
        return Proposal(trial.params, trial)

    def tell(self, proposal: Proposal, loss: float) -> None:
        self.study.tell(proposal.handle, loss)

    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        for configuration, loss in zip(configurations, losses, strict=True):
            self.study.enqueue(configuration)
            self.tell(self.ask(), loss)
