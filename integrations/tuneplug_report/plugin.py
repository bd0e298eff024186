"""Register the subcommand through tuneplug's hook."""

from __future__ import annotations

from tuneplug.plugins import Command, hookimpl
from tuneplug_report.command import ReportCommand

__all__ = ["tuneplug_commands"]


@hookimpl
def tuneplug_commands() -> type[Command]:
    return ReportCommand
