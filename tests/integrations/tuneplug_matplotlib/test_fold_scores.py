"""Fold scores: the best candidates first, gaps, and the numbers of many folds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tuneplug_matplotlib import FoldScoresDisplay, Results

pytest.importorskip("matplotlib")


def test_fold_scores_run_from_the_best_candidate_on(search):
    drawn = FoldScoresDisplay.from_estimator(search, n_candidates=4)
    results = search.cv_results_
    order = np.argsort(-results["mean_test_score"], kind="stable")[:4]
    assert drawn.candidates == order.tolist()
    for fold, line in enumerate(drawn.lines_):
        np.testing.assert_array_equal(line.get_ydata(), results[f"split{fold}_test_score"][order])
    np.testing.assert_allclose(
        drawn.mean_line_.get_ydata(), results["mean_test_score"][order], rtol=1e-12
    )


def test_candidates_without_a_score_come_last_and_leave_a_gap(with_failures):
    drawn = FoldScoresDisplay.from_estimator(with_failures)
    assert drawn.candidates[-2:] == [0, 3]
    assert np.isnan(drawn.mean_line_.get_ydata()).tolist() == [False] * 3 + [True] * 2


def test_ten_folds_are_numbered_apart_and_differ_in_color_or_dashes():
    folds = np.random.default_rng(0).normal(0.9, 0.01, (12, 10))
    drawn = FoldScoresDisplay(Results(values=folds.mean(axis=1), fold_values=folds)).plot()
    drawn.figure_.canvas.draw()
    boxes = [label.get_window_extent() for label in drawn.fold_labels_]
    assert sorted(label.get_text() for label in drawn.fold_labels_) == [str(i) for i in range(10)]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(box.x1 <= drawn.figure_.bbox.x1 for box in boxes)
    texts = [text.get_text() for text in drawn.ax_.get_legend().get_texts()]
    assert texts == ["10 folds, numbered", "mean"]


@pytest.mark.parametrize("height", ["equal", "spread"])
def test_numbers_of_many_folds_stay_beside_the_axes(height):
    scores = np.full(25, 0.9) if height == "equal" else np.linspace(0.8, 0.9, 25)
    folds = np.array([scores, np.linspace(0.7, 0.8, 25)])
    drawn = FoldScoresDisplay(Results(values=folds.mean(axis=1), fold_values=folds)).plot()
    heights = np.sort([label.xy[1] for label in drawn.fold_labels_])
    assert heights.min() >= -1e-9
    assert heights.max() <= 1.0 + 1e-9
    assert np.diff(heights).min() >= 1.0 / 24 - 1e-9


def test_a_fold_that_diverged_is_an_arrow_and_flattens_nothing():
    folds = [[0.8] * 10, [0.82] * 10, [0.79] * 10, [0.8] * 9 + [-1e9], [0.7] * 10]
    drawn = FoldScoresDisplay(Results(values=[np.mean(f) for f in folds], fold_values=folds)).plot()
    assert drawn.candidates[-1] == 3
    assert drawn.arrows_.get_xdata().tolist() == [4.0]
    assert drawn.arrows_.get_label() == "1 beyond the axis, the worst -1e+09"
    assert drawn.mean_line_.get_ydata().min() == 0.7
    assert 0.6 < drawn.ax_.get_ylim()[0] < 0.7
    drawn.figure_.canvas.draw()
    assert drawn.ax_.get_legend().get_window_extent().x1 <= drawn.figure_.bbox.x1


@pytest.mark.parametrize("n_candidates", [0, 2.5, None])
def test_the_number_of_candidates_is_a_count(search, n_candidates):
    with pytest.raises(ValueError, match="n_candidates must be an integer of at least 1"):
        FoldScoresDisplay.from_estimator(search, n_candidates=n_candidates)


def test_a_study_has_no_folds(hard_study):
    with pytest.raises(ValueError, match=r"from_estimator\(search\)"):
        FoldScoresDisplay.from_study(hard_study)
