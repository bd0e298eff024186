"""Parallel coordinates: heights, the lane of inactive parameters, and the order of drawing."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, SearchSpace
from tuneplug_matplotlib import ParallelCoordinatesDisplay, Results

pytest.importorskip("matplotlib")


def tick_texts(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_lines_run_through_the_unit_cube_and_below_it_where_inactive(search):
    drawn = ParallelCoordinatesDisplay.from_estimator(search)
    space, results = search.study_.space, search.cv_results_
    assert tick_texts(drawn.ax_.xaxis) == ["C", "kernel", "degree", "score"]
    for line, configuration in zip(drawn.lines_, results["params"], strict=True):
        row, heights = space.encode(configuration), line.get_ydata()
        assert heights[:2].tolist() == row[:2].tolist()
        if configuration["kernel"] == "poly":
            assert heights[2] == row[2]
        else:
            assert heights[2] < 0.0
        assert np.isfinite(heights).all()


def test_the_best_line_is_on_top_thickest_and_darkest(search):
    drawn = ParallelCoordinatesDisplay.from_estimator(search)
    scores = search.cv_results_["mean_test_score"]
    best, worst = drawn.lines_[np.argmax(scores)], drawn.lines_[np.argmin(scores)]
    assert best.get_zorder() >= max(line.get_zorder() for line in drawn.lines_) - 0.5
    assert best.get_zorder() > worst.get_zorder()
    assert best.get_linewidth() > worst.get_linewidth()
    assert sum(best.get_color()[:3]) < sum(worst.get_color()[:3])


def test_axes_are_labeled_in_the_users_units(search):
    labels = ParallelCoordinatesDisplay.from_estimator(search).tick_labels_
    texts = [[text.get_text() for text in axis] for axis in labels]
    assert [texts[0][0], texts[0][-1]] == ["0.01", "1e+03"]
    assert texts[1:3] == [["rbf", "poly"], ["2", "3", "4", "5"]]


def test_the_figure_grows_with_its_axes_and_no_label_is_cut(hard_study, search):
    drawn = ParallelCoordinatesDisplay.from_study(hard_study)
    few = ParallelCoordinatesDisplay.from_estimator(search)
    assert drawn.figure_.get_figwidth() > 1.5 * few.figure_.get_figwidth()
    drawn.figure_.canvas.draw()
    frame = drawn.figure_.bbox
    for text in [text for axis in drawn.tick_labels_ for text in axis]:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0, text
        assert box.x1 <= frame.x1, text


def test_labels_of_one_axis_do_not_reach_the_axis_before(hard_study):
    drawn = ParallelCoordinatesDisplay.from_study(hard_study)
    drawn.figure_.canvas.draw()
    for place, axis in enumerate(drawn.tick_labels_):
        before = drawn.ax_.transData.transform((place - 1, 0))[0]
        assert all(text.get_window_extent().x0 > before for text in axis)


def test_a_divergent_value_is_at_the_end_which_says_so(hard_study):
    drawn = ParallelCoordinatesDisplay.from_study(hard_study)
    assert drawn.heights[9, -1] == 0.0
    assert drawn.tick_labels_[-1][0].get_text().endswith("or worse")
    assert np.nanstd(drawn.heights[:, -1]) > 0.1


def test_lines_without_a_value_are_dotted_and_end_early(with_failures):
    drawn = ParallelCoordinatesDisplay.from_estimator(with_failures)
    assert [line.get_linestyle() for line in drawn.lines_] == [":", "-", "-", ":", "-"]
    ends = np.array([line.get_ydata()[-1] for line in drawn.lines_])
    np.testing.assert_array_equal(np.isnan(ends), [True, False, False, True, False])
    assert tick_texts(drawn.ax_.xaxis) == ["C", "score"]  # the constant kernel has no axis


def test_equal_values_lie_in_the_middle():
    space = SearchSpace({"x": Float(0, 1)})
    results = Results(values=[7.0], configurations=[{"x": 0.2}], space=space)
    drawn = ParallelCoordinatesDisplay(results).plot()
    np.testing.assert_array_equal(drawn.lines_[0].get_ydata(), [0.2, 0.5])
    assert [text.get_text() for text in drawn.tick_labels_[1]] == ["7"]


def test_a_search_without_one_value_has_no_color_bar():
    space = SearchSpace({"x": Float(0, 1)})
    results = Results(values=[np.nan], configurations=[{"x": 0.2}], space=space)
    assert ParallelCoordinatesDisplay(results).plot().colorbar_ is None
