"""The subcommand ``tuneplug report``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import final

from tuneplug import StorageError, Study
from tuneplug.plugins import Command
from tuneplug.storage import SqliteStorage

__all__ = ["ReportCommand"]


@final
class ReportCommand(Command):
    """Write the report of a stored study."""

    name = "report"
    about = "write a report of a study: one page of HTML"
    of_study = True

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the option of the file to write."""
        where = {"metavar": "FILE", "default": "report.html", "help": "default: report.html"}
        parser.add_argument("-o", "--output", **where)  # type: ignore[arg-type]

    def run(self, arguments: argparse.Namespace) -> str:
        """Write the report and return the name of the file."""
        from tuneplug_report.writing import write_report

        storage, output = arguments.storage, Path(arguments.output)
        own = isinstance(storage, SqliteStorage) and output.exists()
        if own and output.samefile(storage.path):
            raise StorageError(
                "a report must not replace the file of its study, but got --output "
                f"{str(output)!r}: give another file"
            )
        write_report(Study.load(storage, arguments.name), output)
        return f"wrote {output}"
