"""Check the arguments of a study, and turn names and declarations into objects."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tuneplug.errors import check_count
from tuneplug.plugins.manager import Plugins
from tuneplug.space import SearchSpace
from tuneplug.stopping.base import StoppingRule
from tuneplug.strategies.base import Strategy

__all__ = [
    "check_budget",
    "check_direction",
    "resolve_seed",
    "resolve_space",
    "resolve_stopping",
    "resolve_strategy",
]


def check_direction(direction: object) -> None:
    """Raise ValueError unless ``direction`` is ``"minimize"`` or ``"maximize"``."""
    if direction not in ("minimize", "maximize"):
        raise ValueError(f"direction must be 'minimize' or 'maximize', but got {direction!r}")


def check_budget(n_trials: object, timeout: float | None) -> None:
    """Check that ``optimize`` has a number of trials, a timeout or both, each of them positive.

    Raises
    ------
    ValueError
        If both are None, ``n_trials`` is not an integer of at least 1, or ``timeout`` is not
        positive.
    """
    if n_trials is not None:
        check_count("n_trials", n_trials, at_least=1)
    elif timeout is None:
        raise ValueError("optimize needs n_trials, a timeout, or both, but got neither")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be positive seconds, but got {timeout!r}")


def resolve_space(
    space: SearchSpace | Mapping[str, Any] | Sequence[Mapping[str, Any]], plugins: Plugins
) -> SearchSpace:
    """Return the search space of a declaration; plugins convert foreign distributions."""
    return space if isinstance(space, SearchSpace) else SearchSpace(plugins.convert_space(space))


def resolve_strategy(strategy: object, plugins: Plugins) -> Strategy:
    """Return the strategy that is given as a name or as an instance.

    Raises
    ------
    TypeError
        If ``strategy`` is neither a name nor a strategy.
    UnknownNameError
        If no plugin has a strategy of that name.
    """
    found = plugins.create("strategy", strategy) if isinstance(strategy, str) else strategy
    if not isinstance(found, Strategy):
        raise TypeError(f"strategy must be a name or a Strategy, but got {found!r}")
    return found


def resolve_stopping(stopping: object, strategy: Strategy, plugins: Plugins) -> StoppingRule | None:
    """Return the stopping rule that is given as a name or as an instance.

    If None, return the rule of the strategy, which may be None.

    Raises
    ------
    ValueError
        If a rule is given although the strategy has its own.
    TypeError
        If ``stopping`` is neither a name, nor a stopping rule, nor None.
    UnknownNameError
        If no plugin has a stopping rule of that name.
    """
    if stopping is None:
        return strategy.stopping
    if strategy.stopping is not None:
        raise ValueError(
            f"stopping must be None with strategy {strategy.name!r}, which has its own rule, but "
            f"got {stopping!r}"
        )
    rule = plugins.create("stopping", stopping) if isinstance(stopping, str) else stopping
    if not isinstance(rule, StoppingRule):
        raise TypeError(f"stopping must be a name, a StoppingRule or None, but got {stopping!r}")
    return rule


def resolve_seed(seed: int | None) -> int:
    """Return the seed as an int.  If None, draw one from the operating system's entropy.

    Raises
    ------
    ValueError
        If ``seed`` is not an integer of at least 0.
    """
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise ValueError(f"seed must be None or an integer of at least 0, but got {seed!r}")
    return int(seed)
