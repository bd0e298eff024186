"""Run a program in a process group of its own, and read what it prints while it runs."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, final

__all__ = ["Program", "ProgramError"]

#: Seconds between two checks of whether the program has ended or has to end.
INTERVAL_SECONDS = 0.1
#: Seconds in which the rest of the output is read once the program has ended: a process that left
#: the group may keep the pipe open forever.
REST_SECONDS = 1.0
#: Seconds of the first pause while waiting for a program that has closed its output.
FIRST_PAUSE_SECONDS = 0.0005
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
    returncode : int or None
        The exit code, negative for a signal; None while the program runs.
    """

    _interrupted: ClassVar[set[Hashable]] = set()

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        key: Hashable,
        grace_period: float,
    ) -> None:
        self._key, self._grace_period = key, grace_period
        self._log = log.open("wb")
        self._selector = selectors.DefaultSelector()
        self._open, self._group_has_ended = True, False
        try:
            with _deferred_interrupts():
                self._process = _start(command, environment)
                assert self._process.stdout is not None, "it is a pipe"
                self._pipe = self._process.stdout
                self._selector.register(self._pipe, selectors.EVENT_READ)
        except BaseException as error:
            if hasattr(self, "_process"):  # an interrupt came meanwhile
                self.__exit__(error)
            else:
                self._close()
            raise

    @classmethod
    def interrupt(cls, keys: Iterable[Hashable]) -> None:
        """End the programs with these keys, which other threads run or are about to start."""
        cls._interrupted.update(keys)

    @property
    def interrupted(self) -> bool:
        """Whether another thread has asked the program to end."""
        return self._key in self._interrupted

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if not _has_ended(self._process):
                _signal(self._process, signal.SIGTERM)
                end = time.monotonic() + self._grace_period
                while not _has_ended(self._process) and time.monotonic() < end:
                    self._read(INTERVAL_SECONDS)  # a full pipe would keep it from ending
        finally:  # a second Ctrl-C ends the grace period
            self._end_group()
            try:
                for _chunk in self._rest():
                    pass
            finally:  # the disk of the log may be full
                self._pipe.close()
                self._close()

    @property
    def returncode(self) -> int | None:
        """The exit code."""
        return self._process.returncode

    def output(self) -> Iterator[bytes]:
        """Yield what the program prints until it ends, and nothing when it is silent.

        When the program exits, its child processes are killed, as in a container.
        """
        while not _has_ended(self._process):
            yield self._read(INTERVAL_SECONDS)
        self._end_group()
        yield from self._rest()

    def _end_group(self) -> None:
        """Kill the process group, once only: the system may give its number to another group."""
        if not self._group_has_ended:
            _signal(self._process, signal.SIGKILL)
            self._group_has_ended = True
        self._process.wait()

    def _rest(self) -> Iterator[bytes]:
        end = time.monotonic() + REST_SECONDS
        while self._open and (seconds := end - time.monotonic()) > 0:
            yield self._read(seconds)

    def _read(self, seconds: float) -> bytes:
        if not self._open:  # a program may close its output and go on
            _wait(self._process, seconds)
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

    def _close(self) -> None:
        self._selector.close()
        self._log.close()


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  the user's own command, without a shell
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        bufsize=0,
    )


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group has ended
        os.killpg(process.pid, number)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended.  It stays a zombie, whose number no other process gets."""
    if process.returncode is not None or not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    try:
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, process.pid, options) is not None
    except ChildProcessError:  # none becomes a zombie where SIGCHLD is ignored
        return process.poll() is not None


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a process has ended, for some seconds at most."""
    end, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while not _has_ended(process) and (left := end - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause *= 2


@contextmanager
def _deferred_interrupts() -> Iterator[None]:
    """Context manager: defer Ctrl-C and SIGTERM to its end.

    An interrupt while a process is being started would leave it running without a handle.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    deferred = [number for number, handler in handlers.items() if callable(handler)]
    for number in deferred:
        signal.signal(number, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        for number in deferred:
            signal.signal(number, handlers[number])
    for interrupt in received:
        signal.raise_signal(interrupt)
