"""A plugin for tuneplug: a strategy that keeps to the middle of the space."""

from tuneplug.plugins import hookimpl
from tuneplug.strategies import RandomSearch, Strategy, Suggestion

tuneplug_api_version = 1


class Middling(Strategy):
    """Random settings, half of the way to the middle; where those are taken, others."""

    name = "middling"

    def suggest(self, context, n):
        space, taken = context.space, context.taken()
        suggestions = []
        for found in RandomSearch().suggest(context, n):  # raises where nothing is left
            near = space.snap(0.25 + 0.5 * space.encode(found.params)[None])
            free = space.keys(near)[0] not in taken
            params = space.decode(near[0]) if free else found.params
            taken |= set(space.keys(space.snap(space.encode(params)[None])))
            suggestions.append(Suggestion(params, origin="middling"))
        return suggestions


@hookimpl
def tuneplug_strategies():
    return Middling
