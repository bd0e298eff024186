"""Categories are found by keys: copies are found again, and long lists take linear time."""

from __future__ import annotations

import copy
import functools
import json
import pickle

import numpy as np
import pytest

from tuneplug import Categorical, Float, SearchSpace, SpaceError, Study
from tuneplug.space.distributions import as_parameter


class Model:
    """An estimator, as scikit-learn has it, without scikit-learn."""

    def __init__(self, **params):
        self.params = params

    def get_params(self, deep=True):
        return dict(self.params)


class Splitter:
    def __init__(self, n):
        self.n = n


class Counted:
    """Counts comparisons and hashes."""

    n_calls = 0

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        Counted.n_calls += 1
        return hash(self.value)

    def __eq__(self, other):
        Counted.n_calls += 1
        return self.value == other.value


NESTED = [
    Model(C=1.0),
    Model(C=2.0),
    Model(C=np.nan),
    Model(model=Model(C=1.0)),
    Model(model=Model(C=2.0)),
    Model(steps=[("a", Model(C=1.0)), ("b", Model())]),
    Model(weights=np.array([0.1, np.nan])),
    Model(weights=np.array([0.2, np.nan])),
    Model(weights={0: 1.0, 1: 2.0}),
    Model(cv=Splitter(3)),
    Model(cv=Splitter(5)),
    Model(random_state=np.random.RandomState(0)),
    Model(random_state=np.random.RandomState(1)),
    Model(f=functools.partial(max, 1)),
    Splitter(3),
    Splitter(5),
    functools.partial(max, 2),
    Model,
    np.array([0.0, np.nan]),
]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
@pytest.mark.parametrize("i", range(len(NESTED)))
def test_a_copy_of_a_category_is_that_category(i, copied):
    parameter = Categorical(NESTED)
    assert parameter.size == len(NESTED)
    assert parameter.position(copied(NESTED[i])) == i


def test_equal_estimators_are_one_category():
    assert Categorical([Model(C=1), Model(C=1), Model(C=2)]).size == 2
    assert Categorical([Model(C=1), Model(C=1.0)]).size == 2


def test_fitted_estimators_with_equal_parameters_are_two_categories():
    first, second = Model(C=1), Model(C=1)
    first.coef_, second.coef_ = np.array([1.0]), np.array([2.0])
    parameter = Categorical([first, second])
    assert parameter.size == 2
    assert parameter.position(second) == 1
    assert parameter.position(Model(C=1)) == 0


def test_an_estimator_that_an_objective_has_fitted_is_still_the_category():
    space = SearchSpace({"m": [Model(C=1), Model(C=2)]})
    params = space.decode([0.75])
    params["m"].coef_ = np.array([1.0])
    assert space.encode(params)[0] == 0.75


def test_conditions_hold_for_copies_of_an_estimator():
    lr, tree = Model(C=1), Model(depth=3)
    child = Float(0.1, 1.0, when={"m": [copy.deepcopy(lr)]})
    space = SearchSpace({"m": [lr, tree], "C": child})
    assert space.decode([0.25, 0.0]) == {"m": lr, "C": 0.1}
    assert space.decode([0.75, 0.0]) == {"m": tree}


def test_copies_of_a_space_share_the_same_dimensions():
    splitter = Splitter(3)
    declared = [{"cv": [splitter, None], "a": [1, 2]}, {"cv": [splitter, None], "b": [1, 2]}]
    apart = [copy.deepcopy(subspace) for subspace in declared]
    assert SearchSpace(apart).column_names == SearchSpace(declared).column_names


def test_a_copied_category_does_not_keep_identities():
    parameter = Categorical([Splitter(3), Splitter(5)])
    assert parameter.position(parameter.values[1]) == 1
    copied = pickle.loads(pickle.dumps(parameter))
    assert copied.position(copied.values[1]) == 1


@pytest.mark.parametrize("category", [(50, 50), ((1, 2), "a"), {0: 1.0, 1: [2, (3,)]}, [1, (2,)]])
def test_a_category_that_went_through_json_is_that_category(category):
    study = Study({"h": [(50,), category]}, seed=0)
    study.enqueue(json.loads(json.dumps({"h": category})))
    assert study.ask().proposed_params["h"] is category


def test_a_list_and_a_tuple_remain_two_categories():
    parameter = Categorical([[1, 2], (1, 2)])
    assert [parameter.position(v) for v in ([1, 2], (1, 2))] == [0, 1]


def test_single_precision_numbers_are_found_in_either_direction():
    assert Categorical([0.1, 0.2]).position(np.float32(0.2)) == 1
    assert Categorical([np.float32(0.1), np.float32(0.2)]).position(0.2) == 1
    assert Categorical([0.1, 0.2]).position(np.float32(0.3)) is None


def test_long_lists_take_a_linear_number_of_comparisons():
    counts = []
    for n in (500, 1000):
        Counted.n_calls = 0
        parameter = Categorical([Counted(i) for i in range(n)])
        parameter.to_unit([Counted(i) for i in range(n)])
        assert parameter.size == n
        counts.append(Counted.n_calls)
    assert counts[1] < 3 * counts[0]
    assert counts[1] < 20 * 1000


LONG = [
    list(np.linspace(0, 1, 4000)),
    [(i // 50, i % 50) for i in range(4000)],
    [[i] for i in range(4000)],
    [{"a": i} for i in range(4000)],
    [Model(C=i) for i in range(1000)],
    [np.array([i]) for i in range(1000)],
]


@pytest.mark.parametrize("choices", LONG, ids=lambda choices: type(choices[0]).__name__)
def test_long_lists_of_any_kind_are_distinct_and_found(choices):
    parameter = Categorical(choices)
    u = parameter.to_unit(copy.deepcopy(choices))
    np.testing.assert_array_equal(u, parameter.points())


def test_an_error_shows_the_first_categories_only():
    with pytest.raises(ValueError, match=r"\.\.\. \(9980 more\)\], but got -1") as caught:
        Categorical(list(range(10_000))).to_unit([-1])
    assert len(str(caught.value)) < 300


def test_an_error_at_a_category_names_the_similar_one():
    with pytest.raises(ValueError, match="did you mean 'gbtree'"):
        Categorical(["gbtree", "dart"]).to_unit(["gbtre"])


PRIORS = [
    ((1e-3, 1e3, "log-uniform"), 'Float(0.001, 1000.0, "log")'),
    ((1, 100, "log-uniform"), 'Int(1, 100, "log")'),
    ((0.5, 2, "uniform"), 'Float(0.5, 2, "linear")'),
    ((1, 1000, "log-uniform", 10), 'Int(1, 1000, "log")'),
    ((np.float64(0.1), np.float64(1.0), "loguniform"), 'Float(0.1, 1.0, "log")'),
]


@pytest.mark.parametrize(("declared", "cure"), PRIORS)
def test_a_tuple_with_the_name_of_a_prior_is_an_error_that_shows_the_range(declared, cure):
    with pytest.raises(SpaceError) as caught:
        SearchSpace({"C": declared})
    assert f"declare {cure}" in str(caught.value)


@pytest.mark.parametrize("declared", [(1, 2, "sqrt"), (1, 2), [1, 2, "log"], ("log", 1, 2)])
def test_other_tuples_and_lists_are_categories(declared):
    assert as_parameter(declared).size == len(declared)
