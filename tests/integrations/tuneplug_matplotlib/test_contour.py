"""Contours: the model over two parameters."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, Study
from tuneplug_matplotlib import ContourDisplay

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def study():
    space = {"x": Float(0, 1), "y": Float(0.01, 1.0), "kind": ["a", "b"]}
    study = Study(space, strategy="random", seed=0)
    study.optimize(lambda t: (t.params["x"] - 0.3) ** 2 + np.log10(t.params["y"]) ** 2, 40)
    return study


def test_the_prediction_is_that_of_the_objective(study):
    drawn = ContourDisplay.from_study(study)
    assert drawn.params == ("x", "y")
    truth = (drawn.x[None, :] - 0.3) ** 2 + np.log10(drawn.y[:, None]) ** 2
    assert np.corrcoef(drawn.predicted.ravel(), truth.ravel())[0, 1] > 0.98
    assert (drawn.ax_.get_xscale(), drawn.ax_.get_yscale()) == ("linear", "log")
    assert drawn.lines_ is not None
    assert drawn.colorbar_.ax.get_ylabel() == "predicted value"


def test_categories_have_no_contour_lines(study):
    drawn = ContourDisplay.from_study(study, params=("kind", "x"))
    assert drawn.lines_ is None
    assert drawn.x.tolist() == [0.0, 1.0]
    drawn.figure_.canvas.draw()


def test_a_constant_has_no_contour():
    study = Study({"x": Float(0, 1), "c": [1]}, seed=0)
    study.optimize(lambda trial: trial.params["x"], 4)
    with pytest.raises(ValueError, match="must vary, but 'c' has one value only"):
        ContourDisplay.from_study(study, params=("x", "c"))


def test_only_parameters_that_vary_are_chosen():
    space = {"c": [1], "x": Float(0, 1), "d": [2], "y": Float(0, 1)}
    study = Study(space, strategy="random", seed=0)
    study.optimize(lambda trial: trial.params["x"], 4)
    assert ContourDisplay.from_study(study).params == ("x", "y")


@pytest.mark.parametrize(
    "space",
    [
        {"x": Float(0, 1), "c": [1]},
        [{"kind": ["a"], "x": Float(0, 1)}, {"kind": ["b"], "y": Float(0, 1)}],
    ],
    ids=["constant", "sub-spaces"],
)
def test_a_space_without_a_pair_that_varies_has_no_contour(space):
    study = Study(space, strategy="random", seed=0)
    study.optimize(lambda trial: trial.params.get("x", 0.5), 6)
    with pytest.raises(ValueError, match=r"two parameters that vary.*draw another one"):
        ContourDisplay.from_study(study)


def test_the_legend_is_above_the_map_and_marks_at_its_edge_are_whole(study):
    drawn = ContourDisplay.from_study(study)
    drawn.figure_.canvas.draw()
    legend = drawn.ax_.get_legend().get_window_extent()
    assert legend.y0 >= drawn.ax_.get_window_extent().y1 - 1.0
    assert not any(marks.get_clip_on() for marks in drawn.marks_)


def test_colors_span_the_values_of_trials_and_a_point_says_that_predictions_are_beyond():
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy="random", seed=0)
    for x, y in [(0.1, 0.1), (0.2, 0.3), (0.3, 0.2), (0.4, 0.4), (0.35, 0.1), (0.1, 0.4)]:
        study.enqueue({"x": x, "y": y})
    study.optimize(lambda trial: 3 * trial.params["x"] + trial.params["y"], 6)
    drawn = ContourDisplay.from_study(study)
    values = [trial.value for trial in study.trials]
    assert drawn.predicted.max() > max(values)
    low, high = drawn.mesh_.get_clim()
    assert min(values) - 1e-12 <= low < high <= max(values) + 1e-12
    assert drawn.colorbar_.extend in ("max", "both")
