"""A plugin with a wrong signature."""

from tuneplug.plugins import hookimpl


@hookimpl
def tuneplug_strategies(color):
    return []
