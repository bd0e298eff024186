"""The hooks that plugins implement, ours included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from tuneplug.strategies.base import Strategy

__all__ = ["PROJECT", "hookimpl", "hookspec", "tuneplug_strategies"]

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
