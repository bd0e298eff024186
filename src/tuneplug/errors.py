"""Every exception tuneplug raises on purpose.

    TuneplugError
    ├── SpaceError (ValueError)                 a search space that cannot be searched
    ├── SpaceExhausted                          a finite space has no untried configuration left
    ├── TrialError (ValueError)                 a trial told twice, or not of this study
    ├── NoCompletedTrialError (ValueError)      the best trial was asked for, none completed
    ├── AllTrialsFailedError (RuntimeError)     a search ended without one completed trial
    ├── UnknownNameError (ValueError)           a name no plugin has registered
    ├── PluginError                             a plugin that cannot be used
    ├── StorageError                            a storage that cannot be read or written
    │   └── ConcurrentStudyError                     another process runs the same study
    └── MissingDependencyError (ModuleNotFoundError)    an optional package is not installed

Each message states the rule, then the values, then the cure.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

__all__ = [
    "AllTrialsFailedError",
    "ConcurrentStudyError",
    "MissingDependencyError",
    "NoCompletedTrialError",
    "PluginError",
    "SpaceError",
    "SpaceExhausted",
    "StorageError",
    "TrialError",
    "TuneplugError",
    "UnknownNameError",
    "check_choice",
    "check_count",
]


class TuneplugError(Exception):
    """Base class of every exception tuneplug raises on purpose."""


class SpaceError(TuneplugError, ValueError):
    """A search space that cannot be searched; the message lists every fault found."""


class SpaceExhausted(TuneplugError):  # noqa: N818  an end, not an error
    """Every configuration of a finite space has been tried or is running."""


class TrialError(TuneplugError, ValueError):
    """A trial that is not of this study, or that has already ended."""


class NoCompletedTrialError(TuneplugError, ValueError):
    """The best trial was asked for before any trial completed."""


class AllTrialsFailedError(TuneplugError, RuntimeError):
    """A search ended without one completed trial; the message counts them and shows why."""


class UnknownNameError(TuneplugError, ValueError):
    """A name that no plugin has registered; the message lists those that are."""


class PluginError(TuneplugError):
    """A plugin that cannot be used, with its distribution and the cause."""


class StorageError(TuneplugError):
    """A storage that cannot be read or written, with the place and the cause."""


class ConcurrentStudyError(StorageError):
    """A new trial has the number of one that is kept: another process runs the same study."""

    @classmethod
    def of(cls, study: str, number: int) -> ConcurrentStudyError:
        """Return the error for a trial of a study."""
        return cls(
            f"one process at a time may run a study, but another has added trial {number} to "
            f"{study!r}: end one of them, or give it a study of another name"
        )


class MissingDependencyError(TuneplugError, ModuleNotFoundError):
    """An optional package is not installed; the message names the extra that brings it."""


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise ValueError unless a value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {sorted(choices)}, but got {value!r}.")


def check_count(name: str, value: object, *, at_least: int) -> None:
    """Raise ValueError unless a value is a whole number of at least ``at_least``."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or int(value) < at_least:  # type: ignore[call-overload]
        raise ValueError(f"{name} must be an integer of at least {at_least}, but got {value!r}")
