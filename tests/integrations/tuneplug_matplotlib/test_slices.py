"""Slices: the model around the best trial, and the trials."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, Int, Study
from tuneplug_matplotlib import SliceDisplay

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def study():
    space = {
        "x": Float(0.0, 1.0),
        "kind": ["a", "b"],
        "depth": Int(1, 50, when={"kind": ["b"]}),
    }
    study = Study(space, strategy="random", seed=0)

    def objective(trial):
        p = trial.params
        return (p["x"] - 0.3) ** 2 + 0.5 * (p["kind"] == "b") + 0.01 * p.get("depth", 0)

    study.optimize(objective, 40)
    return study


def test_the_model_follows_the_objective_around_the_best_trial(study):
    drawn = SliceDisplay.from_study(study, params=["x"])
    one = drawn.slices[0]
    np.testing.assert_allclose(one.value, (one.positions - 0.3) ** 2, atol=0.05)
    assert np.all((one.lower <= one.value) & (one.value <= one.upper))
    assert np.all(np.diff(one.positions) > 0.0)


def test_an_inactive_parameter_is_shown_around_the_best_trial_that_has_it(study):
    assert "depth" not in study.best_params
    one = SliceDisplay.from_study(study, params=["depth"]).slices[0]
    assert one.value.min() > 0.4


def test_categories_have_a_prediction_each(study):
    drawn = SliceDisplay.from_study(study, params=["kind"])
    assert drawn.slices[0].positions.tolist() == [0.0, 1.0]
    assert [t.get_text() for t in drawn.ax_.get_xticklabels()] == ["a", "b"]


def test_by_default_at_most_six_parameters_are_shown_most_important_first(study, hard_study):
    assert SliceDisplay.from_study(study).slices[0].parameter in ("kind", "x")
    drawn = SliceDisplay.from_study(hard_study)
    assert len(drawn.slices) == len(drawn.axes_) == 6
    texts = [text.get_text() for text in drawn.figure_.legends[0].get_texts()]
    assert {"prediction", "90 % of the posterior", "model", "startup"} < set(texts)


def test_the_value_axis_is_not_set_by_a_divergent_value(hard_study):
    drawn = SliceDisplay.from_study(hard_study)
    assert all(ax.get_ylim()[0] > 0.0 for ax in drawn.axes_)


def test_params_must_vary(study):
    with pytest.raises(ValueError, match=r"some of .*, but got \['y'\]"):
        SliceDisplay.from_study(study, params=["y"])


@pytest.mark.parametrize(
    ("categories", "labels"),
    [
        (["k nearest neighbors imputer", "mean"], ["k nearest neigh…", "mean"]),
        (
            ["most frequent value, by group", "most frequent value"],
            ["most frequent value, by…", "most frequent value"],
        ),
    ],
    ids=["short", "long, as short ones would be equal"],
)
def test_long_categories_leave_room_for_the_axes(categories, labels):
    study = Study({"kind": categories, "x": Float(0, 1)}, strategy="random", seed=0)
    study.optimize(lambda trial: trial.params["x"] + len(trial.params["kind"]), 8)
    drawn = SliceDisplay.from_study(study, params=["kind"])
    assert [text.get_text() for text in drawn.ax_.get_xticklabels()] == labels
