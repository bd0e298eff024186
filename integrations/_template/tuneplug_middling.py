"""A plugin for tuneplug: a strategy that keeps to the middle of the space."""

from tuneplug.plugins import hookimpl
from tuneplug.strategies import RandomSearch, Strategy, Suggestion

tuneplug_api_version = 1


class Middling(Strategy):
    """Random configurations, half of the way to the middle; where those are taken, others."""

    name = "middling"

    def suggest(self, context, n):
        space, taken = context.space, context.tried_keys()
        drawn = RandomSearch().suggest(context, n)  # raises where nothing is left
        taken |= {space.keys(space.snap(space.encode(s.params)[None]))[0] for s in drawn}
        suggestions = []
        for found in drawn:
            near = space.snap(0.25 + 0.5 * space.encode(found.params)[None])
            free = space.keys(near)[0] not in taken
            taken |= set(space.keys(near))
            params = space.decode(near[0]) if free else found.params
            suggestions.append(Suggestion(params, origin="middling"))
        return suggestions


@hookimpl
def tuneplug_strategies():
    return Middling
