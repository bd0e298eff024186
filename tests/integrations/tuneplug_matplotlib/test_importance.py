"""Importance: bars in order, with the names of the parameters."""

from __future__ import annotations

import pytest

from tuneplug import Float, Study
from tuneplug_matplotlib import ImportanceDisplay

pytest.importorskip("matplotlib")


def test_the_parameters_that_matter_come_first():
    study = Study({f"net__{n}": Float(0, 1) for n in "abcd"}, strategy="random", seed=0)
    study.optimize(lambda t: 3 * t.params["net__c"] + t.params["net__b"], 30)
    drawn = ImportanceDisplay.from_study(study)
    assert [share.parameter for share in drawn.importances[:2]] == ["net__c", "net__b"]
    assert [text.get_text() for text in drawn.ax_.get_yticklabels()][:2] == ["c", "b"]
    assert drawn.ax_.yaxis_inverted()
    for share, main, rest in zip(drawn.importances, drawn.main_, drawn.interactions_, strict=True):
        assert main.get_width() + rest.get_width() == pytest.approx(share.total)


def test_only_the_most_important_ones_are_shown_on_demand(hard_study):
    drawn = ImportanceDisplay.from_study(hard_study, n_params=3)
    assert len(drawn.main_) == 3
    assert drawn.figure_.get_figheight() < 3.0


def test_every_bar_has_its_share_beside_it_inside_the_axes(hard_study):
    drawn = ImportanceDisplay.from_study(hard_study)
    drawn.figure_.canvas.draw()
    inside = drawn.ax_.get_window_extent()
    for share, label in zip(drawn.importances, drawn.labels_, strict=True):
        assert label.get_text() == ("< 1 %" if share.total < 0.01 else f"{100 * share.total:.0f} %")
        assert label.get_window_extent().x1 <= inside.x1
    assert drawn.ax_.get_xlim()[0] == 0.0


@pytest.mark.parametrize("name", ["a", "the_name_of_a_parameter_that_is_long"])
def test_the_legend_is_whole_and_above_the_bars(name):
    study = Study({name: Float(0, 1), "b": Float(0, 1)}, strategy="random", seed=0)
    study.optimize(lambda trial: trial.params[name] + trial.params["b"] ** 2, 12)
    drawn = ImportanceDisplay.from_study(study)
    drawn.figure_.canvas.draw()
    legend, axes = drawn.ax_.get_legend().get_window_extent(), drawn.ax_.get_window_extent()
    assert legend.y0 >= axes.y1 - 1.0
    assert legend.x0 >= 0.0
    assert legend.x1 <= drawn.figure_.bbox.x1
