"""A plugin for another version of the hooks."""

from tuneplug.plugins import hookimpl

tuneplug_api_version = 99


@hookimpl
def tuneplug_strategies():
    return []
