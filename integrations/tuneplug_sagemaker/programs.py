"""Run a program in a process group of its own, and read what it prints while it runs."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, final

__all__ = ["Program", "ProgramError"]

#: Seconds between two looks at whether the program has ended or has to end.
INTERVAL_SECONDS = 0.1
#: Seconds in which the rest of the output is read once the program has ended: a process that left
#: the group may keep the pipe open for ever.
REST_SECONDS = 1.0
CHUNK = 65_536


class ProgramError(RuntimeError):
    """A program failed; the message says how, with the last lines that it printed."""


@final
class Program:
    """A running program; leaving the context ends its whole process group.

    Parameters
    ----------
    command : sequence of str
    environment : mapping
        The whole environment.
    log : Path
        File that gets all output, as it is.
    key : hashable
        Identifies the program for ``interrupt``.
    grace_period : float
        Seconds between SIGTERM and SIGKILL.

    Attributes
    ----------
    interrupted : bool
        Whether another thread has asked that the program ends.
    """

    _running: ClassVar[dict[Hashable, Program]] = {}

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        key: Hashable,
        grace_period: float,
    ) -> None:
        self.interrupted = False
        self._key, self._grace_period = key, grace_period
        self._log = log.open("wb")
        self._selector = selectors.DefaultSelector()
        try:
            self._process = subprocess.Popen(  # noqa: S603  the user's own command, without a shell
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
            )
        except BaseException:
            self._close()
            raise
        assert self._process.stdout is not None, "it is a pipe"
        self._pipe = self._process.stdout
        self._selector.register(self._pipe, selectors.EVENT_READ)
        self._open = True

    @classmethod
    def interrupt(cls, keys: Iterable[Hashable]) -> None:
        """Let programs that run in other threads end."""
        for key in keys:
            if (program := cls._running.get(key)) is not None:
                program.interrupted = True

    def __enter__(self) -> Program:
        self._running[self._key] = self
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._process.poll() is None:
                self._signal(signal.SIGTERM)
                end = time.monotonic() + self._grace_period
                while self._process.poll() is None and time.monotonic() < end:
                    self._read(INTERVAL_SECONDS)  # a full pipe would keep it from ending
        finally:  # a second Ctrl-C ends the grace period
            self._signal(signal.SIGKILL)
            self._process.wait()
            for _chunk in self._rest():
                pass
            self._running.pop(self._key, None)
            self._pipe.close()
            self._close()

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while the program runs."""
        return self._process.returncode

    def output(self) -> Iterator[bytes]:
        """Yield what the program prints until it ends, and nothing when it is silent.

        What the program has started ends with it, as in a container.
        """
        while self._process.poll() is None:
            yield self._read(INTERVAL_SECONDS)
        self._signal(signal.SIGKILL)
        yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        end = time.monotonic() + REST_SECONDS
        while self._open and (seconds := end - time.monotonic()) > 0:
            yield self._read(seconds)

    def _read(self, seconds: float) -> bytes:
        if not self._open:  # a program may close its output and go on
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return b""
        if not self._selector.select(seconds):
            return b""
        chunk = os.read(self._pipe.fileno(), CHUNK)
        if not chunk:
            self._open = False
            self._selector.unregister(self._pipe)
        self._log.write(chunk)
        self._log.flush()
        return chunk

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # the group has ended
            os.killpg(self._process.pid, number)

    def _close(self) -> None:
        self._selector.close()
        self._log.close()
