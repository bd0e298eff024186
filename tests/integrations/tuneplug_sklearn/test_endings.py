"""Budgets, endings, progress, racing and earlier results: each docstring opens with its scenario.

Scores are made up from the configurations, so that the best configuration is known.
"""

from __future__ import annotations

import itertools
import os
import pickle
import threading
import time
import warnings
from typing import ClassVar

import joblib
import numpy as np
import pytest
from interrupts import interrupted
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold, cross_val_score
from sklearn.svm import SVC

from tuneplug import Float, Int, NoCompletedTrialError, TrialState
from tuneplug.stopping import CompletionRule, Convergence, Patience, Target
from tuneplug_sklearn import Progress, WarpedBayesSearchCV
from tuneplug_sklearn import scheduler as scheduler_module
from tuneplug_sklearn.initial_points import start_study
from tuneplug_sklearn.lag import resolve_lag

ROWS = np.arange(40.0).reshape(-1, 1)
LABELS = np.arange(40) % 2
SPACE = {"a": Float(0.0, 1.0), "b": Int(0, 12)}


class Peak(ClassifierMixin, BaseEstimator):
    """Its score is best at a = 0.3, b = 7, and lower on folds with larger row numbers."""

    n_fits: ClassVar[list] = []

    def __init__(self, a=0.5, b=1, hard=0.0):
        self.a, self.b, self.hard = a, b, hard

    def fit(self, X, y=None):
        self.n_fits.append((self.a, self.b))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        quirk = 0.01 * np.sin(1e3 * self.a + X[0, 0])
        own = -((self.a - 0.3) ** 2) - 0.01 * (self.b - 7) ** 2
        return own + quirk - self.hard * X[0, 0]


@pytest.fixture(autouse=True)
def _start_counting():
    Peak.n_fits.clear()


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by one second whenever a fit begins."""

    class Clock:
        def monotonic(self):
            return float(len(Peak.n_fits))

        time = monotonic

    monkeypatch.setattr(scheduler_module, "time", Clock())


def peak(model=None, space=None, **options):
    options = {"n_iter": 12, "cv": 4, "random_state": 0} | options
    model = Peak() if model is None else model
    return WarpedBayesSearchCV(model, SPACE if space is None else space, **options)


def fitted(**options):
    return peak(**options).fit(ROWS, LABELS)


# --------------------------------------------------------------------------- S19: callbacks


@pytest.mark.parametrize("random_state", [0, None])
def test_a_callback_sees_the_best_so_far_and_ends_the_whole_search(random_state):
    """S19: it returns True after the first trial of a search over two spaces."""
    seen = []

    def stop(progress):
        seen.append(progress)
        return True

    space = [{"a": Float(0.0, 1.0)}, {"b": Int(0, 12)}]
    search = fitted(space=space, callbacks=[stop], random_state=random_state)
    assert len(search.cv_results_["params"]) == len(seen) == 1
    assert seen[0].best_score == seen[0].score == search.best_score_
    assert seen[0].best_params == search.best_params_
    assert search.best_estimator_.predict(ROWS).shape == (40,)
    assert search.study_.completion_reason == "callback"


def test_a_callback_is_given_a_view_that_does_not_change():
    seen = []
    search = fitted(callbacks=[seen.append])
    assert all(isinstance(progress, Progress) for progress in seen)
    assert [p.number for p in seen] == list(range(12))
    assert [p.n_done for p in seen] == list(range(1, 13))
    scores = [p.score for p in seen]
    assert scores == search.cv_results_["mean_test_score"].tolist()
    assert [p.best_score for p in seen] == list(itertools.accumulate(scores, max))
    assert {p.n_iter for p in seen} == {12}
    assert seen[-1].left == 0.0
    with pytest.raises(AttributeError):
        seen[0].score = 1.0
    seen[0].params["a"] = 5.0
    assert search.cv_results_["params"][0]["a"] != 5.0


def test_a_callback_that_fails_is_warned_of_and_does_not_end_the_search():
    """S25: a hook runs in the parent; its failure warns."""
    seen = []

    def broken(progress):
        raise ConnectionError("no tracking server")

    with pytest.warns(UserWarning, match="no tracking server|failed 3 times") as caught:
        search = fitted(n_iter=3, callbacks=[broken, lambda p: seen.append(os.getpid())])
    first, count = (str(warning.message) for warning in caught)
    assert "failed after trial 0" in first
    assert "failed 3 times in 3 calls" in count
    assert {warning.filename for warning in caught} == {__file__}, "the line that calls fit"
    assert seen == [os.getpid()] * 3
    assert len(search.cv_results_["params"]) == 3


@pytest.mark.parametrize("true", [True, np.True_, np.max([0.7]) > 0.5])
def test_true_of_python_and_of_numpy_ends_a_search(true):
    assert len(fitted(n_iter=3, callbacks=[lambda p: true]).cv_results_["params"]) == 1


@pytest.mark.parametrize("false", [None, False, np.False_, 0, "", []])
def test_a_false_value_of_a_callback_is_silent(false):
    assert len(fitted(n_iter=3, callbacks=[lambda p: false]).cv_results_["params"]) == 3


@pytest.mark.parametrize("truthy", [1, "yes", np.array([True]), np.array([True, False])])
def test_another_true_value_of_a_callback_does_not_end_a_search_and_warns(truthy):
    with pytest.warns(
        UserWarning, match=r"callback .* (must return True|more than one element|failed 3 times)"
    ):
        search = fitted(n_iter=3, callbacks=[lambda p: truthy])
    assert len(search.cv_results_["params"]) == 3


def test_progress_is_one_line_a_trial_in_the_parent(capsys):
    """S25: k/N, score, best, seconds left and seconds suggesting; four workers."""
    with joblib.parallel_config("threading"):
        fitted(verbose=1, n_jobs=4)
    heading, workers, *lines = capsys.readouterr().out.splitlines()
    assert "12 candidates" in heading
    assert workers == "Starting 4 workers"
    assert [line.split("]")[0] for line in lines] == [f"[{k:2}/12" for k in range(1, 13)]
    for line in lines:
        assert all(word in line for word in ("score", "best", "suggesting", "left"))


def test_callbacks_are_shared_by_clones_and_left_out_of_pickles_if_they_must():
    """S28: a search with a lambda as callback can be saved."""
    seen = []
    search = peak(n_iter=3, callbacks=[seen.append, lambda progress: None, print])
    assert clone(search).callbacks is search.callbacks
    cross_val_score(search, ROWS, LABELS, cv=2)
    assert len(seen) == 6
    restored = pickle.loads(pickle.dumps(search.fit(ROWS, LABELS)))
    assert print in restored.callbacks
    assert len(restored.callbacks) == 2
    np.testing.assert_array_equal(restored.predict(ROWS), search.predict(ROWS))


# --------------------------------------------------------------------------- S20: time


@pytest.mark.usefixtures("clock")
def test_after_the_timeout_no_fit_begins_and_the_best_of_what_finished_is_kept():
    """S20: ten seconds for fits of one second each; the third trial is half done by then."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = fitted(timeout=10)
    assert len(Peak.n_fits) == 10 + 1  # and the refit
    results = search.cv_results_
    assert results["trial_state"].tolist() == ["complete", "complete", "stopped"]
    assert results["stop_reason"].tolist() == [None, None, "timeout"]
    assert np.isnan(results["split2_test_score"]).tolist() == [False, False, True]
    assert np.isfinite(results["split1_test_score"]).all()
    assert results["rank_test_score"].tolist()[2] == 3
    assert np.isfinite(results["mean_fit_time"]).all()
    assert search.best_index_ in (0, 1)
    assert search.study_.completion_reason.startswith("timeout")
    last = search.study_.trials[-1]
    assert (last.state, last.stop_reason) == (TrialState.STOPPED, "timeout")
    assert last.variance >= 0.0


@pytest.mark.usefixtures("clock")
def test_one_candidate_is_completed_even_after_the_timeout():
    search = fitted(timeout=0.5)
    assert search.cv_results_["trial_state"].tolist() == ["complete"]
    assert search.best_index_ == 0


@pytest.mark.usefixtures("clock")
def test_a_trial_that_takes_too_long_is_stopped_and_the_search_goes_on(monkeypatch):
    def slow_fit(self, X, y=None):
        Peak.n_fits.extend([(self.a, self.b)] * (5 if self.b == 3 else 1))
        self.classes_ = np.unique(y)
        return self

    monkeypatch.setattr(Peak, "fit", slow_fit)
    search = fitted(space={"b": [1, 3, 7]}, n_iter=3, trial_timeout=5)
    assert search.cv_results_["trial_state"].tolist() == ["complete", "stopped", "complete"]
    assert search.cv_results_["stop_reason"].tolist() == [None, "trial_timeout", None]
    assert search.best_params_ == {"b": 7}
    assert search.study_.completion_reason is None


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("refit", [True, False])
def test_no_candidate_is_best_if_all_are_stopped(refit):
    search = peak(n_iter=3, trial_timeout=2, refit=refit)
    with pytest.raises(NoCompletedTrialError, match=r"3 of 3 were stopped \(trial_timeout\)"):
        search.fit(ROWS, LABELS)
    assert np.isfinite(search.cv_results_["split0_test_score"]).all()
    assert not hasattr(search, "best_index_")


@pytest.mark.usefixtures("clock")
def test_the_timeout_holds_where_no_trial_completes():
    with pytest.raises(NoCompletedTrialError, match="5 of 5 were stopped"):
        fitted(n_iter=100, trial_timeout=2, timeout=9, lag=0)
    assert len(Peak.n_fits) == 10


@pytest.mark.usefixtures("clock")
def test_the_timeout_holds_where_every_fit_fails():
    class Hopeless(Peak):
        def fit(self, X, y=None):
            super().fit(X, y)
            raise ValueError("in vain")

    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.raises(ValueError, match="All the 12 fits failed"),
    ):
        peak(Hopeless(), n_iter=100, timeout=9, lag=0).fit(ROWS, LABELS)


# --------------------------------------------------------------------------- target, patience


def test_a_target_ends_the_search():
    search = fitted(n_iter=60, completion=[Target(-0.02)])
    n_tried = len(search.cv_results_["params"])
    assert search.best_score_ >= -0.02
    assert n_tried < 60
    # what was suggested before the result was in view is still evaluated
    assert n_tried <= search.best_index_ + 1 + resolve_lag(search.lag, search.random_state, 4) + 1
    assert search.study_.completion_reason.startswith("target")


def test_without_lag_the_target_is_the_last_trial():
    search = fitted(n_iter=60, completion=[Target(-0.02)], lag=0)
    scores = search.cv_results_["mean_test_score"]
    assert scores[-1] >= -0.02 > scores[:-1].max()


def test_patience_ends_the_search():
    search = fitted(n_iter=60, completion=[Patience(6)], lag=0)
    best = int(np.argmax(search.cv_results_["mean_test_score"]))
    assert len(search.cv_results_["params"]) == best + 1 + 6
    assert search.study_.completion_reason.startswith("patience")


def test_convergence_ends_the_search_near_the_best():
    search = fitted(n_iter=80, space={"a": Float(0.0, 1.0)}, completion=[Convergence()])
    assert len(search.cv_results_["params"]) < 80
    assert search.study_.completion_reason.startswith("convergence")
    assert search.best_params_["a"] == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("rules", [[0.9], (Target(0.5), "patience"), [Patience]])
def test_other_objects_than_completion_rules_are_refused_before_any_fit(rules):
    with pytest.raises(TypeError, match=r"must be a list of CompletionRule.*Target\(0.9\)"):
        fitted(completion=rules)
    assert Peak.n_fits == []


def test_clones_and_pickles_of_a_search_keep_its_completion_rules():
    search = peak(n_iter=60, completion=[Target(-0.02), Patience(30)])
    copied, restored = clone(search), pickle.loads(pickle.dumps(search))
    assert copied.completion == restored.completion == search.completion
    n_tried = [len(s.fit(ROWS, LABELS).cv_results_["params"]) for s in (search, copied)]
    assert n_tried[0] == n_tried[1] < 60


def test_a_rule_of_ones_own_ends_the_search():
    class Three(CompletionRule):
        def reason(self, history):
            return "three" if len(history) >= 3 else None

    search = fitted(completion=[Patience(50), Three()], lag=0)
    assert len(search.cv_results_["params"]) == 3
    assert search.study_.completion_reason == "three"


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"trial_timeout": -1},
        {"completion": 0.9},
        {"lag": -1},
        {"racing": "yes"},
        {"callbacks": print},
        {"executor": 3},
        {"lag": "maybe"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_arguments_are_refused_before_any_fit(wrong):
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter"):
        fitted(**wrong)
    assert Peak.n_fits == []


@pytest.mark.parametrize(
    "space",
    [
        {"a": Float(0.0, 1.0), "bb": Int(0, 12)},
        [{"a": Float(0.0, 1.0)}, {"bb": Int(0, 12)}],
        {"a": [0.1, 0.2], "bb": Int(0, 12, when={"a": [0.2]})},
    ],
    ids=["dict", "list of dicts", "condition"],
)
def test_a_parameter_that_the_estimator_does_not_have_is_refused_before_any_fit(space):
    with pytest.raises(
        ValueError, match=r"Invalid parameter 'bb' for .*Valid parameters are: \['a"
    ):
        fitted(space=space)
    assert Peak.n_fits == []


def test_callbacks_must_be_callable():
    with pytest.raises(
        TypeError, match=r"callbacks must be callables.* but got 3: .*set_callbacks"
    ):
        fitted(callbacks=[print, 3])
    assert Peak.n_fits == []


# --------------------------------------------------------------------------- S21: interrupts


def test_ctrl_c_keeps_finished_trials_and_is_raised_again():
    """S21: in the last of 30 trials."""

    class Impatient(Peak):
        def fit(self, X, y=None):
            super().fit(X, y)
            if len(self.n_fits) == 29 * 4 + 2:
                raise KeyboardInterrupt
            return self

    search = peak(Impatient(), n_iter=30)
    with pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 29
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert not hasattr(search, "best_estimator_")
    assert search.study_.trials[-1].state is TrialState.FAILED


def interrupt(*_):
    raise KeyboardInterrupt


def test_ctrl_c_is_raised_again_even_if_the_results_raise():
    """S21: an outer loop stops too, even if no candidate is best."""
    search = peak(refit=lambda results: 1 / 0, callbacks=[lambda p: p.n_done == 5 and interrupt()])
    with pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 5


def test_scores_are_kept_if_refit_or_a_fit_raises():
    with pytest.raises(ZeroDivisionError):
        (search := peak(refit=lambda results: 1 / 0)).fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 12

    class Fragile(Peak):
        def fit(self, X, y=None):
            super().fit(X, y)
            assert len(self.n_fits) != 4 * 4 + 2
            return self

    Peak.n_fits.clear()
    with pytest.raises(AssertionError):
        (search := peak(Fragile(), error_score="raise")).fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 4
    assert not hasattr(search, "best_estimator_")


class RefusesAllRows(Peak):
    def fit(self, X, y=None):
        if len(X) == len(ROWS):
            raise ArithmeticError("all rows")
        return super().fit(X, y)


def test_everything_computed_is_kept_if_the_refit_raises():
    with pytest.raises(ArithmeticError, match="all rows"):
        (search := peak(RefusesAllRows())).fit(ROWS, LABELS)
    whole = peak().fit(ROWS, LABELS)
    for name in ("best_index_", "best_params_", "best_score_", "n_splits_", "multimetric_"):
        assert getattr(search, name) == getattr(whole, name)
    assert search.cv_results_["params"] == whole.cv_results_["params"]
    assert search.study_.best_trial.number == search.best_index_
    assert not hasattr(search, "best_estimator_")


# --------------------------------------------------------------------------- scores without value


def score_of(bad, number=0):
    """Return a scorer that gives ``bad`` to each candidate whose ``a`` is ``number``."""
    return lambda model, X, y: bad if model.a == number else float(model.a)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_candidate_without_a_finite_mean_score_failed_and_is_ranked_last(bad, n_jobs):
    space, scoring = {"a": [0, 1, 2, 3]}, score_of(bad)
    with warnings.catch_warnings(), joblib.parallel_config("threading"):
        warnings.simplefilter("ignore")  # of scikit-learn, about scores that are not finite
        search = fitted(space=space, n_iter=4, strategy="grid", scoring=scoring, n_jobs=n_jobs)
    row = search.cv_results_["params"].index({"a": 0})
    assert search.cv_results_["rank_test_score"].tolist() == [4, 3, 2, 1]
    assert search.cv_results_["rank_test_score"][row] == 4
    assert search.study_.trials[row].state is TrialState.FAILED
    assert search.best_params_ == search.study_.best_params == {"a": 3}
    assert search.best_estimator_.a == 3


def test_a_fold_with_an_infinite_score_makes_the_candidate_fail():
    scoring = {
        "driving": lambda m, X, y: np.inf if m.a == 1 and X[0, 0] > 5 else -m.a,
        "other": "accuracy",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = fitted(
            space={"a": [1, 2]}, n_iter=2, strategy="grid", scoring=scoring, refit="driving"
        )
    assert search.best_params_ == {"a": 2}
    assert search.cv_results_["rank_test_driving"].tolist() == [2, 1]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("form", ["number", "function of several", "several functions"])
def test_a_masked_score_is_no_score(form, number):
    scorer = score_of(np.ma.masked, number)
    scoring, options = {
        "number": (lambda model, X, y: scorer(model, X, y) - 9, {}),
        "function of several": (
            lambda model, X, y: {"a": scorer(model, X, y) - 9, "b": 0.5},
            {"refit": "a"},
        ),
        "several functions": (
            {"a": lambda model, X, y: scorer(model, X, y) - 9, "b": lambda model, X, y: 0.5},
            {"refit": "a"},
        ),
    }[form]
    space = {"a": [0, 1, 2, 3]}
    search = fitted(space=space, n_iter=4, strategy="grid", scoring=scoring, **options)
    scores = search.cv_results_[f"mean_test_{options.get('refit', 'score')}"]
    np.testing.assert_array_equal(np.isnan(scores), np.arange(4) == number)
    assert search.study_.trials[number].state is TrialState.FAILED
    assert search.best_params_ == search.study_.best_params == {"a": 3}


@pytest.mark.filterwarnings("ignore:invalid value encountered")  # of NumPy in scikit-learn
@pytest.mark.parametrize("refit", [True, False, lambda results: 0])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_candidate_is_best_if_none_has_a_score(bad, refit):
    search = peak(space={"a": [1, 2, 3]}, n_iter=3, strategy="grid", refit=refit)
    search.set_params(scoring=lambda model, X, y: bad)
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.raises(NoCompletedTrialError, match="no candidate has a score: all 3 values"),
    ):
        search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 3
    assert {trial.state for trial in search.study_.trials} == {TrialState.FAILED}
    assert not hasattr(search, "best_index_")
    assert not hasattr(search, "best_estimator_")


class FailsOnSomeRows(Peak):
    def fit(self, X, y=None):
        if 0 not in X[:, 0]:
            raise ArithmeticError("the first row is missing")
        return super().fit(X, y)


def test_nothing_is_refitted_if_a_fit_of_each_candidate_fails():
    search = peak(FailsOnSomeRows(), n_iter=3)
    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.warns(FitFailedWarning, match="3 fits failed out of a total of"),
        pytest.warns(UserWarning, match="non-finite"),
        pytest.raises(NoCompletedTrialError, match="first error: ArithmeticError: the first row"),
    ):
        search.fit(ROWS, LABELS)
    assert not hasattr(search, "best_estimator_")


SCRIPT = """
import os, sys, threading
from pathlib import Path
import numpy as np
from sklearn.tree import DecisionTreeClassifier
from tuneplug import Int
from tuneplug_sklearn import WarpedBayesSearchCV

class Slow(DecisionTreeClassifier):
    def fit(self, X, y, sample_weight=None, check_input=True):
        (folder / f"started {os.getpid()}").touch()
        if reached.exists():  # the fits that are running at the interrupt do not end by themselves
            (folder / f"waiting {os.getpid()}").touch()
            threading.Event().wait(10)
        return super().fit(X, y, sample_weight, check_input)

def show(progress):
    if progress.n_done >= 4 and len(list(folder.glob("started *"))) == 2:
        reached.touch()

def announce():
    # The search waits for results, and both workers are in a fit.
    main = threading.main_thread().ident
    while (
        sys._current_frames()[main].f_code.co_name != "next_completed"
        or len(list(folder.glob("waiting *"))) < 2
    ):
        threading.Event().wait(0.01)
    print("both wait", flush=True)

folder = Path(__file__).parent
reached = folder / "reached"
X = np.arange(60.0).reshape(-1, 2)
search = WarpedBayesSearchCV(
    Slow(), {"max_depth": Int(1, 10**6)}, n_iter=10**5, cv=2, n_jobs=2, random_state=0,
    strategy="random", callbacks=[show],
)
threading.Thread(target=announce, daemon=True).start()
try:
    search.fit(X, np.arange(30) % 2)
except KeyboardInterrupt:
    print("kept", len(search.cv_results_["params"]), search.best_params_["max_depth"])
    raise
"""


def test_ctrl_c_while_processes_work_keeps_what_was_finished(tmp_path):
    """S21: SIGINT goes to the whole group of processes, as from a terminal."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    out, err, returned = interrupted(tmp_path / "script.py", "both wait")
    assert "kept" in out, err
    kept = next(line.split() for line in out.splitlines() if line.startswith("kept"))
    assert int(kept[1]) >= 4
    assert returned != 0
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert err.count("Traceback") == 1


# --------------------------------------------------------------------------- racing


def test_racing_saves_fits_and_finds_the_same_best():
    full = fitted(n_iter=30, cv=8)
    n_full = len(Peak.n_fits)
    Peak.n_fits.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raced = fitted(n_iter=30, cv=8, racing=True)
    assert len(Peak.n_fits) < 0.85 * n_full
    assert raced.best_score_ >= full.best_score_ - 0.01
    results = raced.cv_results_
    stopped = results["trial_state"] == "stopped"
    assert stopped.any()
    assert set(results["stop_reason"][stopped]) == {"racing"}
    assert np.isnan(results["mean_test_score"][stopped]).all()
    assert np.isfinite(results["mean_test_score"][~stopped]).all()
    assert not stopped[raced.best_index_]
    assert results["rank_test_score"][stopped].min() > results["rank_test_score"][~stopped].max()
    assert raced.score(ROWS, LABELS) is not None


def test_a_stopped_candidate_is_judged_on_the_folds_that_it_shares_with_the_others():
    """Later folds are much harder: partial means are corrected for the fold effects."""
    search = fitted(model=Peak(hard=0.05), n_iter=30, cv=KFold(8), racing=True)
    trials = [t for t in search.study_.trials if t.state is TrialState.STOPPED]
    assert trials
    offset = -0.05 * np.mean([test[0] for _, test in KFold(8).split(ROWS)])
    for trial in trials:
        own = -((trial.params["a"] - 0.3) ** 2) - 0.01 * (trial.params["b"] - 7) ** 2
        assert trial.value == pytest.approx(own + offset, abs=0.02)
        assert trial.variance > 0.0
    assert search.study_.best_trial.state is TrialState.COMPLETE


def test_state_columns_exist_only_if_trials_can_be_stopped():
    extra = {"trial_state", "origin", "stop_reason"}
    assert not extra & set(fitted(n_iter=3).cv_results_)
    for options in ({"racing": True}, {"timeout": 1e6}, {"trial_timeout": 1e6}):
        assert extra <= set(fitted(n_iter=3, **options).cv_results_)


def test_nan_scores_are_still_warned_of_where_candidates_are_stopped():
    class Odd(Peak):
        def score(self, X, y=None):
            return np.nan if self.b == 2 else super().score(X, y)

    search = peak(Odd(), space={"b": list(range(13))}, n_iter=13, cv=8, racing=True)
    with pytest.warns(UserWarning, match="non-finite"):
        search.fit(ROWS, LABELS)
    assert (search.cv_results_["trial_state"] == "stopped").any()


# --------------------------------------------------------------------------- S24: warm starts


def test_a_known_point_is_first_and_earlier_rows_inform_but_are_not_counted_or_ranked():
    """S24: initial points and the ``cv_results_`` of an earlier search."""
    earlier = fitted(n_iter=20, random_state=1)
    known = {"a": 0.31, "b": 7}
    search = fitted(n_iter=8, initial_points=[known], warm_start_from=[earlier])
    assert search.cv_results_["params"][0] == known
    assert len(search.cv_results_["params"]) == 8
    origins = [trial.origin for trial in search.study_.trials]
    assert origins == ["user"] + ["model"] * 7
    cold = fitted(n_iter=8)
    assert np.mean(search.cv_results_["mean_test_score"][1:]) > np.mean(
        cold.cv_results_["mean_test_score"][1:]
    )


def test_with_identical_parents_suggestions_depend_on_the_results_before_them():
    """S24: the model suggests from the first trial on, and with no lag sees each result."""
    earlier = fitted(n_iter=20, random_state=1).cv_results_
    assert start_study(peak(n_iter=8, warm_start_from=[earlier]), None)[1] == 0
    known = [{"a": 0.31, "b": 7}]
    assert (
        start_study(peak(n_iter=8, warm_start_from=[earlier], initial_points=known), None)[1] == 1
    )
    one_row = {"params": earlier["params"][:1], "mean_test_score": earlier["mean_test_score"][:1]}
    assert start_study(peak(n_iter=8, warm_start_from=[one_row]), None)[1] == 3
    assert start_study(peak(n_iter=8, warm_start_from=[earlier], strategy="random"), None)[1] == 8


def test_earlier_rows_outside_of_the_space_are_left_out_with_one_warning():
    earlier = fitted(n_iter=10, random_state=1)
    with pytest.warns(UserWarning, match="of 10 earlier configurations are not in the space"):
        search = fitted(space=SPACE | {"b": Int(5, 9)}, n_iter=3, warm_start_from=[earlier])
    assert len(search.cv_results_["params"]) == 3


def test_earlier_results_without_the_metric_are_refused():
    earlier = {"params": [{}], "mean_test_f1": [1.0], "mean_test_f2": [1.0]}
    with pytest.raises(ValueError, match=r"must have one metric, but has \['f1', 'f2'\]"):
        fitted(warm_start_from=[earlier])
    with pytest.raises(ValueError, match="cv_results_ must have 'params' and 'mean_test_accuracy'"):
        fitted(warm_start_from=[earlier], scoring="accuracy")
    del earlier["mean_test_f2"]
    with pytest.raises(ValueError, match="'mean_test_accuracy', but got the keys"):
        fitted(warm_start_from=[earlier], scoring="accuracy")
    assert Peak.n_fits == []


def test_the_metric_of_scoring_is_read_from_earlier_results_with_several():
    earlier = fitted(n_iter=3, scoring=["r2", "neg_max_error"], refit=False)
    search = fitted(n_iter=2, scoring="neg_max_error", warm_start_from=[earlier])
    losses = [known.loss for known in search.study_.parents[0].observations]
    np.testing.assert_array_equal(losses, -earlier.cv_results_["mean_test_neg_max_error"])


def test_earlier_results_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 configurations and 1 scores"):
        fitted(warm_start_from=[{"params": [{}, {}], "mean_test_score": [1.0]}])
    assert Peak.n_fits == []


def test_the_estimators_own_values_are_tried_first():
    search = fitted(
        model=Peak(a=0.25, b=4), include_default=True, initial_points=[{"a": 1, "b": 0}]
    )
    assert search.cv_results_["params"][:2] == [{"a": 0.25, "b": 4}, {"a": 1.0, "b": 0}]


def test_own_values_outside_of_the_space_are_refused_before_any_fit():
    with pytest.raises(ValueError, match=r"include_default needs.* widen the space"):
        fitted(model=Peak(a=2.0), include_default=True)
    assert Peak.n_fits == []


# --------------------------------------------------------------------------- on real data


def test_everything_at_once_on_real_data():
    X, y = load_breast_cancer(return_X_y=True)
    space = {"C": Float(1e-3, 1e3), "gamma": Float(1e-6, 1.0)}
    options = {"n_iter": 25, "random_state": 0, "racing": True, "timeout": 1e6}
    options["completion"] = [Patience(12)]
    seen = threading.Event()
    search = WarpedBayesSearchCV(
        SVC(), space, n_jobs=2, callbacks=[lambda p: seen.set()], include_default=False, **options
    ).fit(X, y)
    assert seen.is_set()
    assert search.best_score_ > 0.94
    again = WarpedBayesSearchCV(SVC(), space, **options).fit(X, y)
    assert again.cv_results_["params"] == search.cv_results_["params"]
    assert time.time() > search.study_.trials[-1].finished


def test_a_clone_shares_parents_and_the_best_score_is_of_this_search():
    """A clone of a parent would not be fitted."""
    earlier = fitted(n_iter=20, random_state=1)
    search = clone(peak(n_iter=4, warm_start_from=[earlier, earlier.study_]))
    assert search.warm_start_from[0] is earlier
    search.fit(ROWS, LABELS)
    known = {tuple(params.items()) for params in earlier.cv_results_["params"]}
    assert not known & {tuple(params.items()) for params in search.cv_results_["params"]}
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert search.study_.overall_best.value == max(earlier.best_score_, search.best_score_)


def test_a_grid_leaves_out_what_identical_parents_have_tried():
    space = {"b": list(range(6))}
    earlier = fitted(space=space, n_iter=4, strategy="random")
    with pytest.warns(UserWarning, match="space exhausted"):
        later = fitted(space=space, n_iter=6, strategy="grid", warm_start_from=[earlier])
    tried = [[p["b"] for p in s.cv_results_["params"]] for s in (earlier, later)]
    assert sorted(tried[0] + tried[1]) == list(range(6))


def test_related_parents_are_followed_and_replace_the_random_start():
    earlier = fitted(n_iter=25, random_state=1)
    options = {"warm_start_from": [earlier], "warm_start_type": "transfer"}
    assert start_study(peak(n_iter=8, **options), None)[1] == 0
    search = fitted(n_iter=6, lag=0, **options)
    cold = fitted(n_iter=6, lag=0)
    assert search.best_score_ > cold.best_score_
