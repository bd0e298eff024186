"""Checks of the hooks of a plugin whose messages name the cure."""

from __future__ import annotations

import inspect
from typing import Any

import pluggy

from tuneplug.errors import PluginError, did_you_mean
from tuneplug.plugins import hookspecs

__all__ = ["HOOKS", "check_hooks"]

#: Names of all hooks.
HOOKS = [name for name in hookspecs.__all__ if name.startswith(f"{hookspecs.PROJECT}_")]


def check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Check the names and arguments of the marked functions of a plugin.

    Raises
    ------
    PluginError
        If there is no hook of a name, or it has no such argument.
    """
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            continue
        name = options.get("specname") or attribute
        if name in HOOKS:
            _check_arguments(name, getattr(plugin, attribute))
        elif not options.get("optionalhook"):
            cure = did_you_mean(name, HOOKS) or f": the hooks are {HOOKS}"
            raise PluginError(
                f"a hook must have the name of one of tuneplug, but got {name!r}{cure}"
            )


def _check_arguments(name: str, function: Any) -> None:
    known = list(inspect.signature(getattr(hookspecs, name)).parameters)
    for given in inspect.signature(function).parameters.values():
        required = given.default is given.empty and given.kind is given.POSITIONAL_OR_KEYWORD
        if required and given.name not in (*known, "self"):
            raise PluginError(
                f"arguments of {name} must be among {known}, but got {given.name!r}"
                f"{did_you_mean(given.name, known) or ': leave it out'}"
            )
