"""Optuna's samplers as strategies of ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, final

from tuneplug.strategies import Context, Strategy, Suggestion, sample_untried, take_suggestions
from tuneplug_optuna._compat import OPTUNA

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from tuneplug_optuna.rehearsal import Rehearsal

__all__ = ["OptunaStrategy"]


@final
class OptunaStrategy(Strategy):
    """Let a sampler of Optuna's propose the configurations.

    The sampler is asked as in an objective of Optuna's: parameters by their names and in the user's
    units, conditional ones where they are active, losses to be minimized, trials that were stopped
    as pruned ones.  Scales that Optuna has not (reversed logarithm, quantiles, those of plugins)
    are searched in their unit interval, and choices that it does not take go by a label.

    A suggestion depends on the history and the seed of the study alone, whatever the sampler keeps:
    for each trial a copy of the sampler is asked, with random states of its own.  Where it proposes
    a configuration that was tried or is running, it is asked up to ten times, then another is drawn
    at random.

    Parameters
    ----------
    sampler : optuna.samplers.BaseSampler, optional
        ``TPESampler()``, as in Optuna, by default.  It must be picklable.  Its random states are
        not used; a seed that it keeps as a number, as ``QMCSampler`` does, is.

    Raises
    ------
    TypeError
        If it is not a sampler, or cannot be pickled.
    MissingDependencyError
        If Optuna is not installed.

    Examples
    --------
    >>> from optuna.samplers import TPESampler
    >>> from tuneplug import Float, Study
    >>> from tuneplug_optuna import OptunaStrategy
    >>> strategy = OptunaStrategy(TPESampler(n_startup_trials=5))
    >>> study = Study({"x": Float(-2.0, 2.0)}, strategy=strategy, seed=0)
    >>> study.optimize(lambda trial: (trial.params["x"] - 1.0) ** 2, 30)
    >>> abs(study.best_params["x"] - 1.0) < 0.2
    True
    """

    name: ClassVar[str] = "optuna"

    def __init__(self, sampler: BaseSampler | None = None) -> None:
        with OPTUNA.required_by("OptunaStrategy"):
            from optuna.samplers import BaseSampler, TPESampler

            from tuneplug_optuna.reseeding import Template
        if sampler is None:
            sampler = TPESampler()
        if not isinstance(sampler, BaseSampler):
            raise TypeError(f"sampler must be an Optuna sampler, but got {sampler!r}")
        #: As it was given.
        self.sampler = sampler
        self._template = Template(sampler)
        self._kept: list[Rehearsal] = []  # at most one: the trials before the first that runs

    def __repr__(self) -> str:
        return f"OptunaStrategy({type(self.sampler).__name__})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": []}

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        return take_suggestions(self._suggestions(context), context, n, whole="the sampler's")

    def _suggestions(self, context: Context) -> Iterator[Suggestion]:
        space, taken = context.space, context.tried_keys()
        rehearsal = self._rehearsed(context)
        origin = type(self.sampler).__name__
        for number in itertools.count(len(context.history)):
            row, found = rehearsal.next(number, taken), origin
            if row is None and rehearsal.study.through:
                return
            if row is None:
                row, found = sample_untried(space, taken, context.rng(number)), "random"
            if row is None:
                return
            taken.update(space.keys(row))
            yield Suggestion.from_point(space, row, origin=found)

    def _rehearsed(self, context: Context) -> Rehearsal:
        """Return a study of Optuna's that has been told of the history, to be asked once."""
        from tuneplug_optuna.rehearsal import Rehearsal

        history = context.history
        try:
            kept = self._kept.pop()  # nobody else's meanwhile
        except IndexError:
            kept = None
        if kept is None or not kept.fits(context):
            kept = Rehearsal(self._template, context)
        settled = next((t.number for t in history if not t.state.ended), len(history))
        kept.learn(history[len(kept.told) : settled], history.sign)
        rehearsal = kept.copy()
        self._kept[:] = [kept]
        rehearsal.learn(history[settled:], history.sign)
        return rehearsal
