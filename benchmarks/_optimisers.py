"""What every optimiser looks like to a benchmark, and the ones that need nothing but tuneplug.

An optimiser proposes settings of a ``SearchSpace`` and is told their losses; several may be open
(asked, not told) at once.  Spaces are a single mapping, parents declared before the parameters that
depend on them, with every scale declared, so that all optimisers search the same scales.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from _tasks import Setting

from tuneplug import SearchSpace, Study
from tuneplug.space.parameters import Parameter
from tuneplug.strategies import BayesianSearch

#: Initial trials of peers that ask for a number.
N_INITIAL = 10


@dataclass(frozen=True)
class Proposal:
    """A setting to try, and what the optimiser needs to recognise it by."""

    setting: Setting
    handle: Any = None


class Optimiser(ABC):
    """Proposes settings and learns from their losses.

    ``parallel`` says whether a proposal takes the open ones into account.
    """

    parallel: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, space: SearchSpace, seed: int) -> None: ...

    @abstractmethod
    def ask(self) -> Proposal:
        """Propose the next setting."""

    @abstractmethod
    def tell(self, proposal: Proposal, loss: float) -> None:
        """Tell the loss of an open proposal."""

    @abstractmethod
    def observe(self, settings: Sequence[Setting], losses: Sequence[float]) -> None:
        """Tell losses of settings that were never proposed."""


def declared(space: SearchSpace) -> Mapping[str, Parameter]:
    """Return the parameters of a space without branches, in order of declaration."""
    (parameters,) = space.subspaces
    return parameters


def is_log(parameter: Any) -> bool:
    """Whether a range is declared on a log scale."""
    return bool(parameter.choice.scaling.name == "log")


def active(parameters: Mapping[str, Parameter], value: Callable[[str, Parameter], Any]) -> Setting:
    """Return the setting of all parameters that their conditions switch on."""
    setting: Setting = {}
    for name, parameter in parameters.items():
        conditions = (parameter.when or {}).items()
        if all(p in setting and setting[p] in values for p, values in conditions):
            setting[name] = value(name, parameter)
    return setting


def one_torch_thread(seed: int) -> Any:
    """Return torch, seeded and held to one thread."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return torch


def plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python one."""
    return value.item() if isinstance(value, np.generic) else value


class Random(Optimiser):
    """Uniform draws on the declared scales."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.space = space
        self.rng = np.random.default_rng(seed)

    def ask(self) -> Proposal:
        return Proposal(self.space.sample(1, self.rng)[0])

    def tell(self, proposal: Proposal, loss: float) -> None:
        pass

    def observe(self, settings: Sequence[Setting], losses: Sequence[float]) -> None:
        pass


def forget() -> None:
    """Empty tuneplug's caches: what one run has learned must not spare another the work.

    Nor may it reach a run in which a constant was replaced.
    """
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "tuneplug":
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


class TunePlug(Optimiser):
    """This project, through its public ask and tell; ``arguments`` go to ``BayesianSearch``."""

    def __init__(self, space: SearchSpace, seed: int, **arguments: Any) -> None:
        forget()
        self.study = Study(space, strategy=BayesianSearch(**arguments), seed=seed)

    def ask(self) -> Proposal:
        trial = self.study.ask()
        return Proposal(trial.params, trial)

    def tell(self, proposal: Proposal, loss: float) -> None:
        self.study.tell(proposal.handle, loss)

    def observe(self, settings: Sequence[Setting], losses: Sequence[float]) -> None:
        for setting, loss in zip(settings, losses, strict=True):
            self.study.enqueue(setting)
            self.tell(self.ask(), loss)
