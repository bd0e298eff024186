"""What displays draw: values, kinds of trials, metrics, and the model of any search."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.svm import SVC

from tuneplug import Float, SearchSpace, Study
from tuneplug_matplotlib import BestSoFarDisplay, FoldScoresDisplay, Results
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = load_iris(return_X_y=True)


def test_a_study_gives_its_values_states_and_origins(hard_study):
    results = Results.from_study(hard_study)
    assert (results.direction, results.value_name, results.name) == ("maximize", "value", "hard")
    assert [i for i, kind in enumerate(results.kinds) if kind == "failed"] == [4, 11]
    assert [i for i, kind in enumerate(results.kinds) if kind == "stopped"] == [6, 13]
    assert results.kinds[:4] == ["startup"] * 4
    assert "model" in results.kinds[14:]
    assert set(results.kinds[14:]) <= {"model", "exploration"}
    assert results.trials[results.best] == hard_study.best_trial.number


def test_a_search_gives_its_scores_and_its_kinds(search):
    results = Results.from_estimator(search)
    np.testing.assert_array_equal(results.y, search.cv_results_["mean_test_score"])
    assert results.kinds == ["startup"] * 5 + ["model"] * 9
    assert results.best == search.best_index_
    assert results.study is search.study_


def test_candidates_without_a_score_have_failed(with_failures):
    results = Results.from_estimator(with_failures)
    assert results.kinds == ["failed", "trial", "trial", "failed", "trial"]


def test_a_wrong_metric_lists_the_right_ones(search, several_metrics):
    with pytest.raises(ValueError, match=r"one of \['score'\], but got 'auc'"):
        Results.from_estimator(search, "auc")
    with pytest.raises(ValueError, match=r"one of \['accuracy', 'f1_macro'\], but got 'auc'"):
        Results.from_estimator(several_metrics, "auc")
    with pytest.raises(ValueError, match=r"must be given .* \['accuracy', 'f1_macro'\]"):
        Results.from_estimator(several_metrics)
    assert Results.from_estimator(several_metrics, "f1_macro").value_name == "f1_macro"


def test_the_metric_that_refit_names_is_the_default(several_metrics, monkeypatch):
    monkeypatch.setattr(several_metrics, "refit", "f1_macro")
    assert Results.from_estimator(several_metrics).value_name == "f1_macro"


def test_the_score_is_called_by_its_scorer():
    search = GridSearchCV(SVC(), {"C": [1.0, 2.0]}, cv=2, scoring="f1_macro").fit(X, y)
    assert Results.from_estimator(search).value_name == "f1_macro"


def test_a_resource_of_halving_is_no_parameter():
    grid = {"C": [0.1, 1.0, 10.0, 100.0]}
    search = HalvingGridSearchCV(
        SVC(), grid, cv=2, resource="max_iter", min_resources=500, max_resources=1000, factor=2
    ).fit(X, y)
    assert {name for c in Results.from_estimator(search).configurations for name in c} == {"C"}


def test_only_candidates_with_the_full_resource_are_shown():
    search = WarpedBayesSearchCV(
        SVC(),
        {"C": Float(1e-2, 1e3)},
        n_iter=4,
        random_state=0,
        strategy="hyperband",
        resource="n_samples",
        min_resources=30,
    ).fit(X, y)
    full = search.cv_results_["n_resources"] == 150
    assert 0 < full.sum() < len(full)
    assert len(Results.from_estimator(search)) == full.sum()


def test_a_search_without_a_model_gets_one_from_its_results():
    configurations = [{"a": a, "b": b} for a in np.linspace(0, 1, 5) for b in (0.1, 0.9)]
    results = Results(
        values=[c["a"] for c in configurations],
        configurations=configurations,
        space=SearchSpace({"a": Float(0, 1), "b": Float(0, 1)}),
    )
    assert [share.parameter for share in results.importances] == ["a", "b"]
    assert results.importances[1].total < 0.02
    assert results.model.predict(np.full((1, 2), 0.5))[0] == pytest.approx(0.5, abs=0.02)


def test_a_model_needs_two_values():
    results = Results(values=[1.0], configurations=[{"a": 0.5}], space=SearchSpace({"a": [0.5, 1]}))
    with pytest.raises(ValueError, match="at least two trials with a value"):
        _ = results.model


def test_configurations_must_fit_the_values():
    with pytest.raises(ValueError, match="one for each of 2 values, but got 1"):
        Results(values=[1.0, 2.0], configurations=[{}])


def test_a_space_is_needed_for_displays_of_parameters():
    with pytest.raises(ValueError, match="must have a space and configurations"):
        Results(values=[1.0]).required_space()


def test_nothing_is_written_to_a_storage_that_is_drawn(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study({"x": Float(0, 1)}, storage=url, name="a", seed=0)
    study.optimize(lambda trial: trial.params["x"], 3)
    before = (tmp_path / "study.db").read_bytes()
    assert len(Results.from_storage(url, "a")) == 3
    assert (tmp_path / "study.db").read_bytes() == before


# ------------------------------------------------------------------ constraints


def at_most_1(estimator, fold):
    return [estimator.C - 1.0]


def test_infeasible_trials_are_a_kind_of_their_own_and_never_the_best():
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    for value, constraint in [(1.0, 0.5), (3.0, -0.5), (2.0, 0.0), (0.0, 0.1)]:
        study.tell(study.ask(), value, constraints=[constraint])
    results = Results.from_study(study)
    assert results.kinds == ["infeasible", "trial", "trial", "infeasible"]
    assert results.best == 2
    np.testing.assert_array_equal(
        BestSoFarDisplay(results).plot().line_.get_ydata(), [np.nan, 3.0, 2.0, 2.0]
    )


def test_infeasible_candidates_of_a_search_are_shown_last():
    search = WarpedBayesSearchCV(
        SVC(), {"C": Float(0.01, 100.0)}, n_iter=8, random_state=0, constraints=at_most_1
    ).fit(X, y)
    results = Results.from_estimator(search)
    infeasible = [kind == "infeasible" for kind in results.kinds]
    assert infeasible == (~search.cv_results_["feasible"]).tolist()
    assert results.best == search.best_index_
    shown = FoldScoresDisplay(results).candidates
    assert shown[0] == search.best_index_
    assert [infeasible[row] for row in shown] == sorted(infeasible)
