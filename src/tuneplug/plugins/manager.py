"""The plugins of a study: tuneplug's own, those installed, and those registered by hand.

Installed plugins are found in the entry-point group ``tuneplug``, when a name or an event first
needs them.  Each is loaded by itself: one that cannot be imported, does not fit the hooks or is
made for another version of them is skipped, named once with its distribution and the cause, and the
rest works.

Environment variables choose among them, or make an error of one that would be skipped.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pluggy

from tuneplug.errors import PluginError, UnknownNameError, did_you_mean, safe_repr
from tuneplug.plugins import builtin, hookspecs
from tuneplug.plugins.converters import convert_space
from tuneplug.plugins.extension_points import EXTENSION_POINTS
from tuneplug.plugins.hook_checks import HOOKS, check_hooks
from tuneplug.plugins.info import NOT, ONLY, PluginInfo, Status, blocked, strict

__all__ = ["Plugins"]

#: What the names of two kinds of classes that are often confused stand for.
NOUNS = {"strategy": "strategy", "stopping": "stopping rule"}


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
    _records: dict[str, PluginInfo] = field(init=False, repr=False, default_factory=dict)
    _loaded: bool = field(init=False, repr=False, default=False)
    _tried: set[importlib.metadata.EntryPoint] = field(init=False, repr=False, default_factory=set)
    _lock: threading.RLock = field(init=False, repr=False, default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        ours = PluginInfo(hookspecs.PROJECT, hookspecs.PROJECT)
        with suppress(importlib.metadata.PackageNotFoundError):  # in a frozen program
            ours.version = importlib.metadata.version(hookspecs.PROJECT)
        self._add(builtin, ours)

    def __reduce__(self) -> tuple[type[Plugins], tuple[bool]]:
        """Copies and pickles find installed plugins again; what was registered stays here."""
        return Plugins, (self.installed,)

    @classmethod
    def with_installed(cls, plugins: Iterable[Any]) -> Plugins:
        """Return all installed plugins, and the given ones.

        Raises
        ------
        PluginError
            If one of them cannot be used; see ``register``.
        """
        found = cls()
        for plugin in plugins:
            found.register(plugin)
        return found

    # ------------------------------------------------------------------ which there are

    def register(self, plugin: Any, name: str | None = None) -> None:
        """Add a plugin: a module or an object with functions marked by ``hookimpl``.

        Its name, by which warnings call it, is by default that of the module or the class.

        Raises
        ------
        PluginError
            If it does not fit the hooks, or one of that name is there.
        """
        record = PluginInfo(name or self._free(getattr(plugin, "__name__", type(plugin).__name__)))
        try:
            self._add(plugin, record)
        except Exception as error:
            cause = safe_repr(error, str)
            raise PluginError(f"plugin {record} cannot be used: {cause}") from error

    def _free(self, name: str) -> str:
        """Return a name, numbered if that is taken."""
        further = (f"{name} {number}" for number in itertools.count(2))
        return next(n for n in itertools.chain([name], further) if n not in self._records)

    def records(self) -> list[PluginInfo]:
        """Return what is known of each plugin, tuneplug's own first."""
        self.load()
        for kind in EXTENSION_POINTS:
            self._found(kind)  # one that registers what does not fit is found out
        return list(self._records.values())

    def load(self) -> None:
        """Load the installed plugins, unless that was done."""
        if self._loaded or not self.installed:
            return
        with self._lock:
            for entry in importlib.metadata.entry_points(group=hookspecs.PROJECT):
                if entry not in self._tried:  # by another thread, or until strict mode raised
                    self._load(entry)
                    self._tried.add(entry)
            self._loaded = True

    def _load(self, entry: importlib.metadata.EntryPoint) -> None:
        record = PluginInfo(self._free(entry.name))  # two distributions may call theirs the same
        with self._isolated(record):
            if entry.dist is not None:
                record.distribution, record.version = entry.dist.name, entry.dist.version
            if blocked(entry.name, record.distribution):
                record.status, record.error = "blocked", f"by {ONLY} or {NOT}"
                self._records[record.name] = record
            else:
                self._add(entry.load(), record)

    def _add(self, plugin: Any, record: PluginInfo) -> None:
        """Take a plugin in, all of it or nothing."""
        made_for = getattr(plugin, "tuneplug_api_version", hookspecs.API_VERSION)
        if made_for != hookspecs.API_VERSION:
            raise PluginError(
                f"it is made for version {made_for!r} of the hooks, and this tuneplug has "
                f"{hookspecs.API_VERSION}: install a version of one that fits the other"
            )
        if record.name in self._records or self._manager.is_registered(plugin):
            raise PluginError("it, or another one of that name, is already registered")
        check_hooks(self._manager, plugin)
        try:
            self._manager.register(plugin, name=record.name)
            record.hooks = self._hooks_of(plugin)
        except BaseException:
            self._manager.unregister(name=record.name)
            raise
        self._records[record.name] = record

    def _hooks_of(self, plugin: Any) -> tuple[str, ...]:
        """Return the names of the hooks that a registered plugin implements.

        Raises
        ------
        PluginError
            If there is none, or one is not marked, or wraps those of others.
        """
        callers = self._manager.get_hookcallers(plugin) or []
        hooks = tuple(sorted(caller.name for caller in callers))
        unmarked = [n for n in HOOKS if hasattr(plugin, n) and n not in hooks]
        if unmarked or not hooks:
            found = f"{unmarked} is not" if unmarked else "nothing is"
            raise PluginError(
                f"hooks must be marked by hookimpl, but {found} in {safe_repr(plugin)}: give a "
                "module or an object with @hookimpl above each function that is a hook"
            )
        for impl in (impl for caller in callers for impl in caller.get_hookimpls()):
            if impl.plugin is plugin and (impl.wrapper or impl.hookwrapper):
                raise PluginError(f"hooks cannot be wrapped, but {impl.function!r} is a wrapper")
        return hooks

    @contextmanager
    def _isolated(self, record: PluginInfo, status: Status = "skipped") -> Iterator[None]:
        """Within it, whatever a plugin raises leaves it out, and nothing else.

        ``SystemExit`` too, and what others derive from ``BaseException``; an interrupt goes on.
        """
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  a third party's mistake must not end a search
            self._skip(record, error, status)

    def _skip(self, record: PluginInfo, error: BaseException, status: Status) -> None:
        """Go on without a plugin, and say so, once."""
        cause = safe_repr(error, str if isinstance(error, PluginError) else repr)
        if strict():
            raise PluginError(f"plugin {record} is {status}: {cause}") from error
        if record.status == status:
            return
        record.status, record.error = status, cause
        self._records.setdefault(record.name, record)
        if status == "skipped":
            self._manager.unregister(name=record.name)
        warnings.warn(f"plugin {record} is {status}: {cause}", RuntimeWarning, stacklevel=2)

    # ------------------------------------------------------------------ what can be named

    def classes(self, kind: str) -> dict[str, type]:
        """Return the classes of a kind that can be named: all but those of ambiguous names."""
        return {name: found[0][1] for name, found in self._found(kind).items() if len(found) == 1}

    def providers(self, kind: str) -> dict[str, list[PluginInfo]]:
        """Return for each name of a kind who registers it."""
        return {
            name: [self._records[owner] for owner, _ in found]
            for name, found in self._found(kind).items()
        }

    def create(self, kind: str, name: str, *args: Any) -> Any:
        """Return an instance of the class that has a name, made with the arguments given.

        Raises
        ------
        UnknownNameError
            If there is none; the message lists those there are.
        PluginError
            If two plugins register it; both are named.
        """
        for cls in self._classes_of(hookspecs.PROJECT, kind):
            if cls.name == name:  # ours need no look at what is installed
                return EXTENSION_POINTS[kind].make(cls, *args)
        found = self._found(kind)
        if name not in found:
            raise UnknownNameError(
                f"{kind} must be one of {sorted(found)}, but got {name!r}"
                f"{did_you_mean(name, found) or self._other_cure(kind, name)}"
            )
        (owner, cls), *others = found[name]
        if others:
            owners = " and by ".join(str(self._records[owner]) for owner, _ in found[name])
            raise PluginError(
                f"{kind} names must be unique, but {name!r} is registered by {owners}: "
                f"block one of them with {NOT}"
            )
        try:
            return EXTENSION_POINTS[kind].make(cls, *args)
        except Exception as error:
            error.add_note(f"{kind} {name!r} is registered by plugin {self._records[owner]}")
            raise

    def _other_cure(self, kind: str, name: str) -> str:
        """Return the end of the message for an unknown name that is similar to no known one."""
        if kind == "executor":
            return (
                ": for workers on this machine pass n_jobs=, or an executor such as "
                "concurrent.futures.ProcessPoolExecutor()"
            )
        for other, noun in NOUNS.items():
            if kind in NOUNS and name in self._found(other):
                return f": it is a {noun}, so pass {other}={name!r}"
        return ""

    def executor_factory(self, executor: Any) -> Callable[[], Any] | None:
        """Return what makes the executor that is asked for; None for one that is there already.

        Parameters
        ----------
        executor : str, object or None
            The name of an executor, an object that ``from_framework`` of a plugin's executor
            accepts, such as a client of a cluster, or an executor.

        Raises
        ------
        TypeError
            If a class is given instead of an instance.
        """
        if executor is None:
            return None
        if isinstance(executor, type):
            raise TypeError(
                f"executor must be a name or an object with submit, but got {executor!r}: pass an "
                f"instance, {executor.__name__}(...)"
            )
        if isinstance(executor, str):
            return partial(self.create, "executor", executor)
        for (owner, cls), *_ in self._found("executor").values():
            from_framework = getattr(cls, "from_framework", None)
            with self._isolated(self._records[owner]):
                if from_framework is not None and from_framework(executor) is not None:
                    return partial(from_framework, executor)
        return None

    def matching(self, kind: str, *things: Any) -> list[Any]:
        """Return an instance of each class of a kind that accepts one of the things.

        For fit monitors and converters, which are asked and not named; those of other distributions
        come last.  A plugin that raises when it is asked is skipped.
        """
        accepting = []
        found = [pair for pairs in self._found(kind).values() for pair in pairs]
        for owner, cls in sorted(found, key=lambda pair: self._is_foreign(pair[0])):
            with self._isolated(self._records[owner]):
                asked = cls()
                if any(asked.accepts(thing) for thing in things):
                    accepting.append(asked)
        return accepting

    def _is_foreign(self, owner: str) -> bool:
        return self._records[owner].distribution not in (hookspecs.PROJECT, None)

    def _found(self, kind: str) -> dict[str, list[tuple[str, Any]]]:
        self.load()
        found: dict[str, list[tuple[str, Any]]] = {}
        for owner in list(self._records):
            for cls in self._classes_of(owner, kind):
                found.setdefault(cls.name, []).append((owner, cls))
        return found

    def _classes_of(self, owner: str, kind: str) -> list[Any]:
        """Return the classes that a plugin registers; one that fails in that is skipped."""
        hook, record = EXTENSION_POINTS[kind].hook, self._records[owner]
        classes: list[Any] = []
        with self._isolated(record):
            for impl in getattr(self._manager.hook, hook).get_hookimpls():
                if impl.plugin_name == owner:
                    offered: Any = impl.function()
                    classes += offered if isinstance(offered, (list, tuple)) else [offered]
            if errors := EXTENSION_POINTS[kind].errors(classes, ours=owner == hookspecs.PROJECT):
                raise PluginError("; ".join(errors))
        return classes if record.status in ("active", "detached") else []

    def convert_space(self, space: Any) -> Any:
        """Return a declared space with what plugins understand put in tuneplug's words.

        Raises
        ------
        SpaceError
            If a foreign declaration has no equal here.
        """
        return convert_space(space, self)

    # ------------------------------------------------------------------ observers

    @contextmanager
    def observed_by(self, name: str | None) -> Iterator[None]:
        """Context manager: register the observer of a name; None for none.

        Raises
        ------
        UnknownNameError, PluginError
            As ``create`` and ``register`` do.
        """
        if name is None:
            yield
            return
        observer = self.create("observer", name)
        given = self._free(name)
        self.register(observer, given)
        try:
            yield
        finally:
            if self._manager.has_plugin(given):
                self._manager.unregister(name=given)
            del self._records[given]

    def notify(self, event: str, **arguments: Any) -> None:
        """Tell every plugin that observes an event; one that raises is detached, and named."""
        self.load()
        for impl in reversed(getattr(self._manager.hook, event).get_hookimpls()):  # pluggy's order
            record = self._records[impl.plugin_name]
            if record.status == "detached":
                continue
            with self._isolated(record, "detached"):
                taken = (*impl.argnames, *impl.kwargnames)  # those with a default too
                impl.function(**{name: arguments[name] for name in taken if name in arguments})
