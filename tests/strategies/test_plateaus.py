"""Losses with steps: the search leaves plateaus, and one does not bend the output transform."""

import numpy as np
import pytest

from tuneplug import Categorical, Float, Int, SearchSpace, Study
from tuneplug.strategies import BayesianSearch, MultiFidelitySearch, bayesian
from tuneplug.strategies.bayesian import fit_novelty
from tuneplug.surrogate.fitting import TrainingData, fit_surrogate
from tuneplug.surrogate.kernels import ColumnLayout

NAMES = "abcd"
SPACE = SearchSpace({name: Float(0.0, 1.0) for name in NAMES})


def stump(params):
    """A loss of three values; the smallest one needs two of the four parameters to be right."""
    if params["a"] > 0.3:
        return 1.0
    return 0.5 if params["b"] < 0.9 else 0.0


def run(objective, n, *, space=SPACE, strategy="bayesian", seed=0):
    study = Study(space, strategy=strategy, direction="minimize", seed=seed)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, objective(trial.params))
    return study


def half(params):
    """A loss of two values."""
    return float(params["a"] > 0.5)


@pytest.fixture(scope="module")
def halves():
    """A search on the loss of two values."""
    return run(half, 40)


def explorations(study):
    return [trial for trial in study.trials if trial.origin == "exploration"]


def test_search_explores_every_other_trial_while_losses_are_known(halves):
    numbers = [trial.number for trial in explorations(halves)]
    assert numbers == list(range(8, 40, 2))


def test_search_does_not_explore_while_losses_are_new():
    study = run(lambda params: sum((x - 0.3) ** 2 for x in params.values()), 25)
    assert explorations(study) == []


def test_new_best_loss_ends_the_exploration():
    losses = iter([float(n) for n in range(5)] + [0.0] * 10 + [-float(n) for n in range(1, 6)])
    study = run(lambda params: next(losses), 20)
    assert {trial.number for trial in explorations(study)} == {8, 10, 12, 14}


def test_new_loss_that_is_no_improvement_does_not_end_the_exploration():
    losses = iter([float(n) for n in range(5)] + [0.0] * 3 + [float(n) for n in range(5, 13)])
    study = run(lambda params: next(losses), 16)
    assert {trial.number for trial in explorations(study)} == {8, 10, 12, 14}


def test_explorations_draw_each_parameter_of_the_best_configuration_in_turn(halves):
    best, moved = [], set()
    for trial in halves.trials:
        if trial.origin == "exploration":
            changes = [
                {name for name in NAMES if trial.params[name] != params[name]} for params in best
            ]
            fewest = min(changes, key=len)
            if len(fewest) == 1:
                moved |= fewest
        if trial.value == 0.0:
            best.append(trial.params)
    assert moved == set(NAMES)


def test_third_exploration_is_a_random_configuration(halves):
    for trial in explorations(halves):
        earlier = halves.trials[: trial.number]
        shared = max(
            sum(trial.params[name] == other.params[name] for name in NAMES) for other in earlier
        )
        is_random = (trial.number // 2) % 3 == 0
        assert shared == (0 if is_random else 3)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_search_finds_a_step_that_two_parameters_share(seed):
    study = run(stump, 50, seed=seed)
    assert study.best_value == 0.0


def test_replay_explores_alike():
    first, again = run(stump, 20), run(stump, 20)
    assert explorations(first)
    assert [t.params for t in first.trials] == [t.params for t in again.trials]


def test_explorations_of_a_finite_space_repeat_no_configuration():
    space = SearchSpace({"a": Int(0, 3), "b": Categorical(["x", "y", "z"])})
    study = run(lambda params: 1.0, 12, space=space)
    assert len({tuple(t.params.values()) for t in study.trials}) == 12


def test_exploration_of_another_sub_space_draws_its_parameters():
    space = SearchSpace([{"m": ["tree"], "depth": Int(1, 9)}, {"m": ["svm"], "C": Float(0.1, 10)}])
    study = run(lambda params: 1.0, 32, space=space)
    values = {t.params["C"] for t in explorations(study) if t.params["m"] == "svm"}
    assert len(values) > 2


def test_multi_fidelity_search_explores_with_the_full_resource():
    strategy = MultiFidelitySearch(1, 27, cost_aware=False)
    study = run(half, 60, strategy=strategy)
    explored = explorations(study)
    assert explored
    assert all(trial.is_full for trial in explored)


def test_design_goes_on_while_all_losses_are_equal():
    study = run(lambda params: 1.0, 18)
    assert [trial.origin for trial in study.trials] == ["design"] * 15 + ["model"] * 3
    design = np.array([trial.point for trial in study.trials[:15]])
    assert all(len(np.unique(column)) == 15 for column in design.T)


def test_design_ends_with_the_first_other_loss():
    losses = iter([1.0] * 7 + [0.5] + [1.0] * 4)
    study = run(lambda params: next(losses), 9)
    assert [trial.origin for trial in study.trials[:8]] == ["design"] * 8
    assert study.trials[8].origin != "design"


def test_design_of_equal_losses_takes_a_quarter_of_a_known_budget():
    study = Study(SPACE, direction="minimize", seed=0)
    study.optimize(lambda trial: 1.0, 32)
    assert [trial.origin for trial in study.trials].count("design") == 8


def test_plateau_at_the_best_loss_does_not_raise_the_curvature():
    from tuneplug.surrogate.fitting import TrainingData, fit_surrogate
    from tuneplug.surrogate.kernels import ColumnLayout

    rng = np.random.default_rng(0)
    U = rng.random((40, 2))
    losses = np.round(3.0 * np.maximum(U[:, 0] - 0.5, 0.0) + U[:, 1] * (U[:, 0] > 0.5), 1)
    layout = ColumnLayout.from_space(SearchSpace({"a": Float(0, 1), "b": Float(0, 1)}))
    data = TrainingData(layout, U, losses, np.zeros(40))
    assert (losses == losses.min()).sum() > 15
    assert fit_surrogate(data)[0].hyper.curvature < 3.0


def test_search_without_a_model_needs_no_exploration():
    assert BayesianSearch(n_initial=10).n_startup(SPACE, None) == 10
    study = run(lambda params: 1.0, 10, strategy=BayesianSearch(n_initial=10))
    assert explorations(study) == []


def training_data(losses):
    U = np.random.default_rng(0).random((len(losses), len(NAMES)))
    layout = ColumnLayout.from_space(SPACE)
    return TrainingData(layout, SPACE.snap(U), np.array(losses), np.zeros(len(losses)))


@pytest.mark.parametrize("losses", [[3.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0]])
def test_novelty_is_modeled_only_if_some_losses_are_equal_and_others_are_not(losses):
    data = training_data(losses)
    assert fit_novelty(data, fit_surrogate(data)) is None


def test_model_repeats_fewer_known_losses_with_novelty(monkeypatch):
    def bowl(params):
        """A bowl with a flat bottom and a flat rim."""
        return min(1.0, max(0.2, 3.0 * abs(params["a"] - 0.5)))

    def n_new(study):
        return len({trial.value for trial in study.trials})

    with_novelty = [n_new(run(bowl, 30, seed=seed)) for seed in range(2)]
    monkeypatch.setattr(bayesian, "fit_novelty", lambda data, gps: None)
    without = [n_new(run(bowl, 30, seed=seed)) for seed in range(2)]
    assert all(np.greater(with_novelty, without))
