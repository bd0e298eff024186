"""Results of fits as JSON values."""

from __future__ import annotations

import copy
import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from tuneplug import Float
from tuneplug.stopping import Report
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.evaluation import Evaluation, FoldTask
from tuneplug_sklearn.monitored_fit import FitRecord
from tuneplug_sklearn.scheduler import Scheduler
from tuneplug_sklearn.storing import decode_result, encode_result

RESULT = {
    "test_scores": np.float64(0.5),
    "fit_time": 0.25,
    "score_time": 0.125,
    "n_test_samples": np.int64(30),
    "fit_error": None,
}
RECORD = FitRecord(
    reports=(Report(0, np.float64(0.5), 1), Report(3, np.nan, None), Report(4, -np.inf, 1)),
    metric="auc",
    direction="maximize",
    stop_reason="median",
    n_rounds=np.int64(7),
    notes=["note"],
    failure="failure",
)


def through_json(result):
    return decode_result(json.loads(json.dumps(encode_result(result))))


def test_result_is_restored_with_python_numbers():
    found = through_json(RESULT)
    assert found == RESULT
    assert [type(value) for value in found.values()] == [float, float, float, int, type(None)]


def test_record_of_a_monitored_fit_is_restored():
    record = through_json({**RESULT, "fit_record": RECORD})["fit_record"]
    assert repr(record.reports) == repr([Report(*map(_builtin, r)) for r in RECORD.reports])
    assert all(isinstance(report, Report) for report in record.reports)
    for name in ("metric", "direction", "stop_reason", "n_rounds", "notes", "failure"):
        assert getattr(record, name) == getattr(RECORD, name)
    assert through_json({**RESULT, "fit_record": None})["fit_record"] is None


def _builtin(value):
    return value.item() if isinstance(value, np.generic) else value


@settings(max_examples=100, deadline=None)
@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.dictionaries(st.text(), st.floats(), min_size=1),
    st.one_of(st.none(), st.text(alphabet=st.characters(categories=None))),
)
def test_scores_and_texts_survive_bit_for_bit(number, scores, text):
    result = {
        **RESULT,
        "test_scores": scores,
        "train_scores": number,
        "fit_time": number,
        "fit_error": text,
        "score_error": text,
    }
    assert repr(through_json(result)) == repr(
        {**result, "n_test_samples": 30, "train_scores": number}
    )


def test_result_of_a_fit_is_restored():
    X, y = np.arange(20.0).reshape(-1, 1), np.arange(20) % 2
    options = {
        "scorer": lambda estimator, X, y: {"a": np.float32(0.5), "b": estimator.score(X, y)},
        "fit_params": {},
        "score_params": {},
        "return_train_score": True,
        "return_n_test_samples": True,
        "return_times": True,
        "return_parameters": False,
        "error_score": np.nan,
        "verbose": 0,
    }
    splits = [(np.arange(10), np.arange(10, 20))]
    evaluation = Evaluation(LogisticRegression(), X, y, splits, None, 1, options, {}, ())
    for C in (1.0, -1.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = evaluation(FoldTask({"C": C}, 0, 0))
        assert repr(_plain(through_json(result))) == repr(_plain(result))
        assert (result["fit_error"] is None) == (C > 0)
    lost = evaluation.failed_result("the worker died")
    assert repr(_plain(through_json(lost))) == repr(_plain(lost))


def _plain(result):
    numbers = {
        key: {name: float(score) for name, score in value.items()}
        for key, value in result.items()
        if isinstance(value, dict)
    }
    return sorted({**result, **numbers}.items())


def test_encoding_and_decoding_change_nothing_that_was_passed():
    result = {**RESULT, "test_scores": {"a": 1.0}, "fit_record": RECORD}
    before = copy.deepcopy(result)
    document = encode_result(result)
    assert repr(result) == repr(before)
    text = json.dumps(document)
    decode_result(document)["test_scores"]["a"] = 2.0
    assert json.dumps(document) == text


@pytest.mark.parametrize(
    "change",
    [
        {"test_scores": "high"},
        {"test_scores": {"a": None}},
        {"test_scores": 10**400},
        {"fit_time": None},
        {"parameters": {}},
        {"fit_error": 3},
    ],
)
def test_result_that_is_none_is_refused_before_it_is_stored(change):
    with pytest.raises(ValueError, match="result"):
        encode_result({**RESULT, **change})
    with pytest.raises(ValueError, match="result"):
        encode_result({key: value for key, value in RESULT.items() if key not in change} | change)


def test_constraints_are_restored():
    result = {**RESULT, "constraints": [0.5, -1.0]}
    restored = decode_result(json.loads(json.dumps(encode_result(result))))
    assert restored["constraints"] == [0.5, -1.0]


GOOD = encode_result({**RESULT, "fit_record": RECORD})


def with_record(**change):
    return {**GOOD, "fit_record": {**GOOD["fit_record"], **change}}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {**GOOD, "more": 1},
        {**GOOD, "test_scores": {}},
        {**GOOD, "test_scores": True},
        {**GOOD, "test_scores": {"a": "1"}},
        {**GOOD, "test_scores": 10**400},
        {**GOOD, "test_scores": [1.0]},
        {**GOOD, "train_scores": None},
        {**GOOD, "n_test_samples": -1},
        {**GOOD, "n_test_samples": 3.0},
        {**GOOD, "n_test_samples": True},
        {**GOOD, "fit_error": ["a"]},
        {**GOOD, "score_error": 1},
        {**GOOD, "constraints": []},
        {**GOOD, "constraints": 1.0},
        {**GOOD, "constraints": [math.inf]},
        {**GOOD, "constraints": [True]},
        {**GOOD, "fit_record": []},
        {**GOOD, "fit_record": {}},
        with_record(more=1),
        with_record(reports=None),
        with_record(reports=[[0, 1.0]]),
        with_record(reports=[[0, "1", None]]),
        with_record(reports=[[-1, 1.0, None]]),
        with_record(reports=[[0, 1.0, 1.5]]),
        with_record(direction="up"),
        with_record(direction=[]),
        with_record(metric=1),
        with_record(n_rounds=1.0),
        with_record(notes="text"),
        with_record(notes=[1]),
        with_record(failure=False),
        with_record(stop_reason={}),
    ],
)
def test_every_other_document_is_refused(document):
    with pytest.raises(ValueError, match=r"stored result|of a result"):
        decode_result(document)


@pytest.mark.parametrize("key", ["test_scores", "fit_time", "score_time", "n_test_samples"])
def test_document_without_a_key_is_refused(key):
    with pytest.raises(ValueError, match=rf"\['{key}'\] are missing"):
        decode_result({name: value for name, value in GOOD.items() if name != key})


def test_search_whose_results_went_through_json_has_the_same_results(monkeypatch):
    X, y = load_iris(return_X_y=True)

    def search():
        found = WarpedBayesSearchCV(
            HistGradientBoostingClassifier(max_iter=10, early_stopping=False),
            {"learning_rate": Float(1e-3, 1.0), "max_depth": [-1, 2, 3]},
            n_iter=6,
            cv=3,
            scoring=["accuracy", "neg_log_loss"],
            refit="accuracy",
            return_train_score=True,
            stopping="median",
            racing=True,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # max_depth=-1 fails
            return found.fit(X, y)

    plain, record = search(), Scheduler.on_result
    monkeypatch.setattr(
        Scheduler, "on_result", lambda self, job, result: record(self, job, through_json(result))
    )
    stored = search()
    for name, column in plain.cv_results_.items():
        if not name.endswith("_time"):
            assert repr(column) == repr(stored.cv_results_[name])
    reports = [[trial.reports for trial in s.study_.history] for s in (plain, stored)]
    assert reports[0] == reports[1]
    assert any(reports[0])
