"""Finding plugins and resolving the names they register.

Installed plugins are found in the entry-point group ``tuneplug``, when a name is first needed.
Each is loaded by itself: one that cannot be imported or does not fit the hooks is skipped with a
warning that names its distribution and the cause, and the rest works.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Iterator
from typing import Any

import pluggy

from tuneplug.errors import PluginError, UnknownNameError
from tuneplug.plugins import builtin, spec
from tuneplug.strategies.base import Strategy

__all__ = ["load_plugins", "strategies", "strategy_named"]


def load_plugins() -> pluggy.PluginManager:
    """Return a manager with tuneplug's own plugin and every installed one that works."""
    manager = pluggy.PluginManager(spec.PROJECT)
    manager.add_hookspecs(spec)
    manager.register(builtin, name=spec.PROJECT)
    for entry in importlib.metadata.entry_points(group=spec.PROJECT):
        owner = entry.dist.name if entry.dist is not None else "an unknown distribution"
        try:
            manager.register(entry.load(), name=entry.name)
            manager.check_pending()
        except Exception as error:  # noqa: BLE001  whatever a third party's import raises is theirs to mend
            if manager.has_plugin(entry.name):
                manager.unregister(name=entry.name)
            warnings.warn(
                f"plugin {entry.name!r} of {owner} is skipped: {error!r}",
                RuntimeWarning,
                stacklevel=2,
            )
    return manager


def strategies(manager: pluggy.PluginManager) -> dict[str, type[Strategy]]:
    """Return the strategy classes that plugins register, by name.

    Raises
    ------
    PluginError
        If two plugins register one name; both are named.
    """
    found: dict[str, type[Strategy]] = {}
    owners: dict[str, str] = {}
    for owner, cls in _registered(manager):
        if cls.name in found:
            raise PluginError(
                f"strategy names must be unique, but {cls.name!r} is registered by "
                f"{owners[cls.name]!r} and by {owner!r}: uninstall one of them"
            )
        found[cls.name], owners[cls.name] = cls, owner
    return found


def _registered(manager: pluggy.PluginManager) -> Iterator[tuple[str, type[Strategy]]]:
    for impl in manager.hook.tuneplug_strategies.get_hookimpls():
        classes: Any = impl.function()
        for cls in classes if isinstance(classes, list) else [classes]:
            yield impl.plugin_name, cls


def strategy_named(name: str) -> Strategy:
    """Return a strategy by the name it is registered under, with its defaults.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists those there are.
    """
    # Ours need no look at what is installed.
    ours = {cls.name: cls for cls in builtin.tuneplug_strategies()}
    if name in ours:
        return ours[name]()
    known = strategies(load_plugins())
    if name not in known:
        raise UnknownNameError(f"strategy must be one of {sorted(known)}, but got {name!r}")
    return known[name]()
