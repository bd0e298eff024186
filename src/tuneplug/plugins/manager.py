"""Finding plugins and resolving the names they register.

Installed plugins are found in the entry-point group ``tuneplug``, when a name is first needed.
Each is loaded by itself: one that cannot be imported or does not fit the hooks is skipped with a
warning that names its distribution and the cause, and the rest works.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pluggy

from tuneplug.errors import PluginError, UnknownNameError
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import builtin, spec
from tuneplug.stopping.base import StoppingRule
from tuneplug.strategies.base import Strategy

__all__ = [
    "fit_monitors",
    "load_plugins",
    "stopping_named",
    "stopping_rules",
    "strategies",
    "strategy_named",
]


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
    return _by_name(manager.hook.tuneplug_strategies, "strategy")


def stopping_rules(manager: pluggy.PluginManager) -> dict[str, type[StoppingRule]]:
    """Return the stopping rules that plugins register, by name.

    Raises
    ------
    PluginError
        If two plugins register one name; both are named.
    """
    return _by_name(manager.hook.tuneplug_stopping_rules, "stopping rule")


def fit_monitors(manager: pluggy.PluginManager) -> dict[str, type[FitMonitor]]:
    """Return the fit monitors that plugins register, by name.

    Raises
    ------
    PluginError
        If two plugins register one name; both are named.
    """
    return _by_name(manager.hook.tuneplug_fit_monitors, "fit monitor")


def _by_name(hook: Any, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    owners: dict[str, str] = {}
    for owner, cls in _registered(hook):
        if cls.name in found:
            raise PluginError(
                f"{kind} names must be unique, but {cls.name!r} is registered by "
                f"{owners[cls.name]!r} and by {owner!r}: uninstall one of them"
            )
        found[cls.name], owners[cls.name] = cls, owner
    return found


def _registered(hook: Any) -> Iterator[tuple[str, Any]]:
    for impl in hook.get_hookimpls():
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
    found: Strategy = _named(name, "strategy", builtin.tuneplug_strategies(), strategies)
    return found


def stopping_named(name: str) -> StoppingRule:
    """Return a stopping rule by the name it is registered under, with its defaults.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists those there are.
    """
    ours = builtin.tuneplug_stopping_rules()
    found: StoppingRule = _named(name, "stopping", ours, stopping_rules)
    return found


def _named(
    name: str,
    kind: str,
    builtins: Sequence[Any],
    registered: Callable[[pluggy.PluginManager], Mapping[str, Any]],
) -> Any:
    ours = {cls.name: cls for cls in builtins}
    if name in ours:  # ours need no look at what is installed
        return ours[name]()
    known = registered(load_plugins())
    if name not in known:
        raise UnknownNameError(f"{kind} must be one of {sorted(known)}, but got {name!r}")
    return known[name]()
