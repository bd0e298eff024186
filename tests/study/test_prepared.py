"""Suggestions that are computed ahead of ``ask``: the same trials, with and without."""

import pytest

from tuneplug import Float, Int, SpaceExhausted, Study
from tuneplug.storage import MemoryStorage
from tuneplug.strategies import RandomSearch, Strategy, Suggestion

SPACE = {"x": Float(0.0, 1.0), "k": Int(1, 9)}


class Counting(Strategy):
    """Random search that counts its suggestions, and raises ``error`` if it has one."""

    name = "counting"

    def __init__(self):
        self.n_suggested, self.error = 0, None

    def suggest(self, context, n):
        self.n_suggested += 1
        if self.error is not None:
            raise self.error
        return RandomSearch().suggest(context, n)


def loss(trial):
    return (trial.params["x"] - 0.3) ** 2 + 0.1 * (trial.params["k"] - 4) ** 2


def started(n=6, *, strategy=None, **options):
    """Return a study with n told trials and one running trial."""
    study = Study(SPACE, strategy=strategy or Counting(), seed=0, **options)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, loss(trial), cost=1.0)
    study.ask()
    return study


def params(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("strategy", ["bayesian", "random", "hyperband"])
@pytest.mark.parametrize("lag", [0, 1, 2])
def test_prepared_studies_have_the_same_trials(strategy, lag):
    studies = [Study(SPACE, strategy=strategy, seed=3, n_trials=14) for _ in range(2)]
    for prepares, study in enumerate(studies):
        running = []
        for number in range(14):
            if prepares:
                study.prepare(lag=min(lag, number))
            running.append(study.ask(lag=min(lag, number)))
            if prepares:
                study.prepare(lag=min(lag, number + 1))
            if len(running) > lag:
                ended = running.pop(0)
                study.tell(ended, loss(ended), cost=1.0)
    one, other = studies
    assert params(one) == params(other)
    gains = [[trial.expected_improvement for trial in study.trials] for study in studies]
    assert gains[0] == gains[1]


def test_ask_uses_a_prepared_suggestion_once():
    study = started()
    before = study.strategy.n_suggested
    study.prepare()
    study.prepare()
    assert study.strategy.n_suggested == before + 1
    study.ask()
    assert study.strategy.n_suggested == before + 1
    study.ask()
    assert study.strategy.n_suggested == before + 2


def test_preparing_starts_and_stores_no_trial():
    storage = MemoryStorage()
    study = Study(SPACE, storage=storage, name="ahead", seed=0)
    study.prepare()
    assert len(study.history) == 0
    assert storage.studies() == []


def test_results_behind_the_lag_keep_the_suggestion():
    study = started()
    study.prepare(lag=1)
    before = study.strategy.n_suggested
    study.tell(study.trials[-1], 0.5)
    study.ask(lag=1)
    assert study.strategy.n_suggested == before


CHANGES = {
    "a result": lambda study: study.tell(study.trials[-1], 0.5),
    "a failure": lambda study: study.fail(study.trials[-1], "broken"),
    "a report": lambda study: study.trials[-1].report(0.5, step=1),
    "another trial": lambda study: study.enqueue({"x": 0.25, "k": 2}) or study.ask(),
    "an observation": lambda study: study.add_observation({"x": 0.5, "k": 5}, 0.1),
    "a longer budget": lambda study: study.optimize(loss, n_trials=1),
    "another strategy": lambda study: setattr(study, "strategy", RandomSearch()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_in_between_let_ask_suggest_anew(change):
    prepared, without = started(n_trials=8), started(n_trials=8)
    prepared.prepare()
    for study in (prepared, without):
        CHANGES[change](study)
    before = [getattr(study.strategy, "n_suggested", 0) for study in (prepared, without)]
    assert prepared.ask().params == without.ask().params
    after = [getattr(study.strategy, "n_suggested", 0) for study in (prepared, without)]
    assert after[0] - before[0] == after[1] - before[1]


def test_enqueued_configuration_comes_before_a_prepared_suggestion():
    study = started()
    study.prepare()
    study.enqueue({"x": 0.25, "k": 2})
    assert study.ask().origin == "user"
    assert study.ask().params == reference(8)


def reference(number):
    """Return the configuration of a trial of the same study, which was never prepared."""
    study = started()
    study.enqueue({"x": 0.25, "k": 2})
    while len(study.history) <= number:
        study.ask()
    return study.trials[number].params


def test_nothing_is_prepared_before_an_enqueued_configuration():
    study = started()
    before = study.strategy.n_suggested
    study.enqueue({"x": 0.25, "k": 2})
    study.prepare()
    assert study.strategy.n_suggested == before


@pytest.mark.parametrize("error", [SpaceExhausted("nothing is left"), ArithmeticError("broken")])
def test_exception_of_a_strategy_while_preparing_is_raised_by_ask(error):
    study = started()
    study.strategy.error = error
    study.prepare()
    with pytest.raises(type(error)) as raised:
        study.ask()
    assert raised.value is error
    study.strategy.error = None
    assert study.ask().number == 7


def test_wrong_answer_of_a_strategy_is_an_error_of_ask():
    study = started()
    study.strategy.suggest = lambda context, n: Suggestion({})
    study.prepare()
    with pytest.raises(TypeError, match="must return a list"):
        study.ask()


def test_interrupt_while_preparing_is_raised_at_once():
    study = started()
    study.strategy.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        study.prepare()


@pytest.mark.parametrize("lag", [-1, 0.5, True])
def test_lag_must_be_a_count(lag):
    with pytest.raises(ValueError, match="lag must be an integer of at least 0"):
        started().prepare(lag=lag)


def test_resumed_study_fails_interrupted_trials_before_it_asks():
    storage = MemoryStorage()
    started(strategy="random", storage=storage, name="ahead")
    study = Study(SPACE, strategy=Counting(), storage=storage, name="ahead")
    study.prepare()
    study.ask()
    assert study.strategy.n_suggested == 2, "the interrupted trial has ended in between"
