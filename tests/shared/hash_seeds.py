"""Run a script in processes that hash strings differently."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap


def outputs_by_hash_seed(script, seeds=("0", "1")):
    """Return what a script prints, once per value of ``PYTHONHASHSEED``."""
    return [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in seeds
    ]
