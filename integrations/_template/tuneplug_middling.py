"""A plugin for tuneplug: a strategy that prefers the middle of the space."""

from tuneplug.plugins import hookimpl
from tuneplug.strategies import RandomSearch, Strategy, Suggestion

tuneplug_api_version = 1


class Middling(Strategy):
    """Suggest random configurations moved halfway to the middle, or unmoved if those are taken."""

    name = "middling"

    def suggest(self, context, n):
        space, taken = context.space, context.tried_keys()
        drawn = RandomSearch().suggest(context, n)  # raises SpaceExhausted if none is left
        taken |= {space.key(s.params) for s in drawn}
        suggestions = []
        for suggestion in drawn:
            params = space.decode(0.25 + 0.5 * space.locate(suggestion.params))
            if space.key(params) in taken:
                params = suggestion.params
            taken.add(space.key(params))
            suggestions.append(Suggestion(params, origin="middling"))
        return suggestions


@hookimpl
def tuneplug_strategies():
    return Middling
