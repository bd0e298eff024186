"""Best so far: the running best, marks of each kind, and values beyond the axis."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug_matplotlib import BestSoFarDisplay, Results

pytest.importorskip("matplotlib")


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_line_is_the_running_best_in_either_direction():
    for direction, best in [("maximize", [1, 3, 3, 4]), ("minimize", [1, 1, 1, 1])]:
        results = Results(values=[1.0, 3.0, 2.0, 4.0], direction=direction)
        np.testing.assert_array_equal(BestSoFarDisplay(results).plot().line_.get_ydata(), best)


def test_the_line_of_a_search_ends_at_its_best_score(search):
    drawn = BestSoFarDisplay.from_estimator(search)
    assert drawn.line_.get_ydata()[-1] == search.best_score_
    assert drawn.line_.get_drawstyle() == "steps-post"


def test_stopped_trials_are_marked_but_are_not_the_best():
    results = Results(values=[0.5, 0.9, 0.6], states=["complete", "stopped", "complete"])
    drawn = BestSoFarDisplay(results).plot()
    np.testing.assert_array_equal(drawn.line_.get_ydata(), [0.5, 0.5, 0.6])
    assert "stopped" in legend_texts(drawn.ax_)


def test_kinds_differ_in_their_markers(hard_study):
    drawn = BestSoFarDisplay.from_study(hard_study)
    markers = {m.get_label(): m.get_paths()[0].vertices.tobytes() for m in drawn.marks_}
    assert {"startup", "model", "stopped", "failed, no value"} < set(markers)
    assert len(set(markers.values())) == len(markers)


def test_one_divergent_value_is_an_arrow_and_does_not_flatten_the_rest(hard_study):
    drawn = BestSoFarDisplay.from_study(hard_study)
    assert drawn.ax_.get_ylim()[0] > 0.0
    arrow = next(mark for mark in drawn.marks_ if "beyond the axis" in mark.get_label())
    assert arrow.get_offsets().tolist() == [[9.0, 0.02]]
    assert "1 beyond the axis, the worst -1e+06" in legend_texts(drawn.ax_)


def test_trials_without_a_value_are_crosses_at_the_bad_end(with_failures):
    drawn = BestSoFarDisplay.from_estimator(with_failures)
    crosses = next(mark for mark in drawn.marks_ if mark.get_label() == "failed, no value")
    assert crosses.get_offsets().tolist() == [[0.0, 0.02], [3.0, 0.02]]
    minimized = BestSoFarDisplay(Results(values=[1.0, np.nan], direction="minimize")).plot()
    assert minimized.marks_[-1].get_offsets().tolist() == [[1.0, 0.98]]


def test_searches_that_share_axes_differ_in_color_and_dashes(search, with_failures):
    first = BestSoFarDisplay.from_estimator(search)
    second = BestSoFarDisplay.from_estimator(with_failures, name="grid", ax=first.ax_)
    assert {"WarpedBayesSearchCV", "grid"} < set(legend_texts(first.ax_))
    assert first.line_.get_color() != second.line_.get_color()
    assert first.line_.get_linestyle() != second.line_.get_linestyle()
    low, high = first.ax_.get_ylim()
    for shown in (first, second):
        assert np.nanmin(shown.best_so_far) >= low
        assert np.nanmax(shown.best_so_far) <= high


def test_a_search_without_one_value_can_be_drawn():
    drawn = BestSoFarDisplay(Results(values=[np.nan, np.nan])).plot()
    drawn.figure_.canvas.draw()
    assert np.isnan(drawn.line_.get_ydata()).all()
