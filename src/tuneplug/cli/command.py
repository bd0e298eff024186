"""The command line: its arguments, exit codes and what is printed.

tuneplug --version
tuneplug plugins [--json]
tuneplug strategies | scalings | stopping-rules | executors | storages | ... [--json]
tuneplug studies | show | best | export | rename | delete | copy URL ...
tuneplug NAME ..., a subcommand that a plugin adds
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Container, Sequence
from contextlib import suppress
from typing import NoReturn

from tuneplug import __version__
from tuneplug.cli import plugins, studies
from tuneplug.cli.output import show
from tuneplug.errors import TuneplugError, printable
from tuneplug.storage.urls import without_passwords

__all__ = ["main"]

#: Exit code of a command that Ctrl-C has ended, as shells have it.
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Shows no password of a URL in a wrong place, and no control characters."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(without_passwords(message)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    It is 0, 1 for an error, whose message is on stderr, or 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        With code 2 if the arguments are wrong.
    """
    parser = _Parser(
        prog="tuneplug", description="List installed plugins; look after the studies of a storage."
    )
    parser.add_argument("--version", action="version", version=f"tuneplug {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    plugins.add_commands(commands)
    studies.add_commands(commands)
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if _may_be_of_plugin(given, commands.choices):
            plugins.add_commands_of_plugins(commands, given[0] if given else None)
        arguments = parser.parse_args(given)
        text = arguments.run(arguments)
        if text:
            show(text, sys.stdout)
    except (TuneplugError, ValueError, OSError) as error:
        with suppress(OSError):  # without stderr, the exit code has to do
            show("\n".join(map(printable, f"tuneplug: {error}".splitlines())), sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _may_be_of_plugin(given: Sequence[str], own: Container[str]) -> bool:
    """Whether the arguments call a subcommand of a plugin, or the help, which lists them."""
    return not given or (given[0] not in own and given[0] != "--version")
