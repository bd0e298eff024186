"""A session: a ``Study`` in a process, which says by heartbeats that its trials still run.

A trial is lost if the session that runs it has ended: at once if its process is one of this machine
and has ended, and otherwise once its last heartbeat is older than the grace period, by the clock of
the storage.  Heartbeats stop for all processes at once if the storage is locked or its server
restarts, and for one process if its machine was suspended.  A session therefore judges others by
their heartbeats only after its own have come in time for a whole grace period.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from tuneplug.errors import StorageError, check_choice, check_count
from tuneplug.storage.process import has_ended, this_process
from tuneplug.storage.shared import StoredSession, Transaction
from tuneplug.trial import as_real

__all__ = ["ClaimOptions", "Session"]

StaleTrials = Literal["retry", "fail"]
#: Ids of the sessions of this process that exist, and of those that have ended.
_alive: set[str] = set()
_ended: set[str] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alive.clear)  # those of the parent


@dataclass(frozen=True)
class ClaimOptions:
    """How a study notices and treats trials whose process has ended.

    Parameters
    ----------
    heartbeat_interval : float, default 15
        Seconds between two heartbeats.
    grace_period : float or None, default None
        Seconds after the last heartbeat at which a session has ended; None for four intervals.
    stale_trials : {"retry", "fail"}, default "retry"
        Whether the trials of an ended session run again or fail.
    max_retries : int, default 1
        Number of times that a trial runs again.

    Raises
    ------
    TypeError
        If a time is not a real number.
    ValueError
        If a time is not positive, the grace period is shorter than three intervals, or another
        argument is invalid.
    """

    heartbeat_interval: float = 15.0
    grace_period: float | None = None
    stale_trials: StaleTrials = "retry"
    max_retries: int = 1

    def __post_init__(self) -> None:
        _check_seconds("heartbeat_interval", self.heartbeat_interval)
        check_choice("stale_trials", self.stale_trials, ("retry", "fail"))
        check_count("max_retries", self.max_retries, at_least=0)
        if self.grace_period is not None:
            _check_seconds("grace_period", self.grace_period)
            if self.grace_period < 3 * self.heartbeat_interval:
                raise ValueError(
                    "grace_period must be at least three times heartbeat_interval="
                    f"{self.heartbeat_interval:g}, but got {self.grace_period:g}: one late "
                    "heartbeat would end a session"
                )

    @property
    def grace(self) -> float:
        """Seconds after the last heartbeat at which a session has ended."""
        return 4 * self.heartbeat_interval if self.grace_period is None else self.grace_period


class Session:
    """The session of one study in this process.

    Attributes
    ----------
    id : str

    Parameters
    ----------
    options : ClaimOptions
    """

    def __init__(self, options: ClaimOptions) -> None:
        self.id = uuid4().hex
        self._options = options
        self._process = this_process()
        self._known: Mapping[str, StoredSession] = {}
        self._now: float | None = None  # of the last heartbeat, by the clock of the storage
        self._in_time_since = 0.0
        self._thread: _Heartbeats | None = None
        _alive.add(self.id)
        weakref.finalize(self, _end, self.id, os.getpid())

    @property
    def is_of_this_process(self) -> bool:
        """Whether this process is not a fork of the one that started the session."""
        return bool(self._process["pid"] == os.getpid())

    @property
    def others(self) -> set[str]:
        """Ids of the other sessions that the last heartbeat has seen."""
        return self._known.keys() - {self.id}

    def beat(self, transaction: Transaction) -> None:
        """Write a heartbeat, and read those of the other sessions."""
        now, grace = transaction.now, self._options.grace
        late = self._now is None or not 0.0 <= now - self._now <= grace / 2
        self._in_time_since = now if late else self._in_time_since
        transaction.beat(self.id, self._process)
        self._known, self._now = transaction.sessions(), now

    def has_lost(self, session: str) -> bool:
        """Whether another session has ended, as far as the last heartbeat knows.

        A session that the last heartbeat has not seen has ended, or has begun since.
        """
        stored = self._known.get(session)
        if stored is None:
            return True
        if session in _alive:
            return False
        process = stored.document
        same = process == self._process and process["machine"] is not None  # pids alone are few
        if same or session in _ended or has_ended(process):
            return True
        now = self._now if self._now is not None else stored.beat
        in_time = now - self._in_time_since >= self._options.grace
        return in_time and now - stored.beat > self._options.grace

    def end(self) -> None:
        """End the session: its trials are lost for the other sessions of this process."""
        _alive.discard(self.id)

    def start_heartbeats(self, write: Callable[[], None]) -> None:
        """Call a bound method now and then, from a thread that ends with its object."""
        if self._thread is None:
            self._thread = _Heartbeats(self._options.heartbeat_interval, weakref.WeakMethod(write))
            self._thread.start()


def _end(session: str, pid: int) -> None:
    if pid == os.getpid():  # and not the copy of a session in a fork
        _alive.discard(session)
        _ended.add(session)


class _Heartbeats(threading.Thread):
    """A daemon thread that calls a method until the object of the method is gone."""

    def __init__(self, interval: float, write: weakref.WeakMethod[Callable[[], None]]) -> None:
        super().__init__(name="tuneplug-heartbeats", daemon=True)
        self._interval, self._write = interval, write

    def run(self) -> None:
        while True:
            time.sleep(self._interval)
            write = self._write()
            if write is None:
                return
            with suppress(StorageError):  # the next one may succeed
                write()
            del write


def _check_seconds(name: str, value: Any) -> None:
    seconds = as_real(value, name, cure="give seconds, such as 15")
    if not 0 < seconds < math.inf:
        raise ValueError(
            f"{name} must be positive and finite seconds, but got {value!r}: give, for example, 15"
        )
