"""A plugin with a hook that does not exist."""

from tuneplug.plugins import hookimpl


@hookimpl
def tuneplug_stategies():
    return []
