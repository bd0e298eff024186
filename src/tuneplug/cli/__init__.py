"""The command ``tuneplug``: installed plugins, and the studies of a storage."""

from tuneplug.cli.command import main

__all__ = ["main"]
