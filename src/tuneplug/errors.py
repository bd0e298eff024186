"""The exceptions that tuneplug raises.

    TuneplugError
    ├── SpaceError (ValueError)                 an invalid search space
    ├── SpaceExhausted                          every configuration of a finite space was tried
    ├── TrialError (ValueError)                 a trial has already ended, or is not of this study
    ├── NoCompletedTrialError (ValueError)      a best trial is needed, but no trial completed
    ├── AllTrialsFailedError (RuntimeError)     every trial of a search failed
    ├── UnknownNameError (ValueError)           no plugin has registered the name
    ├── PluginError                             a plugin is invalid or raised an error
    ├── StorageError                            a storage cannot be read or written
    │   ├── ConcurrentStudyError                another process runs the same study
    │   ├── ReadOnlyStorageError                a storage can be read, but not written
    │   └── StoredTrialError (SpaceError)       a stored trial is not in the search space
    └── MissingDependencyError (ModuleNotFoundError)    an optional package is not installed

Each message states the rule, then the values, then the cure.
"""

from __future__ import annotations

import difflib
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral
from types import FrameType
from typing import Any

__all__ = [
    "AllTrialsFailedError",
    "ConcurrentStudyError",
    "LostConnectionError",
    "MissingDependencyError",
    "NoCompletedTrialError",
    "PluginError",
    "ReadOnlyStorageError",
    "SpaceError",
    "SpaceExhausted",
    "StaleTrialError",
    "StorageError",
    "StoredTrialError",
    "TrialError",
    "TuneplugError",
    "UnknownNameError",
    "check_choice",
    "check_count",
    "did_you_mean",
    "format_failure",
    "keep_warning_filters",
    "printable",
    "safe_repr",
    "warn_caller",
]

#: Minimum length of an abbreviation that ``did_you_mean`` completes.
MIN_ABBREVIATION = 3
#: Maximum length of the description of an object in a message.
MAX_REPR = 300


class TuneplugError(Exception):
    """Base class of all exceptions of tuneplug."""


class SpaceError(TuneplugError, ValueError):
    """The search space is invalid; the message lists all errors."""


class SpaceExhausted(TuneplugError):  # noqa: N818  ends a search normally
    """Every configuration of a finite space has been tried or is running."""


class TrialError(TuneplugError, ValueError):
    """The trial is not of this study, or has already ended."""


class NoCompletedTrialError(TuneplugError, ValueError):
    """The best trial is needed, but no trial has completed."""


class AllTrialsFailedError(TuneplugError, RuntimeError):
    """Every trial of a search failed; the message counts the trials and shows their errors.

    The search ends early if its first trials all fail with the same exception.
    """


class UnknownNameError(TuneplugError, ValueError):
    """No plugin has registered the name; the message lists the registered names."""


class PluginError(TuneplugError):
    """A plugin is invalid or raised an error; the message names its distribution and the cause."""


class StorageError(TuneplugError):
    """A storage cannot be read or written; the message names its location and the cause."""


class ConcurrentStudyError(StorageError):
    """Another process runs the same study: the number of a new trial is already stored."""

    @classmethod
    def of(cls, study: str, number: int) -> ConcurrentStudyError:
        """Return the error for the trial with that number of a study."""
        return cls(
            f"only one process at a time may run a study, but another process has added trial "
            f"{number} to {study!r}: end one of the processes, or give its study another name"
        )

    @classmethod
    def created(cls, study: str) -> ConcurrentStudyError:
        """Return the error for a study that another process has created in the meantime."""
        return cls(
            f"only one process at a time may run a study, but another process has created "
            f"{study!r} since this one looked for it: end one of the processes and create the "
            "Study again, or give it another name"
        )

    @classmethod
    def changed(cls, study: str, number: int) -> ConcurrentStudyError:
        """Return the error for a trial of a study that is not as it was read."""
        return cls(
            f"only one process at a time may run a study, but another process has changed trial "
            f"{number} of {study!r} since this one read it: end one of the processes and create "
            "the Study again, or give it another name"
        )

    @classmethod
    def replaced(cls, study: str, number: int) -> ConcurrentStudyError:
        """Return the error for a study whose trial of a number is gone or another one."""
        return cls(
            f"a study must stay in its storage while it runs, but {study!r} no longer has trial "
            f"{number} of this process: the study was deleted and created again, or its storage "
            "was replaced by an earlier copy; create the Study again to go on with the trials that "
            "are stored; those of this process are in study.trials"
        )


class StaleTrialError(TrialError, StorageError):
    """Another process has taken over a trial, because this one seemed to have ended."""


class ReadOnlyStorageError(StorageError):
    """A storage can be read, but nobody may write to it: writing it again later would not help."""


class LostConnectionError(StorageError):
    """The connection to a server was lost, and whether the server has committed is unknown."""


class StoredTrialError(SpaceError, StorageError):
    """A stored trial is not in the search space; the message names study, trial and parameter."""


class MissingDependencyError(TuneplugError, ModuleNotFoundError):
    """An optional package is not installed; the message names the extra that installs it."""


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(
            f"{name} must be one of {sorted(choices)}, but got {safe_repr(value)}"
            f"{did_you_mean(value, choices)}"
        )


def check_count(name: str, value: object, *, at_least: int) -> None:
    """Raise ValueError unless the value is an integer of at least ``at_least``."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or int(value) < at_least:  # type: ignore[call-overload]
        raise ValueError(f"{name} must be an integer of at least {at_least}, but got {value!r}")


def did_you_mean(value: object, choices: Iterable[str]) -> str:
    """Return the end of a message that names the most similar choice; empty if none is similar.

    If none is, the only choice that starts with the value is named.
    """
    lowered, given = {choice.lower(): choice for choice in choices}, str(value).lower()
    close = difflib.get_close_matches(given, lowered, n=1)
    if not close and len(given) >= MIN_ABBREVIATION:
        longer = [name for name in lowered if name.startswith(given)]
        close = longer if len(longer) == 1 else []
    return f": did you mean {lowered[close[0]]!r}?" if close else ""


def safe_repr(obj: object, convert: Callable[[object], str] = repr) -> str:
    """Return the ``repr`` of an object for a message; at most 300 characters long.

    If the conversion raises an exception, the result names the class.  An interrupt propagates.
    """
    try:
        text = convert(obj)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  a third party's mistake must not end a search
        text = f"<{type(obj).__name__} without a {convert.__name__}>"
    return text if len(text) <= MAX_REPR else f"{text[:MAX_REPR]}..."


def format_failure(error: BaseException) -> str:
    """Return an exception with its traceback; its class only if it cannot be formatted."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  whatever attributes of a third party's exception raise
        return f"{type(error).__name__} (the exception cannot be formatted)"


def printable(text: str) -> str:
    """Return text with its control characters, and others that are not printed, escaped.

    >>> printable("a" + chr(27) + "[2J")
    'a\\\\x1b[2J'
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


#: Starts of the names of modules that are never the calling code: this package and its adapters,
#: and the wrapper that scikit-learn puts around ``fit``.
INNER_MODULES = ("tuneplug", "sklearn.base")


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn, and attribute the warning to the calling code.

    Within ``keep_warning_filters``, the warning raises only if the filters at its start ask for
    that.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        INNER_MODULES
    ):
        level, frame = level + 1, frame.f_back
    try:
        warnings.warn(message, category, stacklevel=level)
    except category as warning:
        filters, place = _filters_at_start.get(), _module(frame) or "<string>"
        action = _action(filters, message, category, (place, frame.f_lineno))
        if filters is None or action == "error":
            raise
        if action != "ignore":
            warnings.showwarning(warning, category, frame.f_code.co_filename, frame.f_lineno)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


#: The warning filters of the calling code when its search started; None outside of a search.
_filters_at_start: ContextVar[Sequence[Any] | None] = ContextVar("filters", default=None)


@contextmanager
def keep_warning_filters() -> Iterator[None]:
    """Context manager for a search, whose objective may change the filters of this process.

    The filters at the start decide whether ``warn_caller`` raises, and are restored at the end.
    """
    token = _filters_at_start.set(tuple(warnings.filters))
    try:
        with warnings.catch_warnings():
            yield
    finally:
        _filters_at_start.reset(token)


def _action(
    filters: Iterable[Any] | None, message: str, category: type[Warning], place: tuple[str, int]
) -> str:
    """Return the action of the first filter that matches a warning of a module and a line."""

    def matches(pattern: Any, text: str) -> bool:
        if pattern is None or isinstance(pattern, str):
            return pattern in (None, text)
        return pattern.match(text) is not None

    for action, pattern, kind, module, line in filters or ():
        here = matches(module, place[0]) and line in (0, place[1])
        if here and issubclass(category, kind) and matches(pattern, message):
            return str(action)
    return "default"
