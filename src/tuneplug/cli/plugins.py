"""The commands that list plugins, and the names that they register."""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial
from typing import Any

from tuneplug.cli.output import as_json, table
from tuneplug.plugins.extension_points import EXTENSION_POINTS
from tuneplug.plugins.manager import Plugins

__all__ = ["add_commands"]


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
