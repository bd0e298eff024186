"""What the displays draw: the data of lines and dots, the scales, the labels, and the errors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import expon, loguniform
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.svm import SVC

from tuneplug import Categorical, Float, Int, MissingDependencyError, SearchSpace
from tuneplug.strategies import BayesianSearch
from tuneplug_sklearn import (
    BestSoFarDisplay,
    FoldScoresDisplay,
    LearnedWarpsDisplay,
    ParallelCoordinatesDisplay,
    TriedConfigurationsDisplay,
    WarpedBayesSearchCV,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

X, y = load_iris(return_X_y=True)
ALL = [
    BestSoFarDisplay,
    FoldScoresDisplay,
    LearnedWarpsDisplay,
    ParallelCoordinatesDisplay,
    TriedConfigurationsDisplay,
]
OF_SCORES = [display for display in ALL if display is not LearnedWarpsDisplay]
SPACE = {
    "C": Float(1e-2, 1e3),
    "kernel": Categorical(["rbf", "poly"]),
    "degree": Int(2, 5, when={"kernel": ["poly"]}),
}
#: Two parameters that are always active.
ALWAYS = {TriedConfigurationsDisplay: {"params": ("C", "kernel")}}


class FailsAbove(SVC):
    """Raises where C is above 30, so that candidates go without a score."""

    def fit(self, X, y):
        if self.C > 30:
            raise RuntimeError("C is too large")
        return super().fit(X, y)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def search():
    return WarpedBayesSearchCV(SVC(), SPACE, n_iter=14, cv=3, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def with_failures():
    grid = {"C": [100.0, 0.01, 1.0, 50.0, 0.1], "kernel": ["rbf"]}
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        return GridSearchCV(FailsAbove(), grid, cv=3).fit(X, y)


@pytest.fixture(scope="module")
def several_metrics():
    scoring = ["accuracy", "f1_macro"]
    return GridSearchCV(
        SVC(), {"C": [0.01, 1.0], "kernel": ["rbf", "poly"]}, cv=3, scoring=scoring, refit=False
    ).fit(X, y)


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def tick_texts(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


# ---------------------------------------------------------------------- all of them


@pytest.mark.parametrize("display", ALL)
def test_plot_returns_the_display_with_its_figure(display, search):
    drawn = display.from_estimator(search, **ALWAYS.get(display, {}))
    assert isinstance(drawn, display)
    axes = drawn.axes_ if display is LearnedWarpsDisplay else [drawn.ax_]
    assert all(ax.figure is drawn.figure_ for ax in axes)
    drawn.figure_.canvas.draw()
    assert drawn.plot() is drawn


@pytest.mark.parametrize("display", OF_SCORES)
def test_the_axes_given_are_drawn_on(display, search):
    figure, ax = plt.subplots()
    drawn = display.from_estimator(search, ax=ax, **ALWAYS.get(display, {}))
    assert (drawn.ax_, drawn.figure_) == (ax, figure)
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("display", ALL)
def test_an_unfitted_search_is_not_fitted(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(WarpedBayesSearchCV(SVC(), SPACE))


@pytest.mark.parametrize("display", OF_SCORES)
def test_a_wrong_metric_lists_the_right_ones(display, search, several_metrics):
    with pytest.raises(ValueError, match=r"one of \['score'\], but got 'auc'"):
        display.from_estimator(search, metric="auc", **ALWAYS.get(display, {}))
    with pytest.raises(ValueError, match=r"one of \['accuracy', 'f1_macro'\], but got 'auc'"):
        display.from_estimator(several_metrics, metric="auc")
    with pytest.raises(ValueError, match=r"must be given .* \['accuracy', 'f1_macro'\]"):
        display.from_estimator(several_metrics)


@pytest.mark.parametrize("display", OF_SCORES)
def test_every_metric_of_several_can_be_drawn(display, several_metrics):
    for metric in ["accuracy", "f1_macro"]:
        drawn = display.from_estimator(several_metrics, metric=metric)
        assert drawn.score_name == metric
    several_metrics.refit = "f1_macro"
    assert display.from_estimator(several_metrics).score_name == "f1_macro"
    several_metrics.refit = False


@pytest.mark.parametrize("display", ALL)
def test_without_matplotlib_the_error_names_the_extra(display, search, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tuneplug\[plot\]'") as caught:
        display.from_estimator(search, **ALWAYS.get(display, {}))
    assert display.__name__ in str(caught.value)
    assert isinstance(caught.value, ModuleNotFoundError)


def test_importing_the_displays_does_not_load_matplotlib():
    code = (
        "import sys, tuneplug_sklearn.displays as d; d.BestSoFarDisplay(scores=[1.0]);"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("display", ALL)
def test_pandas_is_not_needed(display, search, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pandas"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    drawn = display.from_estimator(search, **ALWAYS.get(display, {}))
    drawn.figure_.canvas.draw()
    assert any(axes.has_data() for axes in drawn.figure_.axes)


def test_a_search_without_one_score_can_be_drawn():
    space = SearchSpace({"C": Float(1, 2), "kernel": ["rbf", "poly"]})
    configurations, none = [{"C": 1.5, "kernel": "rbf"}], [np.nan]
    assert np.isnan(BestSoFarDisplay(scores=none).plot().line_.get_ydata()).all()
    for display in [TriedConfigurationsDisplay, ParallelCoordinatesDisplay]:
        drawn = display(configurations=configurations, scores=none, space=space).plot()
        assert drawn.colorbar_ is None
        drawn.figure_.canvas.draw()
    assert np.isnan(FoldScoresDisplay(fold_scores=[none]).plot().mean_line_.get_ydata()).all()


# ---------------------------------------------------------------------- best so far


def test_best_so_far_is_the_running_maximum_of_the_scores(search):
    drawn = BestSoFarDisplay.from_estimator(search)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(drawn.line_.get_xdata(), np.arange(14))
    np.testing.assert_array_equal(drawn.line_.get_ydata(), np.maximum.accumulate(scores))
    assert drawn.line_.get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(
        drawn.scatter_.get_offsets(), np.column_stack([np.arange(14), scores])
    )
    assert drawn.line_.get_ydata()[-1] == search.best_score_
    assert drawn.no_score_ is None


def test_candidates_without_a_score_are_marked_at_the_bottom(with_failures):
    drawn = BestSoFarDisplay.from_estimator(with_failures)
    np.testing.assert_array_equal(drawn.no_score_.get_xdata(), [0, 3])
    assert drawn.no_score_.get_transform() == drawn.ax_.get_xaxis_transform()
    assert np.isnan(drawn.line_.get_ydata()[0])
    assert not np.isnan(drawn.line_.get_ydata()[1:]).any()
    assert len(drawn.scatter_.get_offsets()) == 3
    assert "GridSearchCV: no score" in legend_texts(drawn.ax_)


def test_several_searches_share_one_axes(search, with_failures):
    first = BestSoFarDisplay.from_estimator(search)
    second = BestSoFarDisplay.from_estimator(with_failures, name="grid", ax=first.ax_)
    assert legend_texts(first.ax_)[:2] == ["WarpedBayesSearchCV", "grid"]
    assert first.line_.get_color() != second.line_.get_color()


def test_the_score_is_called_by_its_scorer():
    X, y = load_diabetes(return_X_y=True)
    search = RandomizedSearchCV(
        Ridge(), {"alpha": loguniform(1e-3, 1e3)}, n_iter=3, random_state=0, scoring="r2"
    ).fit(X, y)
    drawn = BestSoFarDisplay.from_estimator(search, line_kw={"color": "black"})
    assert drawn.ax_.get_ylabel() == "r2"
    assert drawn.line_.get_color() == "black"


# ---------------------------------------------------------------------- tried configurations


def test_tried_configurations_lie_at_their_values_on_the_scale_of_the_space(search):
    drawn = TriedConfigurationsDisplay.from_estimator(search, params=("C", "kernel"))
    tried = search.cv_results_["params"]
    x, y = drawn.scatter_.get_offsets().T
    np.testing.assert_array_equal(x, [configuration["C"] for configuration in tried])
    np.testing.assert_array_equal(y, [["rbf", "poly"].index(s["kernel"]) for s in tried])
    assert (drawn.ax_.get_xscale(), drawn.ax_.get_yscale()) == ("log", "linear")
    assert (drawn.ax_.get_xlabel(), drawn.ax_.get_ylabel()) == ("C", "kernel")
    assert tick_texts(drawn.ax_.yaxis) == ["rbf", "poly"]
    np.testing.assert_array_equal(drawn.scatter_.get_array(), search.cv_results_["mean_test_score"])
    best = np.argmax(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(drawn.best_.get_offsets(), [(x[best], y[best])])


def test_configurations_without_an_inactive_parameter_are_left_out(search):
    drawn = TriedConfigurationsDisplay.from_estimator(search, params=("C", "degree"))
    shown = [s["degree"] for s in search.cv_results_["params"] if s["kernel"] == "poly"]
    assert 0 < len(shown) < 14
    np.testing.assert_array_equal(drawn.scatter_.get_offsets()[:, 1], shown)
    drawn.figure_.canvas.draw()
    assert all(float(tick).is_integer() for tick in drawn.ax_.get_yticks())


def test_configurations_without_a_score_are_crosses(with_failures):
    drawn = TriedConfigurationsDisplay.from_estimator(with_failures)
    assert tick_texts(drawn.ax_.xaxis) == ["100.0", "0.01", "1.0", "50.0", "0.1"]
    np.testing.assert_array_equal(drawn.no_score_.get_offsets(), [(0, 0), (3, 0)])
    np.testing.assert_array_equal(drawn.scatter_.get_offsets(), [(1, 0), (2, 0), (4, 0)])
    assert set(legend_texts(drawn.ax_)) == {"no score", "best"}


@pytest.mark.parametrize(
    ("declared", "values"),
    [(Float(0.9, 0.9999), [0.9, 0.99, 0.9999]), (expon(scale=2.0), [0.1, 2.0, 30.0])],
    ids=["reverse_log", "quantiles"],
)
def test_other_scalings_become_a_scale_that_is_even_in_the_unit_cube(declared, values):
    space = SearchSpace({"x": declared, "n": Int(1, 9)})
    configurations = [{"x": value, "n": 1} for value in values]
    drawn = TriedConfigurationsDisplay(
        configurations=configurations, scores=[1, 2, 3], space=space
    ).plot()
    drawn.figure_.canvas.draw()
    assert drawn.ax_.get_xscale() == "function"
    parameter = space.subspaces[0]["x"]
    # Lines between 257 points: exact at ticks that are among them.
    ticks = drawn.ax_.xaxis.get_transform().transform(drawn.ax_.get_xticks())
    np.testing.assert_allclose(ticks, parameter.to_unit(drawn.ax_.get_xticks()), atol=1e-12)
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0], atol=1e-12)
    assert len(set(tick_texts(drawn.ax_.xaxis))) == len(ticks)


def test_branches_that_differ_share_an_axis():
    by_scale = SearchSpace([{"x": Float(0.01, 1.0), "n": [1, 2]}, {"x": Float(0, 1), "n": [3]}])
    configurations = [{"x": 0.5, "n": 2}, {"x": 0.0, "n": 3}]
    drawn = TriedConfigurationsDisplay(
        configurations=configurations, scores=[0, 1], space=by_scale
    ).plot()
    assert drawn.ax_.get_xscale() == "linear"
    assert tick_texts(drawn.ax_.yaxis) == ["1", "2", "3"]
    by_kind = SearchSpace([{"x": ["auto"], "n": [1, 2]}, {"x": Float(0, 1), "n": [1, 2]}])
    configurations = [{"x": "auto", "n": 2}, {"x": 0.25, "n": 1}]
    drawn = TriedConfigurationsDisplay(
        configurations=configurations, scores=[0, 1], space=by_kind
    ).plot()
    assert tick_texts(drawn.ax_.xaxis) == ["auto", "0.25"]


def test_choices_of_an_array_are_found_again():
    grid = {"C": np.logspace(-1, 1, 3), "degree": np.array([2, 3])}
    search = GridSearchCV(SVC(kernel="poly"), grid, cv=2).fit(X, y)
    drawn = TriedConfigurationsDisplay.from_estimator(search)
    assert tick_texts(drawn.ax_.xaxis) == ["0.1", "1.0", "10.0"]
    assert len(drawn.scatter_.get_offsets()) == 6


@pytest.mark.parametrize("params", [None, ("C", "gamma"), ("C", "C"), ("C",), "C"])
def test_params_must_be_two_of_the_space(search, params):
    with pytest.raises(ValueError, match=r"different parameters of \['C', 'kernel', 'degree'\]"):
        TriedConfigurationsDisplay.from_estimator(search, params=params)


def test_params_that_are_never_active_together_are_an_error():
    space = SearchSpace([{"a": [1, 2]}, {"b": [1, 2]}])
    with pytest.raises(ValueError, match="none of 2 has both 'a' and 'b'"):
        TriedConfigurationsDisplay(configurations=[{"a": 1}, {"b": 1}], scores=[1, 2], space=space)


# ---------------------------------------------------------------------- parallel coordinates


def test_parallel_lines_run_through_the_unit_cube(search):
    drawn = ParallelCoordinatesDisplay.from_estimator(search)
    space, results = search.study_.space, search.cv_results_
    assert tick_texts(drawn.ax_.xaxis) == ["C", "kernel", "degree", "score"]
    for line, configuration in zip(drawn.lines_, results["params"], strict=True):
        row = space.encode(configuration)
        active = ~np.isnan(line.get_ydata()[:3])
        np.testing.assert_array_equal(line.get_ydata()[:3][active], row[active])
        assert active.tolist() == [True, True, configuration["kernel"] == "poly"]
    heights = np.array([line.get_ydata()[-1] for line in drawn.lines_])
    scores = results["mean_test_score"]
    np.testing.assert_allclose(heights, (scores - scores.min()) / np.ptp(scores))
    best, worst = drawn.lines_[np.argmax(scores)], drawn.lines_[np.argmin(scores)]
    assert best.get_color() != worst.get_color()
    assert best.get_zorder() > worst.get_zorder()


def test_parallel_axes_are_labeled_in_the_users_units(search):
    labels = ParallelCoordinatesDisplay.from_estimator(search).tick_labels_
    texts = [[text.get_text() for text in axis] for axis in labels]
    assert [texts[0][0], texts[0][-1]] == ["0.01", "1e+03"]
    assert texts[1:3] == [["rbf", "poly"], ["2", "3", "4", "5"]]
    assert [text.get_position()[1] for text in labels[1]] == [0.25, 0.75]


def test_lines_without_a_score_are_grey_and_end_early(with_failures):
    drawn = ParallelCoordinatesDisplay.from_estimator(with_failures)
    colors = [line.get_color() for line in drawn.lines_]
    assert [color == "0.6" for color in colors] == [True, False, False, True, False]
    ends = np.array([line.get_ydata()[-1] for line in drawn.lines_])
    np.testing.assert_array_equal(np.isnan(ends), [True, False, False, True, False])
    assert tick_texts(drawn.ax_.xaxis) == ["C", "score"]  # the constant kernel has no axis


def test_a_resource_of_halving_is_no_parameter():
    grid = {"C": [0.1, 1.0, 10.0, 100.0]}
    search = HalvingGridSearchCV(
        SVC(), grid, cv=2, resource="max_iter", min_resources=500, max_resources=1000, factor=2
    ).fit(X, y)
    drawn = ParallelCoordinatesDisplay.from_estimator(search)
    assert tick_texts(drawn.ax_.xaxis) == ["C", "score"]
    assert len(drawn.lines_) == len(search.cv_results_["params"])


def test_equal_scores_lie_in_the_middle():
    space = SearchSpace({"x": Float(0, 1)})
    drawn = ParallelCoordinatesDisplay(
        configurations=[{"x": 0.2}], scores=[7.0], space=space
    ).plot()
    np.testing.assert_array_equal(drawn.lines_[0].get_ydata(), [0.2, 0.5])
    assert [text.get_text() for text in drawn.tick_labels_[1]] == ["7"]


# ---------------------------------------------------------------------- learned warps


def test_learned_warps_are_the_curves_of_the_study(search):
    drawn = LearnedWarpsDisplay.from_estimator(search)
    curves = search.study_.learned_warps()
    assert len(drawn.axes_) == len(curves) == 2
    for i, (name, curve) in enumerate(curves.items()):
        np.testing.assert_array_equal(drawn.lines_[i].get_xdata(), curve.unit)
        np.testing.assert_array_equal(drawn.lines_[i].get_ydata(), curve.warped)
        identity = drawn.identities_[i]
        np.testing.assert_array_equal(identity.get_xdata(), identity.get_ydata())
        assert identity.get_linestyle() == "--"
        band = drawn.bands_[i].get_paths()[0].vertices
        assert band[:, 1].min() == pytest.approx(curve.lower.min())
        assert set(curve.upper) <= set(band[:, 1])
        assert drawn.axes_[i].get_title() == (f"{name}: {curve.shape}" if curve.shape else name)
    assert tick_texts(drawn.axes_[0].xaxis) == ["0.01", "3.16", "1e+03"]


def test_some_warps_can_be_drawn_on_axes_given(search):
    _, axes = plt.subplots(1, 2)
    drawn = LearnedWarpsDisplay.from_estimator(search, params=["degree"], axes=axes[0])
    assert drawn.axes_.tolist() == [axes[0]]
    with pytest.raises(ValueError, match=r"some of \['C', 'degree'\], but got \['kernel'\]"):
        LearnedWarpsDisplay.from_estimator(search, params=["kernel"])
    with pytest.raises(ValueError, match="one for each of the 1 curves, but got 2"):
        drawn.plot(axes)


@pytest.mark.parametrize(
    ("space", "options", "why"),
    [
        (SPACE, {"strategy": "random"}, "strategy 'random' learns none"),
        (SPACE, {"strategy": BayesianSearch(warping=False)}, "warping=False"),
        (SPACE, {"n_iter": 1}, "only 1 of 1 candidates have a score"),
        ({"kernel": ["rbf", "poly"]}, {"n_iter": 2}, "no numeric parameter"),
    ],
    ids=["random", "no warping", "too few", "labels"],
)
def test_where_nothing_was_learned_the_error_tells_why(space, options, why):
    search = WarpedBayesSearchCV(SVC(), space, **{"n_iter": 4, "cv": 2, **options}).fit(X, y)
    with pytest.raises(ValueError, match=f"no warp was learned: .*{why}"):
        LearnedWarpsDisplay.from_estimator(search)


def test_a_search_without_a_study_has_no_warps(with_failures):
    with pytest.raises(ValueError, match="such as WarpedBayesSearchCV, but got a GridSearchCV"):
        LearnedWarpsDisplay.from_estimator(with_failures)


# ---------------------------------------------------------------------- scores of folds


def test_fold_scores_run_from_the_best_candidate_on(search):
    drawn = FoldScoresDisplay.from_estimator(search, n_candidates=4)
    results = search.cv_results_
    order = np.argsort(results["rank_test_score"], kind="stable")[:4]
    assert tick_texts(drawn.ax_.xaxis) == [str(row) for row in order]
    assert len(drawn.lines_) == 3
    for fold, line in enumerate(drawn.lines_):
        np.testing.assert_array_equal(line.get_ydata(), results[f"split{fold}_test_score"][order])
    # A mean of the same three numbers, added up in another way.
    np.testing.assert_allclose(
        drawn.mean_line_.get_ydata(), results["mean_test_score"][order], rtol=1e-12
    )
    assert legend_texts(drawn.ax_) == ["fold 0", "fold 1", "fold 2", "mean"]


def test_candidates_without_a_score_come_last_and_leave_a_gap(with_failures):
    drawn = FoldScoresDisplay.from_estimator(with_failures)
    assert tick_texts(drawn.ax_.xaxis)[-2:] == ["0", "3"]
    assert np.isnan(drawn.mean_line_.get_ydata()).tolist() == [False] * 3 + [True] * 2


@pytest.mark.parametrize("n_candidates", [0, 2.5, None])
def test_the_number_of_candidates_is_a_count(search, n_candidates):
    with pytest.raises(ValueError, match="n_candidates must be an integer of at least 1"):
        FoldScoresDisplay.from_estimator(search, n_candidates=n_candidates)


@pytest.mark.parametrize("display", OF_SCORES)
def test_displays_of_a_search_with_a_resource_show_full_candidates(display):
    search = WarpedBayesSearchCV(
        SVC(),
        {"C": Float(1e-2, 1e3), "kernel": Categorical(["rbf", "poly"])},
        n_iter=4,
        random_state=0,
        strategy="hyperband",
        resource="n_samples",
        min_resources=30,
    ).fit(X, y)
    full = search.cv_results_["n_resources"] == 150
    assert 0 < full.sum() < len(full)
    shown = display.from_estimator(search, **ALWAYS.get(display, {}))
    scores = shown.fold_scores if display is FoldScoresDisplay else shown.scores
    assert len(scores) == full.sum()
