"""Asynchronous Hyperband whose rungs are trials of their own."""

from __future__ import annotations

import contextlib

import pytest

from tuneplug import Float, SpaceExhausted, Study
from tuneplug.strategies import AsynchronousHyperband
from tuneplug.strategies.async_hyperband import resource_levels

SPACE = {"x": Float(0.0, 1.0)}


def run(n, space=SPACE, loss=lambda trial: trial.params["x"], **options):
    """Return a study after n trials, of resources 1, 3, 9 and 27."""
    study = Study(space, strategy=AsynchronousHyperband(1, 27, **options), seed=0)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, loss(trial))
    return study


def resources(study):
    return [trial.resource for trial in study.trials]


@pytest.mark.parametrize(
    ("least", "most", "factor", "levels"),
    [
        (1, 27, 3, (1, 3, 9, 27)),
        (60, 569, 3, (60, 180, 569)),
        (10, 80, 2, (10, 20, 40, 80)),
        (90, 150, 3, (90, 150)),
        (1519, 41000, 3, (1519, 4557, 13671, 41000)),
        (5, 5, 3, (5,)),
    ],
)
def test_levels_grow_by_the_factor_and_skip_those_that_save_little(least, most, factor, levels):
    assert resource_levels(least, most, factor) == levels


def test_what_is_among_the_best_third_of_its_level_comes_again_at_the_next_one():
    study = run(40)  # all in the first bracket
    promoted = [trial for trial in study.trials if trial.origin == "promotion"]
    assert {trial.resource for trial in promoted} == {3, 9, 27}
    assert len(promoted) + resources(study).count(1) == 40
    for trial in promoted:
        below = [t for t in study.trials[: trial.number] if 3 * t.resource == trial.resource]
        better = [t for t in below if t.params["x"] < trial.params["x"]]
        assert trial.params in [t.params for t in below]
        assert len(better) < len(below) // 3


def test_a_promotion_is_a_new_trial_of_the_same_configuration_with_its_share_as_fidelity():
    study = run(4)
    assert resources(study) == [1, 1, 1, 3]
    first = min(study.trials[:3], key=lambda trial: trial.value)
    last = study.trials[3]
    assert (last.params, last.origin) == (first.params, "promotion")
    assert [trial.fidelity for trial in study.trials] == [1 / 27, 1 / 27, 1 / 27, 3 / 27]
    assert study.history.best() is None


def test_later_brackets_start_at_higher_levels():
    study = run(90, loss=lambda trial: 0.0)
    first = {}
    for trial in study.trials:
        first.setdefault(trial.params["x"], trial.resource)
    assert list(first.values())[:40] == [1] * 27 + [3] * 12 + [9]


def test_failed_and_running_trials_are_not_promoted():
    study = Study(SPACE, strategy=AsynchronousHyperband(1, 27), seed=0)
    asked = [study.ask() for _ in range(6)]
    assert [trial.resource for trial in asked] == [1] * 6
    for trial in asked[:3]:
        study.fail(trial, "made to fail")
    assert study.ask().resource == 1
    for trial in asked[3:]:
        study.tell(trial, trial.params["x"])
    assert [study.ask().resource for _ in range(3)] == [3, 3, 1]


def test_suggestions_are_a_function_of_the_history():
    study, copied = run(50), run(50)
    assert [t.params for t in study.trials] == [t.params for t in copied.trials]
    fresh = AsynchronousHyperband(1, 27).suggest(study._context(), 3)
    assert fresh == study.strategy.suggest(study._context(), 3)
    assert len({(s.params["x"], s.resource) for s in fresh}) == 3


@pytest.mark.parametrize("budget", [1, 2, 3, 8, 25])
def test_a_budget_pays_for_full_trials_of_the_best_configurations_at_its_end(budget):
    study, spent = Study(SPACE, strategy=AsynchronousHyperband(1, 27, 3, budget), seed=0), 0.0
    while spent <= budget - 1 + 1e-9:
        trial = study.ask()
        study.tell(trial, trial.params["x"])
        spent += trial.fidelity
    assert budget - 1 < spent <= budget + 1e-9
    assert study.trials[-1].fidelity == 1.0 or study.history.best() is not None
    if budget > 2:
        assert study.best_params["x"] == min(t.params["x"] for t in study.trials)


def test_the_last_tenth_of_planned_trials_is_full():
    study = Study(SPACE, strategy=AsynchronousHyperband(1, 27), seed=0, n_trials=20)
    for _ in range(20):
        trial = study.ask()
        study.tell(trial, trial.params["x"])
    assert resources(study)[-2:] == [27, 27]
    assert max(resources(study)[:-2]) < 27


def test_a_finite_space_is_tried_once_at_each_level_until_it_is_exhausted():
    study = Study({"k": [1, 2, 3, 4]}, strategy=AsynchronousHyperband(1, 9), seed=0)
    with contextlib.suppress(SpaceExhausted):
        while len(study.trials) < 20:
            trial = study.ask()
            study.tell(trial, trial.params["k"])
    assert len(study.trials) < 20
    tried = [(trial.params["k"], trial.resource) for trial in study.trials]
    assert len(set(tried)) == len(tried)
    assert {k for k, resource in tried if resource == 9} == {1, 2, 3, 4}


def test_configurations_of_the_user_are_tried_in_full_and_not_again():
    study = Study(SPACE, strategy=AsynchronousHyperband(1, 27), seed=0)
    study.enqueue({"x": 0.0})
    for _ in range(30):
        trial = study.ask()
        study.tell(trial, trial.params["x"])
    mine = [trial for trial in study.trials if trial.params["x"] == 0.0]
    assert [(trial.number, trial.fidelity, trial.resource) for trial in mine] == [(0, 1.0, 27)]


def test_feasible_results_are_promoted_before_better_infeasible_ones():
    study = Study(SPACE, strategy=AsynchronousHyperband(1, 27), seed=0)
    for _ in range(60):
        trial = study.ask()
        study.tell(trial, trial.params["x"], constraints=[0.5 - trial.params["x"]])
    full = [trial.params["x"] for trial in study.trials if trial.is_full]
    assert full
    assert min(full) >= 0.5


def test_a_large_factor_is_as_fast_as_a_small_one():
    study = Study(SPACE, strategy=AsynchronousHyperband(1, 10**18, 10**9), seed=0)
    assert study.ask().resource == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 9), "min_resource"),
        ((9, 3), "max_resource"),
        ((1, 9, 1), "reduction_factor"),
        ((1, 9, 3, 0), "budget"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AsynchronousHyperband(*arguments)
