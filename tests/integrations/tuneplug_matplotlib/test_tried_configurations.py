"""Tried configurations: scales, positions, order of drawing, and the default parameters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import expon

from tuneplug import Float, Int, SearchSpace
from tuneplug_matplotlib import Results, TriedConfigurationsDisplay

pytest.importorskip("matplotlib")


def tick_texts(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def display_of(space, configurations, values=None, **options):
    values = np.arange(len(configurations)) if values is None else values
    results = Results(values=values, configurations=configurations, space=space)
    return TriedConfigurationsDisplay(results, **options)


def points_of(drawn):
    return np.vstack([mark.get_offsets() for mark in drawn.marks_])


def test_points_lie_at_their_values_on_the_scale_of_the_space(search):
    drawn = TriedConfigurationsDisplay.from_estimator(search, params=("C", "kernel"))
    tried = search.cv_results_["params"]
    points = points_of(drawn)
    assert sorted(points[:, 0]) == sorted(c["C"] for c in tried)
    kinds = [["rbf", "poly"].index(c["kernel"]) for c in tried]
    assert sorted(np.round(points[:, 1])) == sorted(kinds)
    assert (drawn.ax_.get_xscale(), drawn.ax_.get_yscale()) == ("log", "linear")
    assert tick_texts(drawn.ax_.yaxis) == ["rbf", "poly"]
    best = search.cv_results_["params"][search.best_index_]
    assert drawn.best_.get_offsets()[0][0] == best["C"]


def test_points_of_one_category_do_not_lie_on_each_other():
    space = SearchSpace({"kind": ["a", "b"], "n": Int(1, 3)})
    drawn = display_of(space, [{"kind": "a", "n": 2}] * 6, params=("kind", "n")).plot()
    assert len({tuple(point) for point in points_of(drawn)}) == 6


def test_the_best_point_is_drawn_last_and_contrasts_most():
    space = SearchSpace({"a": Float(0, 1), "b": Float(0, 1)})
    configurations = [{"a": a, "b": 0.5} for a in (0.1, 0.9, 0.5)]
    drawn = display_of(space, configurations, [0.2, 0.9, 0.5], params=("a", "b")).plot()
    np.testing.assert_array_equal(drawn.marks_[0].get_offsets()[:, 0], [0.1, 0.5, 0.9])
    lightness = drawn.marks_[0].get_facecolors()[:, :3].sum(axis=1)
    assert lightness.tolist() == sorted(lightness, reverse=True)


def test_configurations_without_a_value_are_crosses(with_failures):
    drawn = TriedConfigurationsDisplay.from_estimator(with_failures)
    assert tick_texts(drawn.ax_.xaxis) == ["100.0", "0.01", "1.0", "50.0", "0.1"]
    texts = {text.get_text() for text in drawn.ax_.get_legend().get_texts()}
    assert texts == {"trial", "failed", "best"}
    crosses = next(mark for mark in drawn.marks_ if mark.get_label() == "failed")
    assert np.round(crosses.get_offsets()[:, 0]).tolist() == [0, 3]


def test_the_color_bar_tells_of_a_divergent_value(hard_study):
    drawn = TriedConfigurationsDisplay.from_study(hard_study)
    assert "1 beyond the axis" in drawn.colorbar_.ax.get_ylabel()
    assert drawn.colorbar_.extend == "min"
    assert drawn.window.low > 0.0


def test_by_default_the_two_most_important_parameters_are_shown(hard_study):
    drawn = TriedConfigurationsDisplay.from_study(hard_study)
    ranked = [share.parameter for share in drawn.results.importances]
    assert set(drawn.params) == set(ranked[:2])
    assert all(name.startswith("model__") for name in drawn.params)
    assert not drawn.ax_.get_xlabel().startswith("model__")


def test_configurations_without_an_inactive_parameter_are_left_out(search):
    drawn = TriedConfigurationsDisplay.from_estimator(search, params=("C", "degree"))
    shown = [c["degree"] for c in search.cv_results_["params"] if c["kernel"] == "poly"]
    assert 0 < len(shown) < 14
    assert sorted(points_of(drawn)[:, 1]) == sorted(shown)


@pytest.mark.parametrize(
    ("declared", "values"),
    [(Float(0.9, 0.9999), [0.9, 0.99, 0.9999]), (expon(scale=2.0), [0.1, 2.0, 30.0])],
    ids=["reverse_log", "quantiles"],
)
def test_other_scalings_become_a_scale_that_is_even_in_the_unit_cube(declared, values):
    space = SearchSpace({"x": declared, "n": Int(1, 9)})
    drawn = display_of(space, [{"x": v, "n": 1} for v in values], params=("x", "n")).plot()
    drawn.figure_.canvas.draw()
    parameter = space.subspaces[0]["x"]
    ticks = drawn.ax_.xaxis.get_transform().transform(drawn.ax_.get_xticks())
    np.testing.assert_allclose(ticks, parameter.to_unit(drawn.ax_.get_xticks()), atol=1e-12)
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0], atol=1e-12)


def test_branches_that_differ_share_an_axis():
    by_scale = SearchSpace([{"x": Float(0.01, 1.0), "n": [1, 2]}, {"x": Float(0, 1), "n": [3]}])
    drawn = display_of(by_scale, [{"x": 0.5, "n": 2}, {"x": 0.0, "n": 3}], params=("x", "n")).plot()
    assert drawn.ax_.get_xscale() == "linear"
    assert tick_texts(drawn.ax_.yaxis) == ["1", "2", "3"]
    by_kind = SearchSpace([{"x": ["auto"], "n": [1, 2]}, {"x": Float(0, 1), "n": [1, 2]}])
    mixed = [{"x": "auto", "n": 2}, {"x": 0.25, "n": 1}]
    assert tick_texts(display_of(by_kind, mixed, params=("x", "n")).plot().ax_.xaxis) == [
        "auto",
        "0.25",
    ]


@pytest.mark.parametrize("params", [("C", "gamma"), ("C", "C"), ("C",), "C"])
def test_params_must_be_two_of_the_space(search, params):
    with pytest.raises(ValueError, match=r"different parameters of \['C', 'kernel', 'degree'\]"):
        TriedConfigurationsDisplay.from_estimator(search, params=params)


def test_params_that_are_never_active_together_are_an_error():
    space = SearchSpace([{"a": [1, 2]}, {"b": [1, 2]}])
    with pytest.raises(ValueError, match="none of 2 has both 'a' and 'b'"):
        display_of(space, [{"a": 1}, {"b": 1}], params=("a", "b"))


def test_marks_of_many_trials_are_smaller_and_drawn_as_pixels():
    space = SearchSpace({"a": Float(0, 1), "b": Float(0, 1)})
    rng = np.random.default_rng(0)
    many = [{"a": a, "b": b} for a, b in rng.random((600, 2))]
    few = display_of(space, many[:20], params=("a", "b")).plot().marks_[0]
    dense = display_of(space, many, params=("a", "b")).plot().marks_[0]
    assert dense.get_sizes()[0] < few.get_sizes()[0]
    assert (few.get_rasterized(), dense.get_rasterized()) == (False, True)
