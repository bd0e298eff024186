"""Use an Optuna sampler as a strategy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, final

from tuneplug.strategies import Context, Strategy, Suggestion, sample_untried, take_suggestions
from tuneplug_optuna._compat import OPTUNA

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from tuneplug_optuna.replay import ReplayedStudy

__all__ = ["OptunaStrategy"]


@final
class OptunaStrategy(Strategy):
    """Suggest configurations with an Optuna sampler.

    The sampler sees a study as in Optuna: parameters by name and in the user's units, conditional
    parameters where they are active, losses to minimize, stopped trials as pruned.  A scaling that
    Optuna does not have (reverse log, quantiles, those of plugins) is sampled on its unit interval.
    A category that Optuna does not accept is given as a label.

    A suggestion is a function of the history and the seed of the study, also for a sampler with
    state: each trial is sampled by a copy of the sampler with seeded random states.  If the sampler
    suggests a configuration that was tried or is running, it is asked again, at most ten times in
    all.  Then an untried configuration is drawn at random.

    Parameters
    ----------
    sampler : optuna.samplers.BaseSampler, optional
        If None, ``TPESampler()``, as in Optuna.  It must be picklable.  Its random states are not
        used.  A seed that it stores as a number is used, as in ``QMCSampler``.

    Raises
    ------
    TypeError
        If ``sampler`` is not an Optuna sampler or cannot be pickled.
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

            from tuneplug_optuna.replay import SeededSamplerFactory
        if sampler is None:
            sampler = TPESampler()
        if not isinstance(sampler, BaseSampler):
            raise TypeError(f"sampler must be an Optuna sampler, but got {sampler!r}")
        #: The sampler as given; it is never changed.
        self.sampler = sampler
        self._factory = SeededSamplerFactory(sampler)
        self._cache: list[ReplayedStudy] = []  # at most one, of the trials before the first running

    def __repr__(self) -> str:
        return f"OptunaStrategy({type(self.sampler).__name__})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": []}

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        return take_suggestions(self._suggestions(context), context, n, whole="the sampler's")

    def _suggestions(self, context: Context) -> Iterator[Suggestion]:
        space, tried = context.space, context.tried_keys()
        study = self._replayed_study(context)
        for number in itertools.count(len(context.history)):
            point, origin = study.suggest(number, tried), type(self.sampler).__name__
            if point is None and study.stop_requested:
                return
            if point is None:
                point, origin = sample_untried(space, tried, context.rng(number)), "random"
            if point is None:
                return
            tried.update(space.keys(point))
            yield Suggestion.from_point(space, point, origin=origin)

    def _replayed_study(self, context: Context) -> ReplayedStudy:
        """Return a study that has replayed the history; the caller may change it."""
        from tuneplug_optuna.replay import ReplayedStudy

        history = context.history
        try:
            cached = self._cache.pop()  # removed, so that no other thread changes it
        except IndexError:
            cached = None
        if cached is None or not cached.is_prefix_of(context):
            cached = ReplayedStudy(self._factory, context)
        first_running = next((t.number for t in history if not t.state.ended), len(history))
        cached.replay(history[cached.n_replayed : first_running], history.sign)
        study = cached.copy()
        self._cache[:] = [cached]
        study.replay(history[first_running:], history.sign)
        return study
