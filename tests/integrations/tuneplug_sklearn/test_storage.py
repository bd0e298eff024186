"""A search with a storage: what is kept, what a resumed search runs, and what is refused."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from search_results import assert_same_results
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import KFold, cross_val_score

from tuneplug import ConcurrentStudyError, Float, Int, StorageError, Study
from tuneplug.storage import MemoryStorage, SqliteStorage, Storage
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.storing import restart, stored_search

X, y = make_classification(60, 5, flip_y=0.3, random_state=0)
SPACE = {"a": Float(-1.0, 1.0), "b": [1, 2, 3]}
N_ITER, N_FOLDS = 8, 3

#: Numbers of fits by class, and the number of the fit that is interrupted.
fits = Counter()
interrupted_fit = {"number": None, "error": KeyboardInterrupt}


class Noted(ClassifierMixin, BaseEstimator):
    """Scores a function of its parameters and of the rows, and counts its fits."""

    def __init__(self, a=0.0, b=1, fails=False):
        self.a, self.b, self.fails = a, b, fails

    def fit(self, X, y, sample_weight=None):
        fits["fits"] += 1
        if fits["fits"] == interrupted_fit["number"]:
            raise interrupted_fit["error"]
        if self.fails:
            raise ValueError("fails")
        self.classes_, self.shift_ = np.unique(y), float(np.sum(X))
        return self

    def predict(self, X):
        return np.where(X[:, 0] > 0, *self.classes_)

    def score(self, X, y):
        return -((self.a - 0.3) ** 2) - 0.1 * self.b + 1e-3 * np.sin(self.shift_) + np.mean(y) / 50


@pytest.fixture(autouse=True)
def _count_from_zero():
    fits.clear()
    interrupted_fit.update(number=None, error=KeyboardInterrupt)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/searches.db"


def make(estimator=None, space=SPACE, **options):
    options = {"n_iter": N_ITER, "random_state": 0, "cv": N_FOLDS, "refit": False} | options
    return WarpedBayesSearchCV(Noted() if estimator is None else estimator, space, **options)


def interrupt(search, number, data=(X, y)):
    """Fit a search, and interrupt it in the fit with that number, from 1."""
    interrupted_fit["number"] = number
    with pytest.raises(KeyboardInterrupt):
        search.fit(*data)
    interrupted_fit["number"] = None
    fits.clear()


# ------------------------------------------------------------------ resume


@pytest.mark.parametrize("racing", [False, True])
@pytest.mark.parametrize("number", [1, 2, 9, 11, 17])
def test_an_interrupted_search_repeats_only_the_fit_that_ran(url, number, racing):
    expected = make(racing=racing).fit(X, y).cv_results_
    n_fits = fits["fits"]
    fits.clear()
    options = {"racing": racing, "storage": url, "study_name": "a", "resume": True}
    interrupt(make(**options), number)
    search = make(**options).fit(X, y)
    assert fits["fits"] == n_fits - (number - 1)
    assert_same_results(search.cv_results_, expected)


def test_a_search_that_is_interrupted_again_and_again_is_the_undisturbed_one(url):
    expected = make().fit(X, y).cv_results_
    fits.clear()
    options = {"storage": url, "study_name": "a", "resume": True}
    for number in (2, 3, 1, 4, 2):
        interrupt(make(**options), number)
    search = make(**options).fit(X, y)
    assert fits["fits"] == N_ITER * N_FOLDS - (1 + 2 + 0 + 3 + 1)
    assert_same_results(search.cv_results_, expected)


def test_the_same_search_object_goes_on_after_an_interrupt(url):
    search = make(storage=url, study_name="a", resume=True)
    interrupt(search, 8)
    assert len(search.cv_results_["params"]) == 2
    assert_same_results(search.fit(X, y).cv_results_, make().fit(X, y).cv_results_)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_rules_stop_the_same_fits_of_a_resumed_search(url, n_jobs):
    estimator = HistGradientBoostingClassifier(max_iter=12, min_samples_leaf=5, random_state=0)
    space = {"learning_rate": Float(1e-3, 1.0), "max_leaf_nodes": Int(2, 8)}
    options = {"stopping": "median", "racing": True, "n_jobs": n_jobs, "n_iter": 14}
    expected = make(estimator, space, **options).fit(X, y).cv_results_
    assert "stopped" in expected["trial_state"]
    options |= {"storage": url, "study_name": "a", "resume": True}

    def interrupts(progress):
        if progress.n_done in (5, 11) and progress.n_done - progress.n_earlier > 1:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            make(estimator, space, callbacks=[interrupts], **options).fit(X, y)
    assert_same_results(make(estimator, space, **options).fit(X, y).cv_results_, expected)


@pytest.mark.slow
def test_a_search_whose_process_ended_in_a_fit_goes_on(url, tmp_path):
    script = """
import os
import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from tuneplug import Float
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = make_classification(60, 5, flip_y=0.3, random_state=0)
left = int(os.environ["LEFT"])

def score(estimator, X, y):
    global left
    left -= 1
    if left == 0:
        os._exit(9)
    return estimator.score(X, y)

search = WarpedBayesSearchCV(LogisticRegression(), {"C": Float(1e-3, 1e3)}, n_iter=5, cv=3,
                             scoring=score, random_state=0, refit=False,
                             storage=os.environ["URL"], study_name="a", resume=True)
search.fit(X, y)
print(-left, *search.cv_results_["mean_test_score"])
"""

    def run(left, location):
        return subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"LEFT": str(left), "URL": location},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run(8, url).returncode == 9
    n_fits, *scores = run(0, url).stdout.split()
    whole = run(0, f"sqlite:///{tmp_path}/whole.db").stdout.split()
    assert int(n_fits) == 15 - 7
    assert scores == whole[1:]


def test_a_complete_search_runs_no_fit_but_the_refit(url):
    options = {"storage": url, "study_name": "a", "resume": True}
    first = make(**options).fit(X, y)
    fits.clear()
    again = make(**options, callbacks=[lambda progress: True]).fit(X, y)
    assert fits["fits"] == 0
    assert_same_results(again.cv_results_, first.cv_results_)
    refitted = make(**options | {"refit": True}).fit(X, y)
    assert fits["fits"] == 1
    assert refitted.best_params_ == first.best_params_


def test_results_name_candidates_that_were_stopped_before_the_search_was_resumed(url):
    estimator = HistGradientBoostingClassifier(max_iter=12, min_samples_leaf=5, random_state=0)
    space = {"learning_rate": Float(1e-3, 1.0), "max_leaf_nodes": Int(2, 8)}
    options = {"storage": url, "study_name": "a", "resume": True}
    rules = {"stopping": "median", "racing": True, "n_iter": 14}
    before = make(estimator, space, **options, **rules).fit(X, y).cv_results_
    assert "stopped" in before["trial_state"]
    results = make(estimator, space, **options, n_iter=15).fit(X, y).cv_results_
    assert list(results["stop_reason"]) == [*before["stop_reason"], None]
    assert list(results["trial_state"]) == [*before["trial_state"], "complete"]


def test_n_iter_counts_the_stored_candidates(url):
    options = {"storage": url, "study_name": "a", "resume": True}
    before = make(**options | {"n_iter": 5}).fit(X, y).cv_results_
    fits.clear()
    after = make(**options | {"n_iter": 9}).fit(X, y).cv_results_
    assert fits["fits"] == 4 * N_FOLDS
    assert after["params"][:5] == before["params"]
    assert len(after["params"]) == 9


def test_progress_counts_the_stored_candidates(url, capsys):
    options = {"storage": url, "study_name": "a", "resume": True}
    make(**options | {"n_iter": 5}).fit(X, y)
    seen = []
    make(**options, callbacks=[seen.append], verbose=1).fit(X, y)
    assert [(p.n_done, p.n_earlier) for p in seen] == [(6, 5), (7, 5), (8, 5)]
    assert seen[-1].left == 0.0
    assert "[6/8]" in capsys.readouterr().out


@pytest.mark.parametrize("cv", ["splitter", "generator"])
def test_unseeded_folds_are_stored(url, cv):
    def folds():
        splitter = KFold(N_FOLDS, shuffle=True)
        return splitter if cv == "splitter" else splitter.split(X)

    options = {"storage": url, "study_name": "a", "resume": True}
    interrupt(make(**options, cv=folds()), 8)
    search = make(**options, cv=folds()).fit(X, y)
    assert fits["fits"] == N_ITER * N_FOLDS - 7
    stored = Study(SPACE, direction="maximize", storage=url, name="a").attributes["search"]
    assert search.study_.attributes["search"] == stored


def test_an_unseeded_search_goes_on_with_its_seed(url):
    options = {"storage": url, "study_name": "a", "resume": True, "random_state": None}
    interrupt(make(**options), 8)
    first = make(**options).fit(X, y)
    assert make(**options).fit(X, y).study_.seed == first.study_.seed


@pytest.mark.parametrize("strategy", ["bayesian", "hyperband"])
@pytest.mark.parametrize("number", [7, 20])
def test_a_search_with_a_resource_goes_on(url, strategy, number):
    options = {"resource": "b", "max_resources": 27, "strategy": strategy, "n_iter": 4}
    options |= {"space": {"a": Float(-1.0, 1.0)}}
    expected = make(**options).fit(X, y).cv_results_
    n_fits = fits["fits"]
    fits.clear()
    options |= {"storage": url, "study_name": "a", "resume": True}
    interrupt(make(**options), number)
    assert_same_results(make(**options).fit(X, y).cv_results_, expected)
    assert fits["fits"] == n_fits - (number - 1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_failed_fits_are_stored_with_their_errors(url):
    space = {"a": Float(-1.0, 1.0), "fails": [False, True]}
    options = {"storage": url, "study_name": "a", "resume": True}
    first = make(space=space, **options).fit(X, y)
    fits.clear()
    again = make(space=space, **options).fit(X, y)
    assert fits["fits"] == 0
    assert_same_results(again.cv_results_, first.cv_results_)
    assert [t.error for t in again.study_.trials] == [t.error for t in first.study_.trials]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_search_whose_first_candidates_failed_alike_says_that_they_are_stored(url):
    options = {"storage": url, "study_name": "a", "resume": True}
    for n_fits in (5 * N_FOLDS, 0):
        fits.clear()
        with pytest.raises(ValueError, match=r"(?s)fails.*Study 'a' keeps the failed fits"):
            make(Noted(fails=True), **options).fit(X, y)
        assert fits["fits"] == n_fits


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_candidate_in_which_the_process_dies_too_often_fails(url, monkeypatch):
    monkeypatch.setattr(stored_search, "MAX_RETRIES", 1)
    options = {"storage": url, "study_name": "a", "resume": True, "lag": 0}
    for _ in range(2):
        interrupt(make(**options), 1)
    search = make(**options).fit(X, y)
    results = search.cv_results_
    assert search.study_.trials[0].error == "the process died 2 times"
    assert len(results["params"]) == N_ITER
    assert np.isnan(results["mean_test_score"]).tolist() == [True] + [False] * (N_ITER - 1)


def test_a_search_that_an_error_of_a_fit_ended_goes_on(url):
    options = {"storage": url, "study_name": "a", "resume": True, "error_score": "raise"}
    interrupted_fit.update(number=8, error=ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        make(**options).fit(X, y)
    fits.clear()
    interrupted_fit["number"] = None
    search = make(**options).fit(X, y)
    assert fits["fits"] == N_ITER * N_FOLDS - 7
    assert_same_results(search.cv_results_, make(error_score="raise").fit(X, y).cv_results_)


def test_verbose_says_how_many_candidates_are_stored(url, capsys):
    options = {"storage": url, "study_name": "a", "resume": True, "verbose": 1}
    interrupt(make(**options), 8)
    assert "are stored" not in capsys.readouterr().out
    make(**options).fit(X, y)
    assert "2 candidates of study 'a' are stored, and 1 goes on\n" in capsys.readouterr().out


# ------------------------------------------------------------------ names


def test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten(url, tmp_path):
    names = [make(storage=url, study_name="a").fit(X, y).study_name_ for _ in range(3)]
    assert names == ["a", "a-2", "a-3"]
    assert SqliteStorage(tmp_path / "searches.db").studies() == names


def test_a_name_that_another_process_takes_meanwhile_is_left_to_it(url, tmp_path, monkeypatch):
    storage = SqliteStorage(tmp_path / "searches.db")
    free = stored_search._free_name

    def race(given, name):
        found = free(given, name)
        if found in ("a", "a-2"):
            Study(SPACE, storage=storage, name=found).create(found)
        return found

    search = make(storage=url, study_name="a")
    monkeypatch.setattr(stored_search, "_free_name", race)
    search.fit(X, y)
    assert search.study_name_ == "a-3"


def test_of_two_searches_that_start_at_once_only_one_takes_the_name_to_resume(url, tmp_path):
    """The next call would not find what the other one stored under another name."""
    options = {"storage": url, "study_name": "a", "resume": True}

    class Splitter(KFold):
        def split(self, X, y=None, groups=None):  # after the name was looked up
            if not SqliteStorage(tmp_path / "searches.db").studies():
                make(**options, cv=KFold(N_FOLDS)).fit(X, y)
                fits.clear()
            return super().split(X, y, groups)

    with pytest.raises(ConcurrentStudyError, match="another process runs that of study 'a'"):
        make(**options, cv=Splitter(N_FOLDS)).fit(X, y)
    assert SqliteStorage(tmp_path / "searches.db").studies() == ["a"]
    assert fits["fits"] == 0


def test_trials_that_a_study_added_to_a_search_are_named(url):
    options = {"storage": url, "study_name": "a", "resume": True}
    make(**options).fit(X, y)
    Study.load(url, "a", strategy="random").optimize(lambda trial: 99.0, 2)
    with pytest.warns(UserWarning, match=r"trials \[8, 9\] of study 'a' have no scores of folds"):
        search = make(**options | {"n_iter": 12}).fit(X, y)
    assert len(search.cv_results_["params"]) == 10
    assert search.best_score_ < 1.0


def test_without_a_name_equal_searches_have_one(url):
    options = {"storage": url, "resume": True}
    first = make(**options).fit(X, y)
    assert first.study_name_.startswith("search-")
    assert clone(first).fit(X, y).study_name_ == first.study_name_
    assert make(**options).fit(X[:50], y[:50]).study_name_ != first.study_name_
    assert make(**options | {"cv": 4}).fit(X, y).study_name_ != first.study_name_


def test_nested_searches_resume_their_own_studies(url, tmp_path):
    options = {"storage": url, "resume": True, "refit": True, "n_iter": 3}
    scores = cross_val_score(make(**options), X, y, cv=3)
    n_fits = fits["fits"]
    fits.clear()
    np.testing.assert_array_equal(cross_val_score(make(**options), X, y, cv=3), scores)
    assert (n_fits, fits["fits"]) == (3 * (9 + 1), 3)
    assert len(SqliteStorage(tmp_path / "searches.db").studies()) == 3


def test_resume_without_such_a_study_starts_it(url):
    assert make(storage=url, study_name="a", resume=True).fit(X, y).study_name_ == "a"


def test_the_name_is_forgotten_by_a_fit_without_a_storage(url):
    search = make(storage=url, study_name="a").fit(X, y)
    search.set_params(storage=None, study_name=None).fit(X, y)
    assert not hasattr(search, "study_name_")


# ------------------------------------------------------------------ changes


@pytest.mark.parametrize(
    "space",
    [SPACE | {"a": Float(-2.0, 1.5)}, SPACE | {"b": [1, 2, 3, 4]}],
    ids=["wider range", "more categories"],
)
def test_wider_spaces_are_accepted(url, space):
    options = {"storage": url, "study_name": "a", "resume": True}
    before = make(**options | {"n_iter": 4}).fit(X, y).cv_results_
    after = make(space=space, **options).fit(X, y).cv_results_
    assert after["params"][:4] == before["params"]


CHANGES = {
    "X": lambda: (make(), (X + 1, y)),
    "y": lambda: (make(), (X, 1 - y)),
    "scoring": lambda: (make(scoring="accuracy"), (X, y)),
    "cv": lambda: (make(cv=4), (X, y)),
    "estimator": lambda: (make(Noted(fails=True)), (X, y)),
    "space.a": lambda: (make(space=SPACE | {"a": Float(-0.5, 1.0)}), (X, y)),
    "error_score": lambda: (make(error_score=0.0), (X, y)),
    "return_train_score": lambda: (make(return_train_score=True), (X, y)),
    "random_state": lambda: (make(random_state=1), (X, y)),
}


@pytest.mark.parametrize("part", CHANGES)
def test_another_search_is_refused_with_what_differs(url, part):
    make(storage=url, study_name="a").fit(X, y)
    fits.clear()
    search, data = CHANGES[part]()
    search.set_params(storage=url, study_name="a", resume=True)
    with pytest.raises(ValueError, match=rf"'a' differs:\n  {part}.*(?s:.)*another study_name"):
        search.fit(*data)
    assert fits["fits"] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"n_jobs": 2},
        {"timeout": 1000.0},
        {"verbose": 1},
        {"refit": True},
        {"strategy": "random"},
        {"racing": True},
        {"callbacks": [print]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_changes_no_stored_result_may_change(url, options):
    first = make(storage=url, study_name="a").fit(X, y)
    search = make(storage=url, study_name="a", resume=True, **options).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], first.cv_results_["mean_test_score"]
    )


def test_other_versions_are_warned_of(url, monkeypatch):
    make(storage=url, study_name="a").fit(X, y)
    monkeypatch.setattr(np, "__version__", "0.1")
    with pytest.warns(UserWarning, match=r"other versions.*numpy: .*, now 0\.1"):
        make(storage=url, study_name="a", resume=True).fit(X, y)


def test_a_study_that_is_no_search_is_not_resumed(url):
    Study(SPACE, storage=url, name="a").create("a")
    with pytest.raises(ValueError, match="'a' must be of a search"):
        make(storage=url, study_name="a", resume=True).fit(X, y)


def test_a_search_that_another_process_runs_is_refused(url, monkeypatch):
    monkeypatch.setattr(restart, "MAX_WAIT", 0.0)
    monkeypatch.setattr(restart, "WAIT", 0.0)
    options = {"storage": url, "study_name": "a", "resume": True}
    interrupt(make(**options), 8)
    other = Study(SPACE, direction="maximize", storage=url, name="a")
    number = other.ask().number
    with (
        pytest.warns(RuntimeWarning, match="may still run"),
        pytest.raises(ConcurrentStudyError, match="another process runs"),
    ):
        make(**options).fit(X, y)
    assert other.history[number].state.value == "running"


@pytest.mark.parametrize("sign", ["ended", "result"])
def test_a_search_that_another_process_runs_is_not_disturbed(url, sign, monkeypatch):
    """The other process goes on while a second one waits: that one starts no trial."""
    options = {"storage": url, "study_name": "a", "resume": True}
    interrupt(make(**options), 8)
    other = Study(SPACE, direction="maximize", storage=url, name="a")
    running = other.ask()

    def go_on(seconds):
        if sign == "ended":
            other.tell(running, 0.5)
        else:
            other.set_trial_attribute(running, "fold3", {"test_scores": 0.5})

    monkeypatch.setattr(restart.time, "sleep", go_on)
    n_fits = fits["fits"]
    with (
        pytest.warns(RuntimeWarning, match="may still run"),
        pytest.raises(ConcurrentStudyError, match="another process runs"),
    ):
        make(**options).fit(X, y)
    assert fits["fits"] == n_fits
    assert other.ask().number == running.number + 1


def test_of_two_processes_with_one_search_the_one_that_takes_a_candidate_goes_on(url):
    """The second one starts while the first one runs no fit; nothing of the first disturbs it."""
    options = {"storage": url, "study_name": "a", "resume": True}
    second = make(**options)

    def start_second(progress):
        if progress.number == 2:
            second.fit(X, y)

    with pytest.raises(ConcurrentStudyError, match="another process runs"):
        make(**options, callbacks=[start_second]).fit(X, y)
    assert len(second.cv_results_["params"]) == N_ITER
    assert len(Study.load(url, "a").trials) == N_ITER


def test_a_damaged_result_is_named(url):
    options = {"storage": url, "study_name": "a", "resume": True}
    interrupt(make(**options), 8)
    other = Study(SPACE, direction="maximize", storage=url, name="a", max_retries=9)
    trial = other.ask()
    other.set_trial_attribute(trial, "fold0", {"test_scores": "much"})
    other.release()
    with pytest.raises(StorageError, match="fold 0 of stored trial 2"):
        make(**options).fit(X, y)


# ------------------------------------------------------------------ storages


class OneWriter(Storage):
    """The storage of a plugin with the five methods; writing it can fail."""

    name = "one-writer"

    def __init__(self, location=""):
        self.inner, self.full = MemoryStorage(), False

    def open(self, study, settings):
        return self.inner.open(study, settings)

    def add(self, study, record):
        self._check()
        self.inner.add(study, record)

    def update(self, study, record, expected=None):
        self._check()
        self.inner.update(study, record, expected)

    def studies(self):
        return self.inner.studies()

    def delete(self, study):
        self.inner.delete(study)

    def _check(self):
        if self.full:
            raise StorageError("the disk is full")


@pytest.mark.parametrize("kind", [MemoryStorage, OneWriter])
def test_a_search_goes_on_from_a_storage_with_one_writer(kind):
    storage = kind()
    expected = make().fit(X, y).cv_results_
    fits.clear()
    options = {"storage": storage, "study_name": "a", "resume": True}
    interrupt(make(**options), 8)
    search = make(**options).fit(X, y)
    assert fits["fits"] == N_ITER * N_FOLDS - 7
    assert_same_results(search.cv_results_, expected)
    assert make(storage=storage, study_name="a").fit(X, y).study_name_ == "a-2"


def test_a_storage_that_fails_does_not_end_the_search():
    storage = OneWriter()

    def fill(progress):
        storage.full = progress.n_done < 6

    options = {"storage": storage, "study_name": "a", "resume": True}
    with pytest.warns(RuntimeWarning, match="the disk is full"):
        search = make(**options, callbacks=[fill]).fit(X, y)
    assert_same_results(search.cv_results_, make().fit(X, y).cv_results_)
    fits.clear()
    assert_same_results(make(**options).fit(X, y).cv_results_, search.cv_results_)
    assert fits["fits"] == 0


class FullDisk(SqliteStorage):
    full = False

    def transaction(self, study, *, durable=True):
        if self.full:
            raise StorageError("the disk is full")
        return super().transaction(study, durable=durable)


def test_a_search_goes_on_in_the_process_in_which_it_was_not_stored(tmp_path):
    """The first search object is kept, as in a notebook."""
    storage = FullDisk(tmp_path / "searches.db")

    def fill(progress):
        storage.full = True

    options = {"storage": storage, "study_name": "a", "resume": True}
    with pytest.warns(RuntimeWarning, match="the disk is full"):
        first = make(**options, callbacks=[fill]).fit(X, y)
    storage.full = False
    second = make(**options).fit(X, y)
    assert_same_results(second.cv_results_, first.cv_results_)
    assert len(storage.read("a").records) == N_ITER


# ------------------------------------------------------------------ arguments


def test_clones_share_a_storage_object():
    storage = MemoryStorage()
    search = make(storage=storage, study_name="a")
    assert clone(search).get_params()["storage"] is storage
    assert clone(search).get_params()["study_name"] == "a"


def test_a_search_with_a_storage_can_be_pickled(url):
    search = make(storage=url, study_name="a", refit=True).fit(X, y)
    copy = pickle.loads(pickle.dumps(search))
    assert copy.storage == url
    assert copy.best_params_ == search.best_params_
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))
    assert copy.set_params(resume=True).fit(X, y).study_name_ == "a"


def test_arguments_that_need_a_storage_are_named_together():
    with pytest.raises(ValueError, match="study_name and resume need a storage, but got study_n"):
        make(study_name="a", resume=True).fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"storage": 3}, "'storage' parameter"),
        ({"storage": "file.db"}, "storage must be a URL"),
        ({"storage": "sqlite:///a.db", "study_name": 3}, "'study_name' parameter"),
        ({"storage": "sqlite:///a.db", "resume": "yes"}, "'resume' parameter"),
    ],
)
def test_wrong_arguments_are_refused_before_any_fit(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError), match=message):
        make(**options).fit(X, y)
    assert fits["fits"] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_search_with_a_wrong_argument_creates_no_study(url, tmp_path):
    with pytest.raises(ValueError, match="initial_points"):
        make(storage=url, study_name="a", initial_points=[{"a": 7.0, "b": 1}]).fit(X, y)
    assert not (tmp_path / "searches.db").exists()
