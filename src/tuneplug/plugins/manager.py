"""The plugins of a study: tuneplug's own, those installed, and those registered by hand.

Installed plugins are found in the entry-point group ``tuneplug``, when a name or an event first
needs them.  Each is loaded by itself: one that cannot be imported, does not fit the hooks or is
made for another version of them is skipped, named once with its distribution and the cause, and the
rest works.

Environment variables choose among them: ``TUNEPLUG_PLUGINS=a,b`` loads only those,
``TUNEPLUG_DISABLE_PLUGINS=a,b`` all but those (``*`` none), by the names of entry points or
distributions; ``TUNEPLUG_STRICT_PLUGINS=1`` raises where one would be skipped.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import pluggy

from tuneplug.errors import PluginError, UnknownNameError
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import builtin, spec
from tuneplug.plugins.converting import Converter, translated
from tuneplug.scaling import Scaling
from tuneplug.stopping.base import StoppingRule
from tuneplug.storage.base import Storage
from tuneplug.strategies.base import Strategy

__all__ = ["KINDS", "Kind", "PluginRecord", "Plugins"]

ONLY, NOT, STRICT = "TUNEPLUG_PLUGINS", "TUNEPLUG_DISABLE_PLUGINS", "TUNEPLUG_STRICT_PLUGINS"


class Kind(NamedTuple):
    """Something that can be named: the hook that registers it, and what it has to be."""

    hook: str
    base: type | None
    plural: str

    def fault(self, cls: Any) -> str | None:
        """Return what is wrong with a registered class."""
        if not isinstance(cls, type):
            return f"{self.hook} must return classes, but returned {cls!r}"
        if self.base is not None and not issubclass(cls, self.base):
            return f"{self.hook} must return subclasses of {self.base.__name__}, not {cls!r}"
        if self.base is None and not callable(getattr(cls, "submit", None)):
            return f"{self.hook} must return classes with submit(fn, *args), not {cls!r}"
        if not isinstance(getattr(cls, "name", None), str):
            return f"{cls!r} of {self.hook} must have a name, a string"
        return None


KINDS = {
    "strategy": Kind("tuneplug_strategies", Strategy, "strategies"),
    "scaling": Kind("tuneplug_scalings", Scaling, "scalings"),
    "stopping": Kind("tuneplug_stopping_rules", StoppingRule, "stopping-rules"),
    "executor": Kind("tuneplug_executors", None, "executors"),
    "storage": Kind("tuneplug_storages", Storage, "storages"),
    "fit monitor": Kind("tuneplug_fit_monitors", FitMonitor, "fit-monitors"),
    "converter": Kind("tuneplug_converters", Converter, "converters"),
}

Status = Literal["active", "skipped", "blocked", "detached"]


@dataclass
class PluginRecord:
    """What is known of a plugin.

    Attributes
    ----------
    name : str
        Of its entry point, or as it was registered.
    distribution, version : str or None
        Where it is from.
    status : {"active", "skipped", "blocked", "detached"}
        Skipped: it could not be used.  Blocked: the environment says so.  Detached: an event that
        it observed made it raise.
    hooks : tuple of str
        Those it implements.
    error : str or None
        Why it is not active.
    """

    name: str
    distribution: str | None = None
    version: str | None = None
    status: Status = "active"
    hooks: tuple[str, ...] = ()
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.name!r} of {self.distribution or 'this program'}"


@dataclass
class Plugins:
    """The plugins that a study uses.

    Parameters
    ----------
    installed : bool, default True
        Whether to use installed plugins; they are loaded when they are first needed.

    Examples
    --------
    >>> from tuneplug import Study
    >>> from tuneplug.plugins import Plugins, hookimpl
    >>> class Counter:
    ...     n = 0
    ...     @hookimpl
    ...     def tuneplug_trial_finished(self, study, trial):
    ...         self.n += 1
    >>> plugins, counter = Plugins(), Counter()
    >>> plugins.register(counter)
    >>> study = Study({"x": [1, 2, 3]}, plugins=plugins)
    >>> study.tell(study.ask(), 0.0)
    >>> counter.n
    1
    """

    installed: bool = True
    _manager: pluggy.PluginManager = field(init=False, repr=False)
    _records: dict[str, PluginRecord] = field(init=False, repr=False, default_factory=dict)
    _loaded: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        self._manager = pluggy.PluginManager(spec.PROJECT)
        self._manager.add_hookspecs(spec)
        version = importlib.metadata.version(spec.PROJECT)
        self._add(builtin, PluginRecord(spec.PROJECT, spec.PROJECT, version))

    def __reduce__(self) -> tuple[type[Plugins], tuple[bool]]:
        """Copies and pickles find installed plugins again; what was registered stays here."""
        return Plugins, (self.installed,)

    # ------------------------------------------------------------------ which there are

    def register(self, plugin: Any, name: str | None = None) -> None:
        """Add a plugin: a module or an object with functions marked by ``hookimpl``.

        Its name, by which warnings call it, is by default that of the module or the class.

        Raises
        ------
        PluginError
            If it does not fit the hooks, or one of that name is there.
        """
        record = PluginRecord(name or self._name_of(plugin))
        try:
            self._add(plugin, record)
        except Exception as error:
            raise PluginError(f"plugin {record} cannot be used: {error}") from error

    def _name_of(self, plugin: Any) -> str:
        """Return the name of a module or of an object's class, numbered if that is taken."""
        own: str = getattr(plugin, "__name__", type(plugin).__name__)
        further = (f"{own} {number}" for number in itertools.count(2))
        return next(n for n in itertools.chain([own], further) if n not in self._records)

    def records(self) -> list[PluginRecord]:
        """Return what is known of each plugin, tuneplug's own first."""
        self.load()
        for kind in KINDS:
            self._found(kind)  # one that registers what does not fit is found out
        return list(self._records.values())

    def load(self) -> None:
        """Load the installed plugins, unless that was done."""
        if self._loaded or not self.installed:
            return
        for entry in importlib.metadata.entry_points(group=spec.PROJECT):
            record = PluginRecord(entry.name)
            if entry.dist is not None:
                record.distribution, record.version = entry.dist.name, entry.dist.version
            known = self._records.get(entry.name)
            if known is not None and known.distribution == record.distribution:
                continue  # from a load that strict mode broke off
            if _blocked(record):
                record.status, record.error = "blocked", f"by {ONLY} or {NOT}"
                self._records.setdefault(entry.name, record)
                continue
            try:
                self._add(entry.load(), record)
            except Exception as error:  # noqa: BLE001  whatever a third party's import raises is theirs to mend
                self._skip(record, error)
        self._loaded = True

    def _add(self, plugin: Any, record: PluginRecord) -> None:
        made_for = getattr(plugin, "tuneplug_api_version", spec.API_VERSION)
        if made_for != spec.API_VERSION:
            raise PluginError(
                f"it is made for version {made_for} of the hooks, and this tuneplug has "
                f"{spec.API_VERSION}: install a version of one that fits the other"
            )
        self._manager.register(plugin, name=record.name)  # all of it or nothing
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            self._manager.unregister(plugin)
            raise
        callers = self._manager.get_hookcallers(plugin) or []
        record.hooks = tuple(sorted(caller.name for caller in callers))
        self._records[record.name] = record

    def _skip(self, record: PluginRecord, error: BaseException, status: Status = "skipped") -> None:
        """Go on without a plugin, and say so, once."""
        if os.environ.get(STRICT, "") not in ("", "0"):
            raise PluginError(f"plugin {record} is {status}: {error!r}") from error
        if self._records.get(record.name) is record:
            self._manager.unregister(name=record.name)
        known = self._records.setdefault(record.name, record)
        if known is not record:  # two entry points of one name
            self._records[f"{record.name} ({record.distribution})"] = record
        record.status, record.error = status, repr(error)
        warnings.warn(f"plugin {record} is {status}: {error!r}", RuntimeWarning, stacklevel=3)

    # ------------------------------------------------------------------ what can be named

    def classes(self, kind: str) -> dict[str, type]:
        """Return the classes of a kind that can be named: all but those of ambiguous names."""
        return {name: found[0][1] for name, found in self._found(kind).items() if len(found) == 1}

    def owners(self, kind: str) -> dict[str, list[PluginRecord]]:
        """Return for each name of a kind who registers it."""
        return {
            name: [self._records[owner] for owner, _ in found]
            for name, found in self._found(kind).items()
        }

    def named(self, kind: str, name: str, *args: Any) -> Any:
        """Return an instance of the class that has a name, made with the arguments given.

        Raises
        ------
        UnknownNameError
            If there is none; the message lists those there are.
        PluginError
            If two plugins register it; both are named.
        """
        for cls in self._classes_of(spec.PROJECT, KINDS[kind]):
            if cls.name == name:  # ours need no look at what is installed
                return cls(*args)
        found = self._found(kind)
        if name not in found:
            raise UnknownNameError(f"{kind} must be one of {sorted(found)}, but got {name!r}")
        if len(found[name]) > 1:
            owners = " and by ".join(str(self._records[owner]) for owner, _ in found[name])
            raise PluginError(
                f"{kind} names must be unique, but {name!r} is registered by {owners}: "
                f"block one of them with {NOT}"
            )
        return found[name][0][1](*args)

    def executor_maker(self, executor: Any) -> Callable[[], Any] | None:
        """Return what makes the executor that is asked for; None for one that is there already.

        Parameters
        ----------
        executor : str, object or None
            The name of an executor, something that a plugin's executor adopts, such as a client of
            a cluster, or an executor as it is.
        """
        if executor is None:
            return None
        if isinstance(executor, str):
            return partial(self.named, "executor", executor)
        for cls in self.classes("executor").values():
            adopt = getattr(cls, "adopt", None)
            if adopt is not None and adopt(executor) is not None:
                return partial(adopt, executor)
        return None

    def _found(self, kind: str) -> dict[str, list[tuple[str, type]]]:
        self.load()
        found: dict[str, list[tuple[str, type]]] = {}
        for owner in list(self._records):
            for cls in self._classes_of(owner, KINDS[kind]):
                found.setdefault(cls.name, []).append((owner, cls))
        return found

    def _classes_of(self, owner: str, kind: Kind) -> list[Any]:
        """Return the classes that a plugin registers; one that fails in that is skipped."""
        plugin = self._manager.get_plugin(owner)
        if plugin is None or kind.hook not in self._records[owner].hooks:
            return []
        try:
            offered: Any = getattr(plugin, kind.hook)()
            classes = list(offered) if isinstance(offered, (list, tuple)) else [offered]
            faults = [fault for cls in classes if (fault := kind.fault(cls)) is not None]
            ours = {cls.name for cls in getattr(builtin, kind.hook, list)()}
            if owner != spec.PROJECT:
                faults += [
                    f"{cls.name!r} of {kind.hook} is tuneplug's own name"
                    for cls in classes
                    if getattr(cls, "name", None) in ours
                ]
            if faults:
                raise PluginError("; ".join(faults))
        except Exception as error:  # noqa: BLE001  a third party's mistake must not end a search
            self._skip(self._records[owner], error)
            return []
        return classes

    def translated(self, space: Any) -> Any:
        """Return a declared space with what plugins understand put in tuneplug's words.

        Raises
        ------
        SpaceError
            If a foreign declaration has no equal here.
        """
        return translated(space, lambda: self.classes("converter"), lambda: self.classes("scaling"))

    # ------------------------------------------------------------------ observers

    def tell(self, event: str, **arguments: Any) -> None:
        """Tell every plugin that observes an event; one that raises is detached, and named."""
        self.load()
        for impl in list(getattr(self._manager.hook, event).get_hookimpls()):
            try:
                impl.function(**{name: arguments[name] for name in impl.argnames})
            except Exception as error:  # noqa: BLE001  an observer must not end what it observes
                self._skip(self._records[impl.plugin_name], error, "detached")


def _blocked(record: PluginRecord) -> bool:
    """Whether the environment keeps a plugin out."""
    names = {record.name, record.distribution}

    def listed(variable: str) -> set[str] | None:
        value = os.environ.get(variable)
        return None if value is None else {name.strip() for name in value.split(",")} - {""}

    only, without = listed(ONLY), listed(NOT) or set()
    return (only is not None and not names & only) or bool(names & without) or "*" in without
