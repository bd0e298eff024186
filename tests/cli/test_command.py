"""The command as a module."""

from __future__ import annotations

import subprocess
import sys


def test_the_command_is_a_module_too():
    command = [sys.executable, "-m", "tuneplug", "strategies"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "bayesian" in ended.stdout
    assert subprocess.run([*command, "--typo"], capture_output=True, check=False).returncode == 2
