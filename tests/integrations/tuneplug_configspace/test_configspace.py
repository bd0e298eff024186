"""Test the conversion of ConfigSpace spaces."""

from __future__ import annotations

import ConfigSpace
import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    Configuration,
    ConfigurationSpace,
    EqualsCondition,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    InCondition,
    LessThanCondition,
    NotEqualsCondition,
    OrConjunction,
)
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceError, Study
from tuneplug.plugins import Plugins
from tuneplug_configspace import ConfigSpaceConverter
from tuneplug_sklearn import WarpedBayesSearchCV


def conditional():
    """Return a space with every type of condition."""
    space = ConfigurationSpace({"n": (1, 10), "kind": ["a", "b", "c"]})
    space.add(
        ConfigSpace.OrdinalHyperparameter("size", ["s", "m", "l"]),
        ConfigSpace.Float("equal", (0.1, 1.0), log=True),
        ConfigSpace.Float("both", (0.0, 1.0)),
        ConfigSpace.Integer("either", (1, 5)),
        ConfigSpace.Float("among", (0.0, 1.0)),
        ConfigSpace.Float("small", (0.0, 1.0)),
        ConfigSpace.Float("deep", (0.0, 1.0)),
    )
    space.add(
        EqualsCondition(space["equal"], space["kind"], "a"),
        AndConjunction(
            NotEqualsCondition(space["both"], space["kind"], "a"),
            GreaterThanCondition(space["both"], space["n"], 3),
        ),
        OrConjunction(
            EqualsCondition(space["either"], space["kind"], "a"),
            EqualsCondition(space["either"], space["kind"], "c"),
        ),
        InCondition(space["among"], space["kind"], ["b", "c"]),
        LessThanCondition(space["small"], space["size"], "l"),
        LessThanCondition(space["deep"], space["either"], 3),
    )
    return space


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (ConfigSpace.Float("x", (0.1, 9.0)), Float(0.1, 9.0, "linear")),
        (ConfigSpace.Float("x", (0.1, 9.0), log=True), Float(0.1, 9.0, "log")),
        (ConfigSpace.Integer("x", (1, 9)), Int(1, 9, "linear")),
        (ConfigSpace.Integer("x", (1, 9), log=True), Int(1, 9, "log")),
    ],
    ids=repr,
)
def test_a_range_keeps_its_ends_and_scale(declared, expected):
    assert Plugins().convert_space({"x": declared})["x"] == expected


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        (ConfigSpace.CategoricalHyperparameter("x", ["a", 2, None]), ["a", 2, None]),
        (ConfigSpace.CategoricalHyperparameter("x", ["a", "b"], weights=[2, 2]), ["a", "b"]),
        (ConfigSpace.OrdinalHyperparameter("x", [1, 10, 100]), [1, 10, 100]),
        (ConfigSpace.Constant("x", "only"), ["only"]),
    ],
    ids=repr,
)
def test_categories_keep_their_order_and_types(declared, values):
    parameter = Plugins().convert_space({"x": declared})["x"]
    assert isinstance(parameter, Categorical)
    assert parameter.values == values
    assert [type(v) for v in parameter.values] == [type(v) for v in values]


def test_both_spaces_have_the_same_configurations():
    configuration_space = conditional()
    search_space = SearchSpace(Plugins().convert_space(configuration_space))
    for params in search_space.sample(300, np.random.default_rng(0)):
        Configuration(configuration_space, values=params).check_valid_configuration()
    configuration_space.seed(0)
    for configuration in configuration_space.sample_configuration(300):
        params = dict(configuration)
        assert search_space.canonical(params) == params


@pytest.mark.parametrize(
    ("condition", "when"),
    [
        ("equal", {"kind": ["a"]}),
        ("both", {"kind": ["b", "c"], "n": [4, 5, 6, 7, 8, 9, 10]}),
        ("either", {"kind": ["a", "c"]}),
        ("among", {"kind": ["b", "c"]}),
        ("small", {"size": ["s", "m"]}),
        ("deep", {"either": [1, 2]}),
    ],
)
def test_a_condition_becomes_when(condition, when):
    assert Plugins().convert_space(conditional())[condition].when == when


def test_a_parameter_that_is_never_active_is_left_out():
    space = ConfigurationSpace({"k": ["a", "b"], "n": (1, 3), "x": (0.0, 1.0), "y": (0.0, 1.0)})
    never = [EqualsCondition(space["x"], space["k"], category) for category in "ab"]
    below = [
        LessThanCondition(space["y"], space["n"], 2),
        EqualsCondition(space["n"], space["k"], "a"),
    ]
    space.add(AndConjunction(*never), *below)
    assert set(Plugins().convert_space(space)) == {"k", "n", "y"}
    space = ConfigurationSpace({"n": (1, 3), "x": (1, 5), "y": (0.0, 1.0)})
    space.add(LessThanCondition(space["x"], space["n"], 1))
    space.add(LessThanCondition(space["y"], space["x"], 3))
    assert set(Plugins().convert_space(space)) == {"n"}
    assert {tuple(configuration) for configuration in space.sample_configuration(20)} == {("n",)}


def space_with_forbidden_clause():
    space = ConfigurationSpace({"kind": ["a", "b"]})
    space.add(ForbiddenEqualsClause(space["kind"], "b"))
    return space


def space_with_two_alternative_parents():
    space = ConfigurationSpace({"k": ["a", "b"], "l": ["a", "b"], "x": (0.0, 1.0)})
    conditions = [EqualsCondition(space["x"], space[parent], "a") for parent in "kl"]
    space.add(OrConjunction(*conditions))
    return space


def space_with_inactive_parent_of_not_equals():
    space = ConfigurationSpace({"k": ["a", "b"], "n": (1, 3), "x": (0.0, 1.0)})
    space.add(EqualsCondition(space["n"], space["k"], "a"))
    space.add(NotEqualsCondition(space["x"], space["n"], 2))
    Configuration(space, values={"k": "b", "x": 0.5}).check_valid_configuration()
    return space


def space_with_float_parent():
    space = ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    space.add(GreaterThanCondition(space["y"], space["x"], 0.5))
    return space


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            space_with_forbidden_clause(),
            r"forbidden clauses are not supported, but got .*kind == .b.",
        ),
        (space_with_two_alternative_parents(), r"x: an OrConjunction must have a single parent"),
        (
            space_with_inactive_parent_of_not_equals(),
            r"x: the parent of '!=' must always be active, .*if 'n' is inactive",
        ),
        (space_with_float_parent(), r"y: the parent of a condition must have at most 10000 values"),
        (
            {"x": ConfigSpace.Float("x", (0, 1), distribution=ConfigSpace.Normal(0, 1))},
            "x: .*no eq",
        ),
        (
            {"x": ConfigSpace.CategoricalHyperparameter("x", [1, 2], weights=[1, 3])},
            r"x: categories must have equal weights, but got weights=\[1, 3\]",
        ),
    ],
    ids=["forbidden", "either", "unequal", "float", "normal", "weights"],
)
def test_unsupported_features_are_errors(space, message):
    with pytest.raises(SpaceError, match=message):
        Study(space)


def test_a_search_accepts_a_configuration_space_and_a_list_of_them():
    X, y = load_iris(return_X_y=True)
    rbf = ConfigurationSpace({"C": ConfigSpace.Float("C", (0.01, 100.0), log=True)})
    poly = ConfigurationSpace({"kernel": ConfigSpace.Constant("kernel", "poly"), "degree": (2, 4)})
    for space in (rbf, [rbf, poly]):
        search = WarpedBayesSearchCV(SVC(), space, n_iter=4, cv=2, random_state=0).fit(X, y)
        assert search.best_score_ > 0.9
    assert {params.get("kernel") for params in search.cv_results_["params"]} == {None, "poly"}


def test_another_class_of_the_same_name_is_not_converted():
    class ConfigurationSpace:
        pass

    assert not ConfigSpaceConverter().accepts(ConfigurationSpace())
