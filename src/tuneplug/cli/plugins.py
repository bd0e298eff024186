"""The commands that list plugins and the names that they register, and those that plugins add."""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial
from typing import Any

from tuneplug.cli import studies
from tuneplug.cli.output import as_json, table
from tuneplug.errors import printable
from tuneplug.plugins.commands import Command
from tuneplug.plugins.extension_points import EXTENSION_POINTS
from tuneplug.plugins.manager import Plugins

__all__ = ["add_commands", "add_commands_of_plugins"]


def add_commands(commands: Any) -> None:
    """Add a command for the plugins, and one for each kind of names, to those of a parser."""
    about = {"plugins": "all plugins, their hooks, and why a plugin is disabled"}
    about |= {
        kind.plural: f"names of all {kind.plural}, and the plugins that register them"
        for kind in EXTENSION_POINTS.values()
    }
    for name, text in about.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print JSON instead of a table")
        command.set_defaults(run=partial(_run, name))


def add_commands_of_plugins(commands: Any, called: str | None) -> None:
    """Add the subcommands that plugins register to those of a parser.

    Parameters
    ----------
    commands : subparsers action
    called : str or None
        The subcommand that is called; only this one is made, and gets its arguments.

    Raises
    ------
    PluginError
        If two plugins register the subcommand that is called.
    """
    plugins = Plugins()
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the list of plugins has those that are disabled
        found = plugins.classes("command")
        if called in plugins.providers("command"):
            _add_called(commands, plugins.create("command", called))
    for name, cls in sorted(found.items()):
        if name != called:
            commands.add_parser(name, help=_help(cls))
    for name, owners in sorted(plugins.providers("command").items()):
        if len(owners) > 1:
            both = " and ".join(printable(owner.name) for owner in owners)
            print(
                f"warning: the subcommand {printable(name)!r} is left out, because {both} register "
                "it: uninstall or disable one of them",
                file=sys.stderr,
            )


def _add_called(commands: Any, command: Command) -> None:
    about = _help(type(command))
    if command.of_study:
        parser = studies.add_command(commands, command.name, command.run, about, "name")
        parser.set_defaults(run=partial(_run_on_study, command))
    else:
        parser = commands.add_parser(command.name, help=about, description=about)
        parser.set_defaults(run=partial(_run_command, command))
    command.add_arguments(parser)


def _help(cls: Any) -> str:
    """Return the line about a subcommand, in which argparse finds no format."""
    return printable(str(getattr(cls, "about", ""))).replace("%", "%%")


def _run_on_study(command: Command, arguments: argparse.Namespace) -> str:
    arguments.storage = studies.storage_at(arguments, arguments.url)
    return _run_command(command, arguments)


def _run_command(command: Command, arguments: argparse.Namespace) -> str:
    with redirect_stdout(sys.stderr):
        text = command.run(arguments)
    return "\n".join(map(printable, text.split("\n")))


def _run(command: str, arguments: argparse.Namespace) -> str:
    with redirect_stdout(sys.stderr):  # keep the output of plugins out of stdout
        rows = _rows(command)
    return as_json(rows) if arguments.json else table(rows)


def _rows(command: str) -> list[dict[str, Any]]:
    plugins = Plugins()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the table lists disabled plugins
        if command == "plugins":
            return [asdict(record) for record in plugins.records()]
        (kind,) = (kind for kind, found in EXTENSION_POINTS.items() if found.plural == command)
        return [
            {"name": name, "plugin": owner.name, "distribution": owner.distribution}
            for name, owners in sorted(plugins.providers(kind).items())
            for owner in owners
        ]
