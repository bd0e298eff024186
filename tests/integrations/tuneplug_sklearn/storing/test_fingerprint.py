"""Fingerprints of searches: what may change, and what is refused."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from hash_seeds import outputs_by_hash_seed
from scipy.stats import norm, randint
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.storing import (
    SearchDefinition,
    changed_versions,
    check_fingerprint,
    compare,
    fingerprint_key,
    make_fingerprint,
)

X, Y = load_iris(return_X_y=True)
SPACE = {"max_depth": Int(1, 8), "ccp_alpha": Float(0.0, 1.0), "criterion": ["gini", "entropy"]}
SETTINGS = {"error_score": np.nan, "return_train_score": False, "resource": None}


def definition(**changes):
    parts = {
        "estimator": DecisionTreeClassifier(max_depth=3),
        "space": SPACE,
        "scoring": "accuracy",
        "cv": KFold(3, shuffle=True),
        "settings": SETTINGS,
        "X": X,
        "y": Y,
        "params": {"sample_weight": np.ones(len(X))},
        **changes,
    }
    return SearchDefinition(**{**parts, "space": SearchSpace(parts["space"])})


def made(**changes):
    return make_fingerprint(definition(**changes))


def differences(**changes):
    return compare(json.loads(json.dumps(made())), made(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"X": np.asfortranarray(X), "y": Y[::-1][::-1]},
        {"X": X.tolist(), "y": Y.tolist(), "params": {"sample_weight": [1.0] * len(X)}},
        {"estimator": clone(DecisionTreeClassifier(max_depth=3))},
        {"estimator": DecisionTreeClassifier(max_depth=3).fit(X, Y)},
        {"space": {**SPACE, "max_depth": Int(1, 9)}},
        {"space": {**SPACE, "ccp_alpha": Float(-1.0, 1.5)}},
        {"space": {**SPACE, "criterion": Categorical(["log_loss", "entropy", "gini"])}},
        {"space": dict(reversed(SPACE.items()))},
        {"settings": {**SETTINGS, "error_score": float("nan")}},
    ],
)
def test_same_search_has_no_differences(changes):
    assert differences(**changes) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"estimator": DecisionTreeClassifier(max_depth=4)}, "estimator.max_depth: 3, now 4"),
        (
            {"estimator": SVC()},
            "estimator: sklearn.tree._classes.DecisionTreeClassifier, now sklearn.svm._classes.SVC",
        ),
        ({"scoring": "f1_macro"}, "scoring: 'accuracy', now 'f1_macro'"),
        ({"cv": KFold(4, shuffle=True)}, "cv.n_splits: 3, now 4"),
        ({"cv": 3}, "cv: sklearn.model_selection._split.KFold, now 3"),
        (
            {"X": X[1:]},
            "X: 150 rows x 4 columns of float64, now 149 rows x 4 columns of float64",
        ),
        (
            {"X": X.astype(np.float32)},
            "X: 150 rows x 4 columns of float64, now 150 rows x 4 columns of float32",
        ),
        ({"X": X + 1}, "X: 150 rows x 4 columns of float64, now other content"),
        ({"y": Y.astype(float)}, "y: 150 values of int64, now 150 values of float64"),
        ({"y": None}, "y: 150 values of int64, now None"),
        ({"params": {}}, "fit_params.sample_weight: 150 values of float64, now absent"),
        (
            {"params": {"sample_weight": np.full(len(X), 2.0)}},
            "fit_params.sample_weight: 150 values of float64, now other content",
        ),
        ({"settings": {**SETTINGS, "error_score": 0.0}}, "error_score: nan, now 0.0"),
        ({"space": {**SPACE, "max_depth": Int(2, 8)}}, "space.max_depth: Int(1, 8), now Int(2, 8)"),
        (
            {"space": {**SPACE, "max_depth": Float(1, 8)}},
            "space.max_depth: Int(1, 8), now Float(1.0, 8.0)",
        ),
        (
            {"space": {**SPACE, "ccp_alpha": Float(0.0, 1.0, "linear")}},
            "space.ccp_alpha.scaling: 'auto', now 'linear'",
        ),
        (
            {"space": {**SPACE, "criterion": ["gini", "log_loss"]}},
            "space.criterion: Categorical of 'gini', 'entropy', now Categorical of 'gini', 'log_",
        ),
        (
            {"space": {**SPACE, "min_samples_leaf": Int(1, 5)}},
            "space.min_samples_leaf: absent, now",
        ),
        (
            {"space": {"max_depth": Int(1, 8), "ccp_alpha": Float(0.0, 1.0)}},
            "space.criterion: Categorical of 'gini', 'entropy', now absent",
        ),
        (
            {"space": {**SPACE, "max_depth": randint(1, 8)}},
            "space.max_depth: Int(1, 8), now Int(1, 7)",
        ),
        (
            {"space": {**SPACE, "ccp_alpha": norm(0, 1)}},
            "space.ccp_alpha: Float(0.0, 1.0), now Quan",
        ),
    ],
)
def test_other_search_is_told_apart_in_one_readable_line(changes, expected):
    found = differences(**changes)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_differences_of_columns_are_named():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    stored, changed = made(X=frame), frame.copy()
    changed.loc[7, "c"] = 0.0
    assert compare(stored, made(X=frame[list("abcd")])) == []
    assert compare(stored, made(X=changed)) == ["X['c']: 150 values of float64, now other content"]
    assert compare(stored, made(X=frame[1:]))[0] == (
        "X: frame of 150 rows x 4 columns, now frame of 149 rows x 4 columns"
    )
    assert compare(stored, made(X=frame.rename(columns={"a": "z"})))[0] == (
        "X.columns: ['a', 'b', 'c', 'd'], now ['z', 'b', 'c', 'd']"
    )


def test_subspaces_are_compared_one_by_one():
    first = [{"kernel": ["rbf"], "C": Float(1, 10)}, {"kernel": ["poly"], "degree": Int(1, 3)}]
    wider = [first[0], {"kernel": ["poly"], "degree": Int(1, 4)}]
    assert compare(made(space=first), made(space=wider)) == []
    assert compare(made(space=wider), made(space=first)) == [
        "space[1].degree: Int(1, 4), now Int(1, 3)"
    ]


def test_estimators_as_categories_are_compared_by_their_parameters():
    old, new = [SVC(C=1), SVC(C=2)], [SVC(C=2), SVC(C=1), SVC(C=3)]
    assert compare(made(space={"estimator": old}), made(space={"estimator": new})) == []
    assert len(compare(made(space={"estimator": new}), made(space={"estimator": old}))) == 1


def test_condition_of_a_parameter_counts():
    space = {"criterion": ["gini", "entropy"], "max_depth": Int(1, 8, when={"criterion": ["gini"]})}
    other = {**space, "max_depth": Int(1, 8, when={"criterion": ["entropy"]})}
    assert compare(made(space=space), made(space=other)) == [
        "space.max_depth.when['criterion'][0]: 'gini', now 'entropy'"
    ]


def test_ends_of_any_size_are_kept():
    huge = {"max_depth": Int(1, 10**300)}
    stored = json.loads(json.dumps(made(space=huge)))
    assert compare(stored, made(space={"max_depth": Int(0, 10**300 + 1)})) == []
    assert len(compare(stored, made(space={"max_depth": Int(1, 10**300 - 1)}))) == 1


def test_folds_of_an_iterator_are_stored_and_those_of_a_list_count():
    folds = list(KFold(3).split(X))
    assert compare(made(cv=iter(folds)), made(cv=ShuffleSplit(2).split(X))) == []
    assert compare(made(cv=folds), made(cv=copy.deepcopy(folds))) == []
    assert compare(made(cv=folds), made(cv=[*folds[:2], folds[0]])) != []
    assert compare(made(cv=folds), made(cv=iter(folds))) != []


def test_splitter_with_a_random_state_counts_by_its_state():
    def splitter(seed):
        return ShuffleSplit(3, random_state=np.random.RandomState(seed))

    assert compare(made(cv=splitter(0)), made(cv=splitter(0))) == []
    assert len(compare(made(cv=splitter(0)), made(cv=splitter(1)))) == 1


def test_groups_count_by_content():
    groups = np.arange(len(X)) % 5
    stored = made(cv=GroupKFold(3), params={"groups": groups})
    assert compare(stored, made(cv=GroupKFold(3), params={"groups": groups.tolist()})) == []
    found = compare(stored, made(cv=GroupKFold(3), params={"groups": groups[::-1]}))
    assert found == ["fit_params.groups: 150 values of int64, now other content"]


def test_nested_search_counts_by_what_decides_its_result():
    def nested(**options):
        return WarpedBayesSearchCV(SVC(), {"C": Float(1, 10)}, n_iter=5, **options)

    same = nested(n_jobs=2, verbose=1, callbacks=[print], executor="dask")
    assert compare(made(estimator=nested()), made(estimator=same)) == []
    used = nested(random_state=0)
    fitted = clone(used).fit(X, Y)
    assert compare(made(estimator=used), made(estimator=fitted)) == []
    assert len(compare(made(estimator=nested()), made(estimator=nested(racing=True)))) == 1


def test_object_that_cannot_be_compared_is_refused_with_its_name_and_the_cure():
    with pytest.raises(ValueError, match=r"fit_params\.stream is of .*generator.*: pass a list"):
        made(params={"stream": (row for row in X)})


def test_versions_are_kept_and_do_not_count():
    stored = json.loads(json.dumps(made()))
    assert {"python", "tuneplug", "numpy", "sklearn"} <= stored["versions"].keys()
    assert changed_versions(stored, made()) == []
    stored["versions"] |= {"numpy": "0.1", "other": "1.0"}
    assert compare(stored, made()) == []
    assert changed_versions(stored, made()) == [f"numpy: 0.1, now {np.__version__}"]


def test_key_is_of_the_parts_and_the_names_of_the_parameters():
    key = fingerprint_key(made())
    assert key == fingerprint_key(json.loads(json.dumps(made())))
    assert key == fingerprint_key(made(space={**SPACE, "max_depth": Int(1, 9)}))
    others = [{"y": Y[::-1]}, {"space": {"max_depth": Int(1, 8)}}, {"scoring": None}]
    assert len({key, *(fingerprint_key(made(**changes)) for changes in others)}) == 4


GOOD = made()


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {**GOOD, "format": 2},
        {**GOOD, "more": 1},
        {**GOOD, "parts": []},
        {**GOOD, "parts": {"X": 1}},
        {**GOOD, "parts": {"X": ["a"]}},
        {**GOOD, "parts": {"X": ["a", 1]}},
        {**GOOD, "versions": {"numpy": 2}},
        {**GOOD, "space": []},
        {**GOOD, "space": {"space.a": {}}},
        {**GOOD, "space": {"space.a": {"type": "Int", "rest": {}}}},
        {**GOOD, "space": {"space.a": {"type": "Int", "ends": [1], "rest": {}}}},
        {**GOOD, "space": {"space.a": {"type": "Int", "ends": [1, "2"], "rest": {}}}},
        {**GOOD, "space": {"space.a": {"type": "Int", "ends": [1, 2], "rest": []}}},
        {**GOOD, "space": {"space.a": {"type": "Categorical", "categories": 1, "rest": {}}}},
        {**GOOD, "space": {"space.a": {"type": "Categorical", "categories": [1], "rest": {}}}},
        {**GOOD, "space": {"space.a": {"type": "Other", "ends": [1, 2], "rest": {}}}},
    ],
)
def test_every_other_document_is_refused(document):
    with pytest.raises(ValueError, match="a fingerprint must"):
        check_fingerprint(document)
    with pytest.raises(ValueError, match="a fingerprint must"):
        compare(document, GOOD)


SCRIPT = """
    import json, numpy as np
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import get_scorer
    from sklearn.model_selection import ShuffleSplit
    from tuneplug import Float, SearchSpace
    from tuneplug_sklearn.storing import SearchDefinition, fingerprint_key, make_fingerprint

    X, y = load_iris(return_X_y=True)
    text = np.array(["a", "b", "c"], dtype=object)[y]
    fingerprint = make_fingerprint(SearchDefinition(
        RandomForestClassifier(class_weight={"a": 1, "b": 2, "c": 3}),
        SearchSpace({"ccp_alpha": Float(0, 1), "max_features": ["sqrt", lambda x: x]}),
        {"f": get_scorer("f1_macro"), "a": "accuracy"},
        ShuffleSplit(random_state=np.random.RandomState(1)),
        {"names": {"u", "v", "w"}},
        X, text, {"groups": [*range(150)]},
    ))
    print(json.dumps(fingerprint), fingerprint_key(fingerprint))
"""


def test_fingerprint_does_not_depend_on_the_process_and_its_hashing():
    outputs = outputs_by_hash_seed(SCRIPT)
    assert outputs[0]
    assert len(set(outputs)) == 1
