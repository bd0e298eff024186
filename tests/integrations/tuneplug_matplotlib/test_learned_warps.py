"""Learned warps: the curves of the study with their bands, and why there are none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from tuneplug import Float
from tuneplug.strategies import BayesianSearch
from tuneplug_matplotlib import LearnedWarpsDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

plt = pytest.importorskip("matplotlib.pyplot")

X, y = load_iris(return_X_y=True)


def test_the_curves_are_those_of_the_study(search):
    drawn = LearnedWarpsDisplay.from_estimator(search)
    curves = search.study_.learned_warps()
    assert len(drawn.axes_) == len(curves) == 2
    for i, (name, curve) in enumerate(curves.items()):
        np.testing.assert_array_equal(drawn.lines_[i].get_ydata(), curve.warped)
        identity = drawn.identities_[i]
        np.testing.assert_array_equal(identity.get_xdata(), identity.get_ydata())
        band = drawn.bands_[i].get_paths()[0].vertices
        assert set(curve.upper) <= set(band[:, 1])
        assert drawn.axes_[i].get_xlabel() == name
        assert drawn.axes_[i].get_title() == (curve.shape or "")
    texts = [text.get_text() for text in drawn.figure_.legends[0].get_texts()]
    assert texts == ["learned warp", "90 % of the posterior", "declared scaling"]


def test_some_warps_can_be_drawn_on_axes_given(search):
    _, axes = plt.subplots(1, 2)
    drawn = LearnedWarpsDisplay.from_estimator(search, params=["degree"], ax=axes[0])
    assert drawn.axes_.tolist() == [axes[0]]
    with pytest.raises(ValueError, match=r"some of \['C', 'degree'\], but got \['kernel'\]"):
        LearnedWarpsDisplay.from_estimator(search, params=["kernel"])
    with pytest.raises(ValueError, match="one axes for each of 1 parameters, but got 2"):
        drawn.plot(axes)


@pytest.mark.parametrize(
    ("space", "options", "why"),
    [
        ({"C": Float(1, 9)}, {"strategy": "random"}, "strategy 'random' learns none"),
        ({"C": Float(1, 9)}, {"strategy": BayesianSearch(warping=False)}, "warping=False"),
        ({"C": Float(1, 9)}, {"n_iter": 1}, "only 1 of 1 trials have a value"),
        ({"kernel": ["rbf", "poly"]}, {"n_iter": 2}, "no numeric parameter"),
    ],
    ids=["random", "no warping", "too few", "labels"],
)
def test_where_nothing_was_learned_the_error_tells_why(space, options, why):
    search = WarpedBayesSearchCV(SVC(), space, **{"n_iter": 4, "cv": 2, **options}).fit(X, y)
    with pytest.raises(ValueError, match=f"no warp was learned: .*{why}"):
        LearnedWarpsDisplay.from_estimator(search)


def test_a_search_without_a_study_has_no_warps(with_failures):
    with pytest.raises(ValueError, match="need a Study, or a search with a study_"):
        LearnedWarpsDisplay.from_estimator(with_failures)
