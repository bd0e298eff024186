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
        taken |= {space.key(s.params) for s in drawn}
        suggestions = []
        for found in drawn:
            params = space.decode(0.25 + 0.5 * space.locate(found.params))
            if space.key(params) in taken:
                params = found.params
            taken.add(space.key(params))
            suggestions.append(Suggestion(params, origin="middling"))
        return suggestions


@hookimpl
def tuneplug_strategies():
    return Middling
