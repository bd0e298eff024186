"""Check the arguments of a study, and turn names and declarations into objects."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tuneplug.errors import check_choice, check_count, safe_repr
from tuneplug.plugins.manager import Plugins
from tuneplug.space import SearchSpace
from tuneplug.stopping.base import StoppingRule
from tuneplug.strategies.base import Strategy
from tuneplug.trial import Trial, as_real

__all__ = [
    "check_budget",
    "check_direction",
    "check_objective",
    "check_trial",
    "resolve_attributes",
    "resolve_plugins",
    "resolve_seed",
    "resolve_space",
    "resolve_stopping",
    "resolve_strategy",
    "resolve_timeout",
]


def resolve_attributes(attributes: object) -> dict[str, Any]:
    """Return the attributes of a study as a dict.

    Raises
    ------
    TypeError
        If they are not a mapping.
    """
    if attributes is None:
        return {}
    if not isinstance(attributes, Mapping):
        raise TypeError(
            "attributes must be a mapping of names to JSON values, but got "
            f"{safe_repr(attributes)}: pass, for example, attributes={{'data': 'first half'}}"
        )
    return dict(attributes)


def check_direction(direction: object) -> None:
    """Raise ValueError unless ``direction`` is ``"minimize"`` or ``"maximize"``."""
    check_choice("direction", direction, ("minimize", "maximize"))


def check_budget(n_trials: object, timeout: object, *, stored: bool) -> None:
    """Check that at least one of the limits is given, and that ``n_trials`` is positive.

    That of a stored study may be 0.

    Raises
    ------
    ValueError
        If both are None, or ``n_trials`` is not an integer, or is too small.
    """
    if n_trials is not None:
        check_count("n_trials", n_trials, at_least=0 if stored else 1)
    elif timeout is None:
        raise ValueError(
            "optimize needs n_trials, a timeout, or both, but got None for both: pass, for "
            "example, n_trials=50"
        )


def resolve_timeout(timeout: Any, name: str = "timeout") -> float | None:
    """Return a timeout in seconds as a float; None for no timeout.

    ``name`` is the name of the argument in messages.

    Raises
    ------
    TypeError
        If ``timeout`` is not a real number.
    ValueError
        If ``timeout`` is not positive.
    """
    if timeout is None:
        return None
    seconds = as_real(timeout, name, cure="give seconds, such as 3600")
    if not seconds > 0:
        raise ValueError(
            f"{name} must be positive seconds, but got {timeout!r}: give, for example, 3600, or "
            "None for no limit"
        )
    return seconds


def check_objective(objective: object) -> None:
    """Raise TypeError unless the objective is callable."""
    if not callable(objective):
        raise TypeError(
            f"objective must be a function of a trial, but got {safe_repr(objective)}: pass the "
            "function itself, without calling it"
        )


def check_trial(trial: object, method: str) -> None:
    """Raise TypeError unless the argument of a method of ``Study`` is a trial."""
    if not isinstance(trial, Trial):
        raise TypeError(
            f"{method} must get a Trial, but got {safe_repr(trial)}: pass the trial that "
            "study.ask() returned; to try a configuration of your own, call study.enqueue(params) "
            "before study.ask(), and for a result of an earlier search call "
            "study.add_observation(params, value)"
        )


def resolve_plugins(plugins: object) -> Plugins:
    """Return the plugins of a study: all that are installed, and those of a list.

    Raises
    ------
    TypeError
        If ``plugins`` is neither None, nor a ``Plugins``, nor a list or tuple.
    PluginError
        If a plugin of the list cannot be used.
    """
    if isinstance(plugins, Plugins):
        return plugins
    if plugins is None or isinstance(plugins, (list, tuple)):
        return Plugins.with_installed(plugins or ())
    raise TypeError(
        f"plugins must be a Plugins or a list of plugins, but got {safe_repr(plugins)}: pass "
        "plugins=[plugin]"
    )


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
        raise TypeError(
            f"strategy must be a name or a Strategy, but got {safe_repr(found)}"
            f"{_cure(found, 'bayesian')}"
        )
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
            f"got {stopping!r}: leave stopping out, or choose another strategy"
        )
    rule = plugins.create("stopping", stopping) if isinstance(stopping, str) else stopping
    if not isinstance(rule, StoppingRule):
        raise TypeError(
            f"stopping must be a name, a StoppingRule or None, but got {safe_repr(stopping)}"
            f"{_cure(stopping, 'median')}"
        )
    return rule


def _cure(given: object, example: str) -> str:
    """Return the end of the message for an object that is neither a name nor an instance."""
    if isinstance(given, type):
        return f": pass an instance, {given.__name__}(...)"
    return f": pass, for example, {example!r}"


def resolve_seed(seed: int | None) -> int:
    """Return the seed as an int.  If None, draw one from the operating system's entropy.

    Raises
    ------
    ValueError
        If ``seed`` is not an integer of at least 0.
    """
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not whole or seed < 0:
        raise ValueError(
            f"seed must be None or an integer of at least 0, but got {seed!r}: pass, for example, "
            "seed=0"
        )
    return int(seed)
