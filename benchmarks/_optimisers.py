"""What every optimizer looks like to a benchmark, and the ones that need nothing but tuneplug.

An optimizer proposes configurations of a ``SearchSpace`` and is told their losses; several may be
open (asked, not told) at once.  Spaces are a single mapping, parents declared before the parameters
that depend on them, with every scale declared, so that all optimizers search the same scales.
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

#: Initial trials of peers that ask for a number.
N_INITIAL = 10


@dataclass(frozen=True)
class Proposal:
    """A configuration to try, and what the optimizer needs to recognize it by."""

    configuration: Configuration
    handle: Any = None


class Optimizer(ABC):
    """Proposes configurations and learns from their losses.

    ``parallel`` says whether a proposal takes the open ones into account.
    """

    parallel: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, space: SearchSpace, seed: int) -> None: ...

    @abstractmethod
    def ask(self) -> Proposal:
        """Propose the next configuration."""

    @abstractmethod
    def tell(self, proposal: Proposal, loss: float) -> None:
        """Tell the loss of an open proposal."""

    @abstractmethod
    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        """Tell losses of configurations that were never proposed."""


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
    """Return the configuration of all parameters that their conditions switch on."""
    configuration: Configuration = {}
    for name, parameter in parameters.items():
        conditions = (parameter.when or {}).items()
        if all(p in configuration and configuration[p] in values for p, values in conditions):
            configuration[name] = value(name, parameter)
    return configuration


def one_torch_thread(seed: int) -> Any:
    """Return torch, seeded and held to one thread."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return torch


def plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python one."""
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
    """Empty tuneplug's caches: what one run has learned must not spare another the work.

    Nor may it reach a run in which a constant was replaced.
    """
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "tuneplug":
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


class TunePlug(Optimizer):
    """This project, through its public ask and tell; ``arguments`` go to ``BayesianSearch``."""

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
