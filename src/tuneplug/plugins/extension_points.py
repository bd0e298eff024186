"""The kinds of things that can be named, and what a plugin may register as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import builtin
from tuneplug.plugins.commands import Command
from tuneplug.plugins.converters import Converter
from tuneplug.space.scaling import AUTO_NAMES, NAMED, Scaling
from tuneplug.stopping.base import StoppingRule
from tuneplug.storage.base import Storage
from tuneplug.strategies.base import Strategy

__all__ = ["EXTENSION_POINTS", "OWN_COMMANDS", "ExtensionPoint"]


#: Subcommands that tuneplug itself has.
OWN_COMMANDS = (
    *("plugins", "studies", "show", "best", "export", "rename", "delete", "copy"),
    *("strategies", "scalings", "stopping-rules", "executors", "storages", "fit-monitors"),
    *("converters", "commands"),
)


class ExtensionPoint(NamedTuple):
    """Something that can be named: the hook that registers it, and what it has to be."""

    hook: str
    base: type | None
    plural: str
    #: Names that no class of ours has, and that mean something all the same.
    reserved: frozenset[str] = frozenset()
    #: Class method that makes an instance, if it is not the class itself.
    factory: str | None = None

    def make(self, cls: Any, *args: Any) -> Any:
        """Return an instance of a class that has been named."""
        return (cls if self.factory is None else getattr(cls, self.factory))(*args)

    def errors(self, classes: Sequence[Any], *, ours: bool) -> list[str]:
        """Return what is wrong with the classes that one plugin registers."""
        errors = [error for cls in classes if (error := self._error(cls)) is not None]
        if errors or ours:
            return errors
        names = [cls.name for cls in classes]
        taken = {cls.name for cls in getattr(builtin, self.hook, list)()} | self.reserved
        errors += [f"{n!r} of {self.hook} is tuneplug's own name" for n in names if n in taken]
        twice = sorted({name for name in names if names.count(name) > 1})
        return errors + [f"{self.hook} must give each class a name, but {n!r} twice" for n in twice]

    def _error(self, cls: Any) -> str | None:
        if not isinstance(cls, type):
            return f"{self.hook} must return classes, but returned {cls!r}"
        if self.base is not None and not issubclass(cls, self.base):
            return f"{self.hook} must return subclasses of {self.base.__name__}, not {cls!r}"
        if self.base is None and not callable(getattr(cls, "submit", None)):
            return f"{self.hook} must return classes with submit(fn, *args), not {cls!r}"
        if missing := sorted(getattr(cls, "__abstractmethods__", ())):
            return f"{self.hook} must return whole classes, but {cls!r} lacks {missing}"
        name = getattr(cls, "name", None)
        if not isinstance(name, str):
            return f"{cls!r} of {self.hook} must have a name, a string"
        if not name.isprintable() or name != name.strip() or not name:
            return f"{cls!r} of {self.hook} must have a name that can be typed, but has {name!r}"
        return None


EXTENSION_POINTS = {
    "strategy": ExtensionPoint("tuneplug_strategies", Strategy, "strategies"),
    "scaling": ExtensionPoint(
        "tuneplug_scalings", Scaling, "scalings", frozenset({*AUTO_NAMES, *NAMED})
    ),
    "stopping": ExtensionPoint("tuneplug_stopping_rules", StoppingRule, "stopping-rules"),
    "executor": ExtensionPoint("tuneplug_executors", None, "executors"),
    "storage": ExtensionPoint("tuneplug_storages", Storage, "storages", factory="from_url"),
    "fit monitor": ExtensionPoint("tuneplug_fit_monitors", FitMonitor, "fit-monitors"),
    "observer": ExtensionPoint("tuneplug_observers", object, "observers"),
    "converter": ExtensionPoint("tuneplug_converters", Converter, "converters"),
    "command": ExtensionPoint(
        "tuneplug_commands",
        Command,
        "commands",
        frozenset(OWN_COMMANDS),
    ),
}
