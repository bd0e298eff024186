"""``compare_searches``: searches of scikit-learn's interface in paired replications."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Int
from tuneplug.comparison import seed_of_replication
from tuneplug.storage import MemoryStorage, SqliteStorage
from tuneplug_sklearn import WarpedBayesSearchCV, compare_searches

X, y = load_iris(return_X_y=True)
TREE = DecisionTreeClassifier(random_state=0)


def searches():
    return {
        "bayesian": WarpedBayesSearchCV(TREE, {"min_samples_leaf": Int(1, 60)}, n_iter=6, cv=3),
        "random": RandomizedSearchCV(TREE, {"min_samples_leaf": range(1, 61)}, n_iter=6, cv=3),
        "grid": GridSearchCV(TREE, {"min_samples_leaf": [60, 5]}, cv=3),
    }


@pytest.fixture(scope="module")
def reference():
    return compare_searches(searches(), X, y, replications=2, seed=1)


def test_a_curve_is_the_best_score_so_far_of_a_search_with_the_seed_of_its_replication(reference):
    search = searches()["random"].set_params(random_state=seed_of_replication(1, 1)).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(reference.curves["random"][1], np.maximum.accumulate(scores))
    assert reference.direction == "maximize"


def test_a_search_with_fewer_candidates_stays_at_its_best_score(reference):
    curve = reference.curves["grid"][0]
    assert curve.shape == (6,)
    assert (curve[1:] == curve[1]).all()
    assert curve[1] > curve[0]


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_the_comparison_is_the_same_on_workers(reference, workers):
    options = {"replications": 2, "seed": 1}
    if workers == "threads":
        comparison = compare_searches(searches(), X, y, n_jobs=2, **options)
    else:
        with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as executor:
            comparison = compare_searches(searches(), X, y, executor=executor, **options)
    assert comparison.table() == reference.table()


def test_the_searches_that_are_given_stay_unfitted():
    given = searches()
    compare_searches(given, X, y, replications=2)
    assert not any(hasattr(search, "cv_results_") for search in given.values())
    assert given["random"].random_state is None


def test_the_metric_is_the_one_that_refit_names():
    scoring = {"low": "neg_mean_squared_error", "high": "r2"}
    space = {"alpha": loguniform(1e-3, 1e3)}
    many = RandomizedSearchCV(Ridge(), space, n_iter=3, cv=3, scoring=scoring, refit="high")
    comparison = compare_searches({"many": many}, X[:, :3], X[:, 3], replications=2)
    one = RandomizedSearchCV(Ridge(), space, n_iter=3, cv=3, scoring="r2")
    same = compare_searches({"many": one}, X[:, :3], X[:, 3], replications=2)
    assert comparison.table() == same.table()
    many.refit = False
    with pytest.raises(ValueError, match="refit must name one of the metrics"):
        compare_searches({"many": many}, X[:, :3], X[:, 3], replications=2)


class Interrupted(DecisionTreeClassifier):
    """A tree whose fits are counted, and one of which is interrupted."""

    calls, interrupt_at = 0, None

    def fit(self, X, y):
        type(self).calls += 1
        if type(self).calls == self.interrupt_at:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_an_interrupted_comparison_goes_on_with_the_searches_that_have_not_ended(
    kind, tmp_path, monkeypatch
):
    storage = MemoryStorage() if kind == "memory" else SqliteStorage(tmp_path / "c.db")
    space = {"min_samples_leaf": [1, 60]}
    tree = Interrupted(random_state=0)
    given = {"a": GridSearchCV(tree, space, cv=3), "b": RandomizedSearchCV(tree, space, n_iter=1)}
    options = {"replications": 3, "storage": storage, "name": "c"}
    monkeypatch.setattr(Interrupted, "calls", 0)
    monkeypatch.setattr(Interrupted, "interrupt_at", 7 + 6 + 7 + 2)  # with the refits
    with pytest.raises(KeyboardInterrupt):
        compare_searches(given, X, y, **options)
    assert storage.studies() == ["c/a/0", "c/a/1", "c/b/0"]
    monkeypatch.setattr(Interrupted, "interrupt_at", None)
    monkeypatch.setattr(Interrupted, "calls", 0)
    comparison = compare_searches(given, X, y, **options)
    assert Interrupted.calls == 6 + 7 + 6
    assert comparison.table() == compare_searches(given, X, y, replications=3).table()
    with pytest.raises(ValueError, match="seed=3, but has seed=0"):
        compare_searches(given, X, y, **options, seed=3)
    with pytest.raises(ValueError, match="name must be text"):
        compare_searches(given, X, y, storage=storage)


def test_the_error_of_a_search_names_it():
    wrong = RandomizedSearchCV(TREE, {"min_samples_lef": [1, 2]}, n_iter=2, cv=3)
    with pytest.raises(ValueError, match="min_samples_lef") as caught:
        compare_searches({"wrong": wrong}, X, y, replications=2)
    assert caught.value.__notes__[-1] == "in the comparison: search 'wrong', replication 0"


def test_mistakes_are_named_together_before_any_fit():
    with pytest.raises(ValueError, match="must be a search") as caught:
        compare_searches({"a": RandomizedSearchCV, "b": 3}, X, y, replications=1, seed=-1)
    for part in ("searches['a']", "searches['b']", "replications must be", "seed must be"):
        assert part in str(caught.value)
    with pytest.raises(ValueError, match="must be a mapping"):
        compare_searches([], X, y)


def test_searches_that_resume_a_study_of_their_own_are_refused(tmp_path):
    options = {"storage": f"sqlite:///{tmp_path}/a.db", "resume": True}
    search = searches()["bayesian"].set_params(**options)
    with pytest.raises(ValueError, match=r"'resuming'.*must not resume a stored search"):
        compare_searches({"resuming": search}, X, y, replications=2)
    assert not (tmp_path / "a.db").exists()
