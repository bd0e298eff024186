"""The learned model: predictions in the user's units, and the importance of each parameter."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, Int, Study
from tuneplug.strategies import RandomSearch

NAMES = [f"x{i}" for i in range(6)]


def linear_study(strategy="random", n=40, sign=1.0, **options):
    """Return a study of 8 x0 + 4 x1 + 2 x2; three more parameters do nothing."""
    space = {name: Float(0.0, 1.0, scaling="linear") for name in NAMES}
    study = Study(space, strategy=strategy, seed=0, **options)
    weights = sign * np.array([8.0, 4.0, 2.0, 0.0, 0.0, 0.0])
    study.optimize(lambda trial: float(weights @ [trial.params[name] for name in NAMES]), n)
    return study


@pytest.mark.parametrize(
    ("direction", "sign"), [("minimize", 1.0), ("maximize", 1.0), ("maximize", -1.0)]
)
def test_predictions_are_in_the_users_units_and_direction(direction, sign):
    study = linear_study(direction=direction, sign=sign)
    points = np.random.default_rng(1).random((20, 6))
    value, lower, upper = study.learned_model().predict(points)
    truth = sign * points @ [8.0, 4.0, 2.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(value, truth, atol=0.6)
    assert np.all(lower <= value)
    assert np.all(value <= upper)


@pytest.mark.parametrize("strategy", ["random", "bayesian"])
def test_importances_are_the_sobol_indices_of_a_linear_function(strategy):
    found = linear_study(strategy).learned_model().importances()
    assert [share.parameter for share in found] == NAMES
    expected = np.array([64.0, 16.0, 4.0, 0.0, 0.0, 0.0]) / 84.0
    np.testing.assert_allclose([share.total for share in found], expected, atol=0.08)
    np.testing.assert_allclose([share.main for share in found], expected, atol=0.08)
    assert all(share.lower <= share.total <= share.upper for share in found)
    assert max(share.total for share in found[3:]) < 0.01


def test_interactions_are_the_difference_of_the_total_and_the_main_share():
    study = Study({n: Float(-1.0, 1.0) for n in "ab"}, strategy="random", seed=0)
    study.optimize(lambda trial: trial.params["a"] * trial.params["b"], 60)
    for share in study.learned_model().importances():
        assert share.main < 0.15
        assert share.total > 0.85


def test_a_single_divergent_value_does_not_set_all_shares():
    study = linear_study()
    study.add_observation(dict.fromkeys(NAMES, 0.99), 1e9)
    found = {share.parameter: share.total for share in study.learned_model().importances()}
    assert sorted(found, key=found.__getitem__)[-2:] == ["x1", "x0"]


def test_a_conditional_parameter_has_an_effect_only_where_it_is_active():
    space = {"kind": ["a", "b"], "depth": Int(1, 50, when={"kind": ["b"]})}
    study = Study(space, strategy="random", seed=0)
    study.optimize(lambda trial: float(trial.params.get("depth", 100)), 30)
    found = {share.parameter: share.total for share in study.learned_model().importances()}
    assert found["kind"] > found["depth"] > 0.0


def test_the_same_seed_gives_the_same_importances():
    model = linear_study(n=12).learned_model()
    assert model.importances(seed=3) == model.importances(seed=3)


def test_without_two_results_nothing_is_learned():
    study = Study({"x": Float(0, 1)}, strategy=RandomSearch(), seed=0)
    assert study.learned_model() is None
    study.optimize(lambda trial: 1.0, 1)
    assert study.learned_model() is None


def test_equal_values_give_every_parameter_no_importance():
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy="random", seed=0)
    study.optimize(lambda trial: 1.0, 6)
    model = study.learned_model()
    assert model.predict(np.full((1, 2), 0.5))[0] == pytest.approx(1.0)
    assert [share.total for share in model.importances()] == pytest.approx([0.0, 0.0], abs=1e-6)
