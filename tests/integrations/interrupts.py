"""Ctrl-C as a terminal sends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


def interrupted(script: Path, after: str) -> tuple[str, str, int]:
    """Run a script, and send SIGINT to its whole group of processes after a line of its output.

    Return what it printed after that line, its errors and its exit code, once all processes that
    have its pipes have ended.
    """
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.rstrip() == after:
            os.killpg(process.pid, signal.SIGINT)
            break
    try:
        out, err = process.communicate(timeout=60)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    return out, err, process.returncode
