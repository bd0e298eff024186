"""Learning curves: what was reported, and what was stopped."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, Study
from tuneplug_matplotlib import LearningCurvesDisplay

pytest.importorskip("matplotlib")


def test_every_trial_has_a_curve_and_stopped_ones_are_marked_at_their_end(hard_study):
    drawn = LearningCurvesDisplay.from_study(hard_study)
    assert len(drawn.lines_) == 24
    ends = {mark.get_label() for mark in drawn.ends_}
    assert ends == {"stopped", "failed"}
    assert len({mark.get_marker() for mark in drawn.ends_}) == 2
    dashes = [line.get_linestyle() for line in drawn.lines_]
    assert (dashes.count("--"), dashes.count(":")) == (2, 2)


def test_the_best_curve_is_on_top(hard_study):
    drawn = LearningCurvesDisplay.from_study(hard_study)
    top = max(drawn.lines_, key=lambda line: line.get_zorder())
    best = hard_study.best_trial.reports
    np.testing.assert_allclose(top.get_ydata(), [report.value for report in best])


def test_reported_values_that_diverge_are_arrows_at_their_steps():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    for number in range(8):
        trial = study.ask()
        for step in range(3):
            trial.report(1e9 if (number, step) == (4, 2) else number + 1.0 / (1 + step), step)
        study.tell(trial, float(number))
    drawn = LearningCurvesDisplay.from_study(study)
    assert drawn.arrows_.get_xdata().tolist() == [2.0]
    assert drawn.ax_.get_ylim()[1] < 10.0


def test_folds_are_averaged_at_each_step():
    study = Study({"x": Float(0, 1)}, seed=0)
    trial = study.ask()
    for fold, value in enumerate((1.0, 3.0)):
        trial.report(value, 0, fold=fold)
        trial.report(value + 1.0, 1, fold=fold)
    study.tell(trial, 2.0)
    curve = LearningCurvesDisplay.from_study(study).curves[0]
    assert (curve.steps.tolist(), curve.values.tolist()) == ([0.0, 1.0], [2.0, 3.0])


def test_without_reports_the_error_says_how_to_report():
    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: 1.0, 2)
    with pytest.raises(ValueError, match=r"call trial.report\(value, step\)"):
        LearningCurvesDisplay.from_study(study)
