"""MultiFidelitySearch: looks at a share of the resource, and full trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tuneplug import Float, Study, TrialState
from tuneplug.storage import SqliteStorage
from tuneplug.strategies import (
    AsynchronousHyperband,
    BayesianSearch,
    Context,
    HyperbandSearch,
    MultiFidelitySearch,
)
from tuneplug.testing import StrategyContract

SPACE = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}


class TestContract(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return MultiFidelitySearch(1, 27, n_initial=4, cost_aware=False)


def loss(params, fidelity):
    """Return a loss with its minimum 0 at (0.3, 0.6), worse and rougher at a lower fidelity."""
    x, y = params["x"], params["y"]
    rough = 0.03 * math.sin(25.0 * x + 14.0 * y) + 0.3
    return (x - 0.3) ** 2 + (y - 0.6) ** 2 + rough * (1.0 - fidelity) ** 4


def tell(study, trial, cost=True):
    share = trial.resource / 27
    assert share == pytest.approx(trial.fidelity)
    spent = share * (1.0 + trial.params["x"]) if cost else None
    study.tell(trial, loss(trial.params, share), cost=spent)


def run(n, strategy=None, seed=0, n_trials=None, cost=True):
    study = Study(
        SPACE, strategy=strategy or MultiFidelitySearch(1, 27), seed=seed, n_trials=n_trials
    )
    for _ in range(n):
        tell(study, study.ask(), cost)
    return study


def test_search_starts_with_looks_and_takes_the_best_two_in_full():
    study = run(8, MultiFidelitySearch(1, 27, cost_aware=False))
    looks, full = study.trials[:6], study.trials[6:]
    assert {trial.fidelity for trial in looks} == {3 / 27}
    assert {trial.resource for trial in looks} == {3}
    best = sorted(looks, key=lambda trial: trial.value)[:2]
    assert [trial.params for trial in full] == [trial.params for trial in best]
    assert {trial.fidelity for trial in full} == {1.0}


def run_with_costs(look_cost, n=20, **options):
    """Return a study in which full trials cost 1 to 2, and looks a share of that."""
    study = Study(SPACE, strategy=MultiFidelitySearch(1, 27), seed=0, **options)
    for _ in range(n):
        trial = study.ask()
        share = 1.0 if trial.is_full else look_cost
        cost = share * (1.0 + trial.params["x"])
        study.tell(trial, loss(trial.params, trial.fidelity), cost=cost)
    return study


def test_first_look_with_a_cost_is_compared_with_its_full_trial():
    first, second, *others = run_with_costs(0.15, 8).trials
    assert not first.is_full
    assert second.is_full
    assert second.params == first.params
    assert not any(trial.is_full for trial in others[:5])
    assert others[5].is_full


def test_more_looks_of_the_design_follow_as_long_as_they_have_half_of_the_spending():
    design = [t for t in run_with_costs(0.15).trials if t.origin == "design"]
    assert sum(not trial.is_full for trial in design) == 12
    assert sum(trial.is_full for trial in design) == 4


@pytest.mark.parametrize("n_trials", [None, 15])
@pytest.mark.parametrize("look_cost", [0.45, 1.0, 3.0])
def test_where_looks_are_dear_the_full_trials_are_those_of_the_bayesian_search(look_cost, n_trials):
    look, *full = run_with_costs(look_cost, 15, n_trials=n_trials).trials
    assert not look.is_full
    strategy = BayesianSearch(cost_aware=True)
    plain = Study(SPACE, strategy=strategy, seed=0, n_trials=n_trials and n_trials - 1)
    for _ in range(14):
        trial = plain.ask()
        plain.tell(trial, loss(trial.params, 1.0), cost=1.0 + trial.params["x"])
    assert [t.params for t in full] == [t.params for t in plain.trials]
    assert all(t.is_full for t in full)


@pytest.mark.parametrize("seed", range(3))
def test_search_finds_the_optimum_for_the_cost_of_few_full_trials(seed):
    study = run(26, seed=seed)
    assert study.best_trial.is_full
    assert study.best_value < 0.02
    assert sum(trial.fidelity for trial in study.trials) < 16.0


@pytest.mark.parametrize("cost", [True, False])
def test_looks_have_at_most_half_of_the_spending(cost):
    study = run(40, MultiFidelitySearch(1, 27, cost_aware=cost), cost=cost)
    low = total = 0.0
    for trial in study.trials:
        spent = trial.cost if cost else trial.fidelity
        total += spent
        low += spent * (not trial.is_full)
        if not trial.is_full and any(t.is_full for t in study.trials[: trial.number]):
            assert low <= 0.55 * total  # costs are predicted before they are known
    assert 0.0 < low < total


def test_last_tenth_of_the_trials_is_full():
    study = run(30, n_trials=30)
    assert all(trial.is_full for trial in study.trials[-3:])
    assert not all(trial.is_full for trial in study.trials)


def test_last_tenth_of_a_budget_of_full_trials_is_full():
    study = run(60, MultiFidelitySearch(1, 27, budget=8.0))
    used = np.cumsum([trial.fidelity for trial in study.trials])
    late = [trial for trial, before in zip(study.trials[1:], used, strict=False) if before >= 7.2]
    assert late
    assert all(trial.is_full for trial in late)


def test_configuration_is_tried_again_only_with_more():
    study = run(40)
    seen = {}
    for trial in study.trials:
        key = tuple(trial.params.values())
        assert trial.fidelity > seen.get(key, 0.0)
        seen[key] = trial.fidelity
    assert len(seen) < len(study.trials)


@pytest.mark.parametrize("cost_aware", [True, False])
def test_without_looks_the_trials_are_those_of_the_bayesian_search(cost_aware):
    def trials(strategy):
        study = Study(SPACE, strategy=strategy, seed=1)
        for _ in range(12):
            trial = study.ask()
            study.tell(trial, loss(trial.params, 1.0), cost=1.0 + 9.0 * trial.params["x"])
        return [(trial.params, trial.fidelity) for trial in study.trials]

    full = MultiFidelitySearch(27, 27, cost_aware=cost_aware)
    assert trials(full) == trials(BayesianSearch(cost_aware=cost_aware))


def test_pending_failed_and_stopped_trials_are_handled():
    study = Study(SPACE, strategy=MultiFidelitySearch(1, 27), seed=0)
    running = []
    for number in range(60):
        running.append(study.ask())
        if len(running) < 4:
            continue
        trial = running.pop(0)
        if trial.params["x"] > 0.6:
            study.fail(trial, "made to fail")
        elif number % 7 == 0:
            trial.reporter.stop_reason = "made to stop"
            study.tell(trial, float("nan"))
        else:
            tell(study, trial)
    failed = [trial for trial in study.trials if trial.state is TrialState.FAILED]
    assert len(failed) < 20
    assert not any(trial.is_full for trial in failed[5:])
    assert study.best_value < 0.02


def test_interrupted_search_continues_with_the_same_trials(tmp_path):
    whole = run(20)
    storage = SqliteStorage(tmp_path / "study.db")
    for n in (12, 8):
        study = Study(SPACE, strategy=MultiFidelitySearch(1, 27), seed=0, storage=storage, name="a")
        for _ in range(n):
            tell(study, study.ask())
    assert [(t.params, t.fidelity) for t in study.trials] == [
        (t.params, t.fidelity) for t in whole.trials
    ]


def test_suggestions_of_one_call_equal_those_asked_one_by_one():
    study = run(14)
    strategy = MultiFidelitySearch(1, 27)
    batch = strategy.suggest(Context(study.space, study.history, None, 0), 3)
    asked = [study.ask() for _ in range(3)]
    assert [(s.params, s.fidelity) for s in batch] == [(t.params, t.fidelity) for t in asked]


def test_warps_are_learned_from_full_trials():
    study = run(20)
    assert set(study.learned_warps()) == {"x", "y"}


def test_resources_are_powers_of_the_factor_below_the_full_one():
    assert MultiFidelitySearch(1, 27).resources == {1 / 27: 1, 3 / 27: 3, 9 / 27: 9, 1.0: 27}
    assert MultiFidelitySearch(5, 100, 4).resources == {6 / 100: 6, 25 / 100: 25, 1.0: 100}
    assert MultiFidelitySearch(8, 8).resources == {1.0: 8}


def test_levels_are_the_resources_that_trials_may_have():
    assert MultiFidelitySearch(1, 27).levels == (3, 9, 27)
    assert MultiFidelitySearch(1, 100, 20).levels == (5, 100)
    assert MultiFidelitySearch(8, 8).levels == (8,)


@pytest.mark.parametrize(
    "options", [{"factor": 1}, {"n_initial": 0}, {"budget": 0.0}, {"min_resource": 30}]
)
def test_options_out_of_range_are_errors(options):
    with pytest.raises(ValueError, match="must be"):
        MultiFidelitySearch(**{"min_resource": 1, "max_resource": 27} | options)


@pytest.mark.parametrize("least", [1, 3, 13])
@pytest.mark.parametrize("budget", [1, 2, 5])
def test_a_budget_of_any_size_leaves_a_full_trial(budget, least):
    strategy = MultiFidelitySearch(least, 27, factor=2 if least == 13 else 3, budget=budget)
    study, spent = Study(SPACE, strategy=strategy, seed=0), 0.0
    while spent <= budget - 1 + 1e-9:
        trial = study.ask()
        tell(study, trial)
        spent += trial.fidelity
    assert budget - 1 < spent <= budget + 1e-9
    assert study.best_trial.is_full


def test_trials_of_the_user_have_the_full_resource():
    for strategy in (MultiFidelitySearch(1, 27), HyperbandSearch(1, 27)):
        study = Study(SPACE, strategy=strategy, seed=0)
        study.enqueue({"x": 0.5, "y": 0.5})
        assert (study.ask().resource, study.trials[0].fidelity) == (27, 1.0)


@pytest.mark.parametrize("kind", [MultiFidelitySearch, AsynchronousHyperband, HyperbandSearch])
def test_resources_are_integers_of_python(kind):
    study = Study(SPACE, strategy=kind(np.int32(1), np.int32(27)), seed=0)
    study.enqueue({"x": 0.5, "y": 0.5})
    assert {type(study.ask().resource) for _ in range(3)} == {int}


@pytest.mark.parametrize("cost", [None, 1.0])
def test_full_trials_follow_where_every_look_fails(cost):
    study = Study(SPACE, strategy=MultiFidelitySearch(1, 27, cost_aware=cost is not None), seed=0)
    for _ in range(14):
        trial = study.ask()
        if trial.is_full:
            study.tell(trial, loss(trial.params, 1.0), cost=cost)
        else:
            study.tell(trial, math.nan, cost=cost and trial.fidelity)
    assert [trial.is_full for trial in study.trials] == [False] * 6 + [True] * 8
    assert study.best_value < 0.2


def test_looks_that_hold_the_constraints_are_tried_in_full_first():
    study = Study(SPACE, strategy=MultiFidelitySearch(1, 27, cost_aware=False), seed=0)
    for _ in range(8):
        trial = study.ask()
        study.tell(trial, trial.params["x"], constraints=[0.5 - trial.params["x"]])
    full = [trial.params["x"] for trial in study.trials if trial.is_full]
    assert len(full) == 2
    assert min(full) >= 0.5


@pytest.mark.parametrize("budget", [True, "3", math.nan, math.inf, 0, -1, [3.0]])
def test_a_budget_that_is_no_positive_number_is_an_error(budget):
    with pytest.raises((ValueError, TypeError), match=r"budget must be .*give the number of full"):
        MultiFidelitySearch(1, 27, budget=budget)
