"""The contract of strategies."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tuneplug.errors import SpaceExhausted
from tuneplug.space import SearchSpace
from tuneplug.space.parameters import Float, Int
from tuneplug.strategies.base import Context, Strategy
from tuneplug.study import Study
from tuneplug.trial import History, Trial

__all__ = ["StrategyContract"]


class StrategyContract:
    """Tests of a strategy; define the fixture ``strategy``, which returns a new instance.

    Override ``space`` if the strategy needs another kind of space.
    """

    #: Search space of the tests: a float, an integer on a log scale, and a categorical.
    space: ClassVar[Any] = {
        "x": Float(0.0, 1.0),
        "n": Int(1, 1000, "log"),
        "kind": ["a", "b", None],
    }
    n_trials = 12

    def run(self, strategy: Strategy, n_trials: int, seed: int = 0) -> Study:
        """Return a study of a loss with one minimum, in which every fourth trial fails."""
        study = Study(self.space, strategy=strategy, seed=seed, n_trials=n_trials)
        for _ in range(n_trials):
            self.tell(study, study.ask())
        return study

    @staticmethod
    def tell(study: Study, trial: Any) -> None:
        if trial.number % 4 == 3:
            study.fail(trial, "made to fail")
        else:
            study.tell(trial, float(np.sum((trial.point - 0.3) ** 2)))

    def test_name_is_a_non_empty_string(self, strategy: Strategy) -> None:
        assert isinstance(strategy.name, str)
        assert strategy.name

    def test_every_suggestion_is_a_configuration_of_the_space(self, strategy: Strategy) -> None:
        study = self.run(strategy, self.n_trials)
        for trial in study.trials:
            canonical = study.space.canonical(trial.params)
            assert list(canonical.items()) == list(trial.params.items())
            types = [type(value) for value in trial.params.values()]
            assert [type(value) for value in canonical.values()] == types

    def test_point_of_a_trial_is_the_location_of_its_params(self, strategy: Strategy) -> None:
        study = self.run(strategy, self.n_trials)
        for trial in study.trials:
            assert trial.point.tobytes() == study.space.locate(trial.params).tobytes()
            assert np.all((trial.point >= 0.0) & (trial.point <= 1.0))

    def test_same_seed_gives_the_same_trials(self, strategy: Strategy) -> None:
        copied = pickle.loads(pickle.dumps(strategy))  # noqa: S301  pickled here
        one, two = self.run(strategy, self.n_trials), self.run(copied, self.n_trials)
        assert [t.params for t in one.trials] == [t.params for t in two.trials]

    def test_replaying_the_history_gives_the_same_suggestion(self, strategy: Strategy) -> None:
        fresh = pickle.dumps(strategy)
        study = self.run(strategy, self.n_trials)
        replayed = Study(self.space, strategy=pickle.loads(fresh), seed=0, n_trials=self.n_trials)  # noqa: S301
        copied = History(pickle.loads(pickle.dumps(study.trials)), study.history.sign)  # noqa: S301
        context = Context(replayed.space, copied, self.n_trials, 0)
        suggested = pickle.loads(fresh).propose(context)  # noqa: S301  pickled here
        for trial in study.trials:
            replayed.enqueue(trial.params)
        for _ in study.trials:
            self.tell(replayed, replayed.ask())
        only_full = len(replayed.trials) == len(study.history.full())
        asked = study.ask()
        assert study.space.canonical(suggested.params) == asked.params
        assert suggested.fidelity == asked.fidelity
        if len(study.trials) == len(replayed.trials) + 1 and only_full:
            assert asked.params == replayed.ask().params

    @staticmethod
    def keys(space: SearchSpace, trials: Sequence[Trial]) -> list[tuple[bytes, float]]:
        """Return what counts as tried: the key of each configuration and its fidelity."""
        points = np.array([trial.point for trial in trials])
        fidelities = [trial.fidelity for trial in trials]
        return list(zip(space.keys(points), fidelities, strict=True))

    def test_no_configuration_is_suggested_twice(self, strategy: Strategy) -> None:
        study = self.run(strategy, self.n_trials)
        if not strategy.allow_repeats:
            keys = self.keys(study.space, study.trials)
            assert len(set(keys)) == len(keys)

    def test_suggestions_of_one_call_are_untried_and_distinct(self, strategy: Strategy) -> None:
        study = self.run(strategy, self.n_trials)
        context = Context(study.space, study.history, None, study.seed)
        suggested = strategy.suggest(context, 8)
        assert 1 <= len(suggested) <= 8
        keys = [(study.space.key(found.params), found.fidelity) for found in suggested]
        if not strategy.allow_repeats:
            assert len(set(keys)) == len(keys)
            assert not any(key in context.tried_keys(fidelity) for key, fidelity in keys)

    def test_running_trials_are_not_suggested_again(self, strategy: Strategy) -> None:
        study = self.run(strategy, 4)
        asked = [study.ask() for _ in range(4)]
        if not strategy.allow_repeats:
            assert len(set(self.keys(study.space, asked))) == 4

    def test_finite_space_is_searched_completely_before_space_exhausted(
        self, strategy: Strategy
    ) -> None:
        if strategy.allow_repeats:
            return
        study = Study({"k": [1, 2, 3]}, strategy=strategy, seed=0)
        for _ in range(100):
            try:
                study.tell(study.ask(), 0.0)
            except SpaceExhausted:
                break
        else:
            raise AssertionError(
                "suggest must raise SpaceExhausted if no untried configuration is left"
            )
        assert {trial.params["k"] for trial in study.trials if trial.is_full} == {1, 2, 3}

    def test_suggests_a_valid_configuration_after_only_failures(self, strategy: Strategy) -> None:
        study = Study(self.space, strategy=strategy, seed=0)
        for _ in range(8):
            study.fail(study.ask(), "made to fail")
        assert study.space.canonical(study.ask().params)
