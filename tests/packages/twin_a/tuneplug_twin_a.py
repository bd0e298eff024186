"""One of two plugins that claim one name."""

from tuneplug.plugins import hookimpl
from tuneplug.strategies import RandomSearch


class Twin(RandomSearch.__base__):
    """Random configurations."""

    name = "twin"

    def suggest(self, context, n):
        return RandomSearch().suggest(context, n)


@hookimpl
def tuneplug_strategies():
    return [Twin]
