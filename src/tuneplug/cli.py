"""The command ``tuneplug``: list the installed plugins and the names that they register.

tuneplug --version
tuneplug plugins [--json]
tuneplug strategies | scalings | stopping-rules | executors | storages | ... [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Any

from tuneplug import __version__
from tuneplug.errors import PluginError
from tuneplug.plugins.extension_points import EXTENSION_POINTS
from tuneplug.plugins.manager import Plugins

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 if strict mode raised an error, else 0."""
    parser = argparse.ArgumentParser(prog="tuneplug", description="List the installed plugins.")
    parser.add_argument("--version", action="version", version=f"tuneplug {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    about = {"plugins": "all plugins, their hooks, and why a plugin is disabled"}
    about |= {
        kind.plural: f"names of all {kind.plural}, and the plugins that register them"
        for kind in EXTENSION_POINTS.values()
    }
    for name, text in about.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    try:
        with redirect_stdout(sys.stderr):  # keep the output of plugins out of stdout
            rows = _rows(arguments.command)
    except PluginError as error:
        print(error, file=sys.stderr)
        return 1
    _show(json.dumps(rows, indent=2) if arguments.json else _table(rows))
    return 0


def _show(text: str) -> None:
    """Print text, escaping unencodable characters and ignoring a closed pipe."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:  # from "| head"; Python must not flush stdout again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as aligned columns, with a dash for an empty value or None."""
    if not rows:
        return "none"

    def shown(value: Any) -> str:
        return ", ".join(value) if isinstance(value, tuple) else str(value or "")

    lines = [list(rows[0]), *([shown(value) or "-" for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
