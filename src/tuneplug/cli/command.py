"""The command line: its arguments, exit codes and what is printed.

tuneplug --version
tuneplug plugins [--json]
tuneplug strategies | scalings | stopping-rules | executors | storages | ... [--json]
tuneplug studies | show | best | export | rename | delete | copy URL ...
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tuneplug import __version__
from tuneplug.cli import plugins, studies
from tuneplug.cli.output import printable, show
from tuneplug.errors import TuneplugError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 for an error, whose message is on stderr.

    Raises
    ------
    SystemExit
        With code 2 if the arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="tuneplug", description="List installed plugins; look after the studies of a storage."
    )
    parser.add_argument("--version", action="version", version=f"tuneplug {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    plugins.add_commands(commands)
    studies.add_commands(commands)
    arguments = parser.parse_args(argv)
    try:
        text = arguments.run(arguments)
    except (TuneplugError, ValueError, OSError) as error:
        show("\n".join(map(printable, f"tuneplug: {error}".splitlines())), sys.stderr)
        return 1
    if text:
        show(text, sys.stdout)
    return 0
