"""The hooks that plugins implement, ours included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from tuneplug.monitoring import FitMonitor
    from tuneplug.stopping.base import StoppingRule
    from tuneplug.strategies.base import Strategy

__all__ = [
    "PROJECT",
    "hookimpl",
    "hookspec",
    "tuneplug_fit_monitors",
    "tuneplug_stopping_rules",
    "tuneplug_strategies",
]

#: Name of the project in pluggy, and of the entry-point group that plugins are found in.
PROJECT = "tuneplug"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tuneplug_strategies() -> type[Strategy] | list[type[Strategy]]:  # type: ignore[empty-body]
    """Return a strategy class, or a list of them, each with a ``name``.

    A class registered here can be named in ``Study(strategy="its-name")``; it is instantiated
    without arguments.
    """


@hookspec
def tuneplug_stopping_rules() -> type[StoppingRule] | list[type[StoppingRule]]:  # type: ignore[empty-body]
    """Return a stopping rule's class, or a list of them, each with a ``name``.

    A class registered here can be named in ``Study(stopping="its-name")``; it is instantiated
    without arguments.
    """


@hookspec
def tuneplug_fit_monitors() -> type[FitMonitor] | list[type[FitMonitor]]:  # type: ignore[empty-body]
    """Return a fit monitor's class, or a list of them, each with a ``name``.

    A search asks each whether it accepts the estimator; it is instantiated without arguments.
    Neither the hook nor ``accepts`` may import the framework.
    """
