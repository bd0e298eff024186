"""The identity of a process, by which another process of the same machine knows that it has ended.

A number of a process is used again after its end, so its identity includes its start.  Where the
operating system does not tell them, the identity is unknown, and only heartbeats tell.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["has_ended", "machine", "this_process"]

PROC = Path("/proc")


@lru_cache(maxsize=1)
def machine() -> str | None:
    """Return what the processes that see each other's numbers have in common.

    It names one start of one machine and, in a container, the processes of the container.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return None


def this_process() -> dict[str, Any]:
    """Return the identity of this process as a JSON document."""
    pid = os.getpid()
    return {"machine": machine(), "pid": pid, "started": _started(pid)}


def has_ended(process: dict[str, Any]) -> bool:
    """Whether a process of this machine has ended.  False if its identity is unknown."""
    known, pid, started = (process.get(key) for key in ("machine", "pid", "started"))
    if known is None or known != machine() or type(pid) is not int or type(started) is not str:
        return False
    found = _started(pid)
    return found != started and not (found is None and _is_hidden(pid))


def _is_hidden(pid: int) -> bool:
    """Whether there is a process whose identity this user may not see."""
    if os.access(PROC / str(pid) / "stat", os.R_OK):
        return False
    try:
        os.kill(pid, 0)  # 0 is no signal: only the permission is checked
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _started(pid: int) -> str | None:
    """Return the start of a running process, in ticks since that of the machine."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # the name of a program may have spaces
    return None if state in "ZX" else fields[18]
