"""Spaces declared for scikit-optimize mean here what they mean there."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.stats import expon, loguniform
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceError
from tuneplug.plugins import Plugins
from tuneplug_sklearn import WarpedBayesSearchCV


@pytest.fixture
def skopt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("skopt.space")


def converted(space):
    return Plugins().convert_space(space)


def one(declared):
    """Return what a single declaration becomes."""
    return converted({"p": declared})["p"]


# ---------------------------------------------------------------------- spaces left unchanged


class Real:
    """It shares only its name with a class of scikit-optimize."""

    low, high, prior = 0.0, 1.0, "uniform"


@pytest.mark.parametrize(
    "space",
    [
        {"C": loguniform(1e-3, 1e3), "alpha": expon(), "x": Float(0, 1), "y": [1, 2], "z": (1, 9)},
        [{"C": [1.0]}, {"C": np.array([2.0])}],
        [{"C": [1.0]}],
        SearchSpace({"C": Float(1e-3, 1e3)}),
        {"C": Real()},
        {},
        [],
        None,
        "a string",
        [None, 3],
    ],
)
def test_a_space_without_foreign_declarations_is_returned_unchanged(space):
    assert converted(space) is space


def test_neither_package_is_imported():
    code = "import sys, tuneplug_sklearn; print(sorted({'skopt', 'optuna'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# ---------------------------------------------------------------------- scikit-optimize


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("Real", {"low": 0.1, "high": 0.9}, Float(0.1, 0.9, "linear")),
        ("Real", {"low": 1, "high": 1000}, Float(1, 1000, "linear")),
        ("Real", {"low": 1e-6, "high": 1e6, "prior": "log-uniform"}, Float(1e-6, 1e6, "log")),
        ("Real", {"low": 1, "high": 8, "prior": "log-uniform", "base": 2}, Float(1, 8, "log")),
        ("Integer", {"low": 1, "high": 4000}, Int(1, 4000, "linear")),
        ("Integer", {"low": 1, "high": 4000, "prior": "log-uniform"}, Int(1, 4000, "log")),
    ],
)
def test_a_range_of_scikit_optimize_keeps_its_ends_and_its_prior(skopt, name, arguments, expected):
    assert one(getattr(skopt, name)(**arguments)) == expected


@pytest.mark.parametrize("prior", ["uniform", "log-uniform"])
@pytest.mark.parametrize("name", ["Real", "Integer"])
def test_a_range_of_scikit_optimize_includes_the_values_it_includes_there(skopt, name, prior):
    dimension = getattr(skopt, name)(2, 64, prior=prior)
    space = SearchSpace(converted({"p": dimension}))
    assert (space.decode([0.0])["p"], space.decode([1.0])["p"]) == dimension.bounds
    drawn = [configuration["p"] for configuration in space.sample(200, np.random.default_rng(0))]
    assert all(value in dimension for value in drawn)
    assert all(space.encode({"p": value}).size for value in dimension.rvs(200, random_state=0))


@pytest.mark.parametrize("prior", ["uniform", "log-uniform"])
def test_draws_have_the_distribution_of_scikit_optimize(skopt, prior):
    dimension = skopt.Real(1e-3, 1e3, prior=prior)
    space = SearchSpace(converted({"p": dimension}))
    ours = np.sort([s["p"] for s in space.sample(4000, np.random.default_rng(0))])
    theirs = np.sort(dimension.rvs(4000, random_state=0))
    ranks = np.searchsorted(theirs, ours) / 4000
    # Kolmogorov-Smirnov for two samples: 1.95 sqrt(2 / n) is exceeded once in a thousand.
    assert np.abs(ranks - np.arange(4000) / 4000).max() < 1.95 * np.sqrt(2 / 4000)


def test_the_categories_of_scikit_optimize_are_the_very_objects(skopt):
    objects = [SVC(), LogisticRegression(), (3, 4), None, "rbf", 1, True]
    parameter = one(skopt.Categorical(objects))
    assert isinstance(parameter, Categorical)
    assert all(a is b for a, b in zip(parameter.values, objects, strict=True))


def test_categories_from_an_array_are_python_scalars(skopt):
    parameter = one(skopt.Categorical(np.array([1, 2, 5])))
    assert [type(value) for value in parameter.values] == [int, int, int]
    assert parameter.ordered


def test_equal_weights_of_categories_are_taken_and_others_are_a_fault(skopt):
    assert one(skopt.Categorical(["a", "b"], prior=[0.5, 0.5])).values == ["a", "b"]
    with pytest.raises(
        SpaceError, match=r"kernel: categories must have equal weights.*omit prior="
    ):
        converted({"kernel": skopt.Categorical(["a", "b"], prior=[0.1, 0.9])})


def test_lists_and_tuples_beside_dimensions_stay_choices(skopt):
    listed, shorthand = [5, 25], (1e-6, 1e6, "log-uniform")
    space = converted({"C": skopt.Real(0, 1), "depth": listed, "gamma": shorthand})
    assert space["depth"] is listed
    assert space["gamma"] is shorthand


def test_an_unknown_prior_names_the_parameter(skopt):
    odd = skopt.Real(1, 2)
    odd.prior = "normal"
    with pytest.raises(ValueError, match=r"C: prior must be one of .* but got 'normal'"):
        converted({"C": odd, "gamma": skopt.Real(0, 1)})


def test_every_fault_of_every_sub_space_is_listed_at_once(skopt):
    odd = skopt.Real(1, 2)
    odd.prior = "normal"
    weighted = skopt.Categorical([1, 2], prior=[0.2, 0.8])
    with pytest.raises(SpaceError, match="3 errors") as caught:
        converted([{"a": odd}, ({"b": [1]}, 20), {"c": weighted, "d": [1, 2]}])
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == [
        "  - [0] a",
        "  - [1] sub-spaces must share one budget, but got a tuple of a dict and n_iter=20",
        "  - [2] c",
    ]


def test_a_budget_for_a_sub_space_is_refused_without_scikit_optimize_too():
    with pytest.raises(SpaceError, match=r"n_iter=20: give the dict alone, and the sum of all"):
        converted([({"C": [1, 2]}, 20)])


def test_a_dimension_of_another_class_is_refused(skopt):
    class Odd(skopt.Dimension):
        pass

    with pytest.raises(SpaceError, match=r"C: .*Odd has no equal here: declare a tuneplug\.Float"):
        converted({"C": Odd()})


def test_the_declaration_is_not_changed(skopt):
    dimension, listed = skopt.Real(0, 1), [1, 2]
    subspaces = [{"a": dimension, "b": listed}, {"b": listed}]
    before = copy.copy(subspaces), [dict(subspace) for subspace in subspaces]
    space = converted(subspaces)
    assert (subspaces, [dict(subspace) for subspace in subspaces]) == before
    assert subspaces[0]["a"] is dimension
    assert space[0]["b"] is listed
    assert space[1] is subspaces[1]


# ---------------------------------------------------------------------- in a search


def test_a_search_takes_a_space_of_scikit_optimize(skopt):
    X, y = load_iris(return_X_y=True)
    space = {
        "C": skopt.Real(1e-3, 1e3, prior="log-uniform"),
        "degree": skopt.Integer(1, 4),
        "kernel": skopt.Categorical(["rbf", "poly"]),
        "gamma": loguniform(1e-3, 1e1),
    }
    given = dict(space)
    search = WarpedBayesSearchCV(SVC(), space, n_iter=8, cv=3, random_state=0).fit(X, y)
    assert search.param_distributions is space
    assert space == given
    own = {
        "C": Float(1e-3, 1e3, "log"),
        "degree": Int(1, 4, "linear"),
        "kernel": ["rbf", "poly"],
        "gamma": loguniform(1e-3, 1e1),
    }
    same = WarpedBayesSearchCV(SVC(), own, n_iter=8, cv=3, random_state=0).fit(X, y)
    assert search.cv_results_["params"] == same.cv_results_["params"]
