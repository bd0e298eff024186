"""Typical mistakes with the search and the callbacks: rule, value and cure, before any fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Float, Int, TuneplugError
from tuneplug.stopping import Target
from tuneplug.strategies import RandomSearch
from tuneplug_sklearn import WarpedBayesSearchCV

X = np.arange(40.0).reshape(20, 2)
y = np.arange(20) % 2
SPACE = {"max_depth": Int(1, 5)}


class Untrained(DecisionTreeClassifier):
    """No mistake may train a model."""

    def fit(self, *_, **__):
        pytest.fail("a model was trained")


def search(space=SPACE, estimator=None, **options):
    def mistake():
        given = {"n_iter": 2, "cv": 2, "random_state": 0, "error_score": "raise", **options}
        WarpedBayesSearchCV(estimator or Untrained(), space, **given).fit(X, y)

    return mistake


def of_package(package, name, *args, **options):
    """Return the call of a public name of a package of boosters; skip where it is missing."""
    return lambda: getattr(pytest.importorskip(package), name)(*args, **options)


def xgboost_monitor_of_a_tree():
    monitor = pytest.importorskip("tuneplug_xgboost").XGBoostMonitor()
    search(monitor=monitor, stopping="median")()


PIPELINE = Pipeline([("scale", StandardScaler()), ("tree", Untrained())])
TWO = {"scoring": ["accuracy", "f1"]}

#: Name of a mistake: (what makes it, rule, value, cure).
MISTAKES = {
    "parameters misspelt": (
        search({"max_dept": Int(1, 3), "min_leaf": Int(1, 2)}),
        "must be parameters of the estimator",
        "'max_dept', 'min_leaf'",
        "did you mean 'max_depth'?; 'min_leaf': did you mean 'min_samples_leaf'",
    ),
    "parameter of a step misspelt": (
        search({"tree__max_dept": Int(1, 3)}, PIPELINE),
        "must be parameters of the estimator",
        "'tree__max_dept'",
        "did you mean 'tree__max_depth'",
    ),
    "step left out": (
        search({"max_depth": Int(1, 3)}, PIPELINE),
        "must be parameters of the estimator",
        "'max_depth'",
        "did you mean 'tree__max_depth'",
    ),
    "step misspelt": (
        search({"tre__max_depth": Int(1, 3)}, PIPELINE),
        "must be parameters of the estimator",
        "'tre__max_depth'",
        "did you mean 'tree__max_depth'",
    ),
    "no estimator": (search(estimator=object()), "implementing 'fit'", "<object", "an object"),
    "no space": (search(None), "an instance of", "Got None", "Mapping"),
    "ranges exchanged": (
        search({"max_depth": Int(5, 1), "min_samples_leaf": Int(0, -1)}),
        "2 errors",
        "low=5, high=1",
        "exchange them",
    ),
    "tuple of skopt": (
        search({"max_depth": (1, 9, "log-uniform")}),
        "must be a Float or Int",
        "(1, 9, 'log-uniform')",
        'Int(1, 9, "log")',
    ),
    "no candidates": (search(n_iter=0), "must be an int", "Got 0", "[1, inf)"),
    "scoring is a metric": (
        search(scoring=accuracy_score),
        "called with (estimator, X, y)",
        "the metric accuracy_score",
        "make_scorer(accuracy_score)",
    ),
    "several metrics": (
        search(scoring={"a": accuracy_score, "b": "f1"}, refit="a"),
        "called with (estimator, X, y)",
        "the metric accuracy_score",
        "make_scorer(accuracy_score)",
    ),
    "class of a splitter": (search(cv=GroupKFold), "be an object", "<class", "GroupKFold()"),
    "rows of one fold": (
        search(cv=[1, 2, 3]),
        "a pair (train, test)",
        "fold 0 is 1",
        "KFold().split(X)",
    ),
    "numbers for rows": (
        search(cv=[(1, 2)]),
        "masks of the 20 rows",
        "array(1)",
        "from the X that fit gets",
    ),
    "rows of more data": (
        search(cv=[(np.arange(10), np.arange(10, 30))]),
        "of the 20 rows",
        "fold 0 has row numbers from 10 to 29",
        "from the X that fit gets",
    ),
    "mask of less data": (
        search(cv=[(np.arange(10) < 5, np.arange(10) >= 5)]),
        "of the 20 rows",
        "fold 0 has a mask of 10 rows",
        "from the X that fit gets",
    ),
    "resource misspelt": (
        search(resource="samples"),
        "'n_samples' or a parameter",
        "got 'samples'",
        "did you mean 'n_samples'",
    ),
    "short name without its step": (
        search({"C": Float(0.1, 1)}, Pipeline([("scale", StandardScaler()), ("svc", SVC())])),
        "must be parameters of the estimator",
        "'C'",
        "did you mean 'svc__C'",
    ),
    "scoring misspelt": (search(scoring="acuracy"), "a str among", "'acuracy'", "mean 'accuracy'"),
    "scorers misspelt": (
        search(scoring={"a": "acuracy", "b": "f11"}, refit="a"),
        "a str among",
        "'acuracy': did you mean 'accuracy'?",
        "'f11': did you mean 'f1'",
    ),
    "two metrics, refit=True": (search(**TWO), "a scorer key", "True", "set to False explicitly"),
    "refit misspelt": (
        search(**TWO, refit="f2"),
        "a scorer key",
        "'f2'",
        "set to False explicitly",
    ),
    "objective_metric misspelt": (
        search(**TWO, refit=False, objective_metric="acuracy"),
        "must be one of the metrics",
        "'acuracy'",
        "did you mean 'accuracy'",
    ),
    "initial point without a list": (
        search(initial_points={"max_depth": 1}),
        "must be an instance of 'list'",
        "{'max_depth': 1}",
        "'list'",
    ),
    "names of initial points": (
        search(initial_points=[{"max_dept": 1}, {"max_depth": 99}]),
        "configurations of the space",
        "{'max_depth': 99}",
        "did you mean 'max_depth'",
    ),
    "a parent without a list": (
        search(warm_start_from={"params": []}),
        "an instance of",
        "Got {'params': []}",
        "list",
    ),
    "six parents": (search(warm_start_from=[{}] * 6), "one to 5", "got 6", "most similar"),
    "a parent that is a number": (
        search(warm_start_from=[1]),
        "studies, fitted searches",
        "number 0: got 1",
        "pass a study",
    ),
    "parents without scores": (
        search(warm_start_from=[{"params": []}, {"a": [1]}]),
        "must have 'params' and 'mean_test_score'",
        "number 1: cv_results_ must have 'params' and 'mean_test_score', but got the keys ['a']",
        "pass search.cv_results_",
    ),
    "parent of two lengths": (
        search(warm_start_from=[{"params": [{"max_depth": 1}], "mean_test_score": [1, 2]}]),
        "studies, fitted searches",
        "2 scores",
        "unchanged",
    ),
    "parent without names": (
        search(warm_start_from=[{"params": [3], "mean_test_score": [0.5]}]),
        "map names to values",
        "got 3",
        "pass search.cv_results_",
    ),
    "warm_start_type misspelt": (
        search(warm_start_type="transfr"),
        "must be a str among",
        "'transfr'",
        "'transfer'",
    ),
    "strategy misspelt": (search(strategy="bayes"), "one of", "'bayes'", "mean 'bayesian'"),
    "strategy class": (search(strategy=RandomSearch), "an instance of", "RandomSearch", "Strategy"),
    "stopping misspelt": (search(stopping="medain"), "one of", "'medain'", "mean 'median'"),
    "stopping of a tree": (
        search(stopping="median"),
        "a monitor accepts",
        "Untrained",
        "leave stopping out",
    ),
    "two stopping rules": (
        search(strategy="hyperband", stopping="median"),
        "has its own rule",
        "'median'",
        "leave stopping out",
    ),
    "monitor by name": (search(monitor="xgboost"), "an instance of", "'xgboost'", "FitMonitor"),
    "monitor of another model": (xgboost_monitor_of_a_tree, "accepts", "Untrained", "leave"),
    "executor misspelt": (search(executor="daks"), "one of", "'daks'", "did you mean 'dask'"),
    "executor without submit": (search(executor=3), "implementing 'submit'", "Got 3", "'str'"),
    "negative lag": (search(lag=-1), "an int in the range", "Got -1", "'auto'"),
    "validation fraction": (search(validation_fraction=1.5), "a float", "Got 1.5", "(0.0, 1.0)"),
    "negative timeout": (search(timeout=-1), "positive seconds", "got -1", "None for no limit"),
    "no time of a trial": (search(trial_timeout=0), "positive seconds", "got 0", "None for no"),
    "completion without a list": (
        search(completion=Target(0.9)),
        "must be an instance of",
        "Target(value=0.9)",
        "'list'",
    ),
    "completion of a number": (
        search(completion=[0.9]),
        "CompletionRule objects",
        "0.9",
        "Target(0.9)",
    ),
    "callback that is a number": (
        search(callbacks=[3]),
        "must be callables",
        "got 3",
        "set_callbacks()",
    ),
    "plugin without hooks": (search(plugins=[3]), "marked by hookimpl", "3", "@hookimpl above"),
    "default outside of the space": (
        search(include_default=True),
        "to be in the space",
        "None",
        "widen the space",
    ),
    "initial point as text": (
        search(initial_points=[{"max_depth": "3"}]),
        "be numbers in [1, 5]",
        "'3'",
        "without quotes",
    ),
    "weights of some rows": (
        lambda: WarpedBayesSearchCV(Untrained(), SPACE).fit(X, y, sample_weight=np.ones(5)),
        "one entry for each of the 20 rows",
        "5 for sample_weight",
        "pass the weights of all rows",
    ),
    "groups left out": (search(cv=GroupKFold(2)), "not be None", "'groups'", "groups"),
    "budget as text": (search(n_iter="10"), "must be an int", "Got '10'", "[1, inf)"),
    "executor that is a class": (
        search(executor=ThreadPoolExecutor),
        "an object with submit",
        "<class",
        "ThreadPoolExecutor(...)",
    ),
    "stopping switched on": (search(stopping=True), "StoppingRule", "True", "'str'"),
    "monitor class": (
        search(monitor=DecisionTreeClassifier),
        "an instance of",
        "DecisionTreeClassifier",
        "FitMonitor",
    ),
    "one fold": (search(cv=1), "an int in the range", "Got 1", "[2, inf)"),
    "error_score as text": (search(error_score="nan"), "must be a str among", "'nan'", "'raise'"),
    "random_state as text": (search(random_state="0"), "an int", "'0'", "[0, 4294967295]"),
    "no workers": (search(n_jobs=0), "other than 0", "got 0", "-1 for one per core"),
    "workers as text": (search(n_jobs="all"), "an instance of", "'all'", "'int'"),
    "callback of XGBoost": (
        of_package("tuneplug_xgboost", "TrialCallback", 3),
        "must be a Trial",
        "got 3",
        "study.ask()",
    ),
    "callback of LightGBM": (
        of_package("tuneplug_lightgbm", "TrialCallback", {"x": 1}),
        "must be a Trial",
        "{'x': 1}",
        "study.ask()",
    ),
    "callback of CatBoost": (
        of_package("tuneplug_catboost", "TrialCallback", [1]),
        "must be a Trial",
        "[1]",
        "study.ask()",
    ),
    **{
        f"{name} of {monitor}": (
            of_package(package, monitor, **{name: value}),
            f"{name} must be",
            repr(value),
            "pass",
        )
        for package, monitor in [
            ("tuneplug_xgboost", "XGBoostMonitor"),
            ("tuneplug_lightgbm", "LightGBMMonitor"),
            ("tuneplug_catboost", "CatBoostMonitor"),
        ]
        for name, value in [("metric", 3), ("maximize", "yes")]
    },
    "style of the recommended space": (
        of_package("tuneplug_xgboost", "recommended_space", "gamma"),
        "style must be",
        "'gamma'",
        "'sklearn' or 'native'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_message_names_rule_value_and_cure(name):
    mistake, *parts = MISTAKES[name]
    with pytest.raises((TuneplugError, TypeError, ValueError)) as raised:
        mistake()
    missing = [part for part in parts if part not in str(raised.value)]
    assert not missing, str(raised.value)
