"""Spaces declared for Optuna mean here what they mean there."""

from __future__ import annotations

import optuna.distributions as optuna
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from tuneplug import Float, Int, SearchSpace, SpaceError
from tuneplug.plugins import Plugins
from tuneplug_optuna.converter import MOST_STEPS
from tuneplug_sklearn import WarpedBayesSearchCV


def translated(space):
    return Plugins().convert_space(space)


def one(declared):
    """Return what a single declaration becomes."""
    return translated({"p": declared})["p"]


def test_a_range_of_optuna_keeps_its_ends_and_its_scale():
    assert one(optuna.FloatDistribution(0, 1)) == Float(0.0, 1.0, "linear")
    assert one(optuna.FloatDistribution(1e-6, 1, log=True)) == Float(1e-6, 1.0, "log")
    assert one(optuna.FloatDistribution(2, 2)) == Float(2.0, 2.0, "linear")
    assert one(optuna.IntDistribution(1, 4000)) == Int(1, 4000, "linear")
    assert one(optuna.IntDistribution(1, 4000, log=True)) == Int(1, 4000, "log")


def test_older_names_of_optunas_ranges_are_ranges():
    if not hasattr(optuna, "LogUniformDistribution"):
        pytest.skip("this Optuna has no older names")
    with pytest.warns(FutureWarning):
        older = optuna.LogUniformDistribution(1e-3, 1)
    assert one(older) == Float(1e-3, 1.0, "log")


@pytest.mark.filterwarnings("ignore:The distribution is specified by:UserWarning")
@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0, 100, 25, [0, 25, 50, 75, 100]),
        (1, 10, 4, [1, 5, 9]),
        (3, 4, 5, [3]),
        (-4, 0, 2, [-4, -2, 0]),
    ],
)
def test_whole_numbers_with_a_step_are_rising_choices(low, high, step, expected):
    parameter = one(optuna.IntDistribution(low, high, step=step))
    assert parameter.values == expected
    assert {type(value) for value in parameter.values} == {int}
    assert parameter.ordered is (len(parameter.values) > 2)


@pytest.mark.filterwarnings("ignore:The distribution is specified by:UserWarning")
@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0.1, 0.5, 0.1, [0.1, 0.2, 0.3, 0.4, 0.5]),
        (0, 1, 0.3, [0.0, 0.3, 0.6, 0.9]),
        (1e-5, 3e-5, 1e-5, [1e-5, 2e-5, 3e-5]),
        (0.5, 0.5, 0.1, [0.5]),
    ],
)
def test_real_numbers_with_a_step_are_the_decimals_meant(low, high, step, expected):
    distribution = optuna.FloatDistribution(low, high, step=step)
    parameter = one(distribution)
    assert parameter.values == expected
    assert parameter.ordered is (len(expected) > 2)
    assert all(distribution._contains(value) for value in parameter.values)


def test_choices_with_a_step_lie_as_a_linear_range_does():
    stepped = SearchSpace(translated({"n": optuna.IntDistribution(10, 50, step=10)}))
    plain = SearchSpace({"n": Int(1, 5, "linear")})
    for k in range(1, 6):
        assert stepped.encode({"n": 10 * k}) == pytest.approx(plain.encode({"n": k}), abs=1e-15)


def test_more_steps_than_can_be_choices_are_a_fault():
    assert len(one(optuna.IntDistribution(2, 2 * MOST_STEPS, step=2)).values) == MOST_STEPS
    with pytest.raises(SpaceError, match=rf"n: .* at most {MOST_STEPS} values.*has 5001000000001"):
        translated({"n": optuna.IntDistribution(0, 10_002_000_000_000, step=2)})


def test_the_choices_of_optuna_are_the_very_objects():
    objects = ["a", None, 1, True, 1.0]
    parameter = one(optuna.CategoricalDistribution(objects))
    assert all(a is b for a, b in zip(parameter.values, objects, strict=True))


def test_a_distribution_of_another_class_is_refused():
    class Odd(optuna.BaseDistribution):
        to_external_repr = to_internal_repr = single = _contains = None

    with pytest.raises(SpaceError, match="Odd has no equal here"):
        translated({"C": Odd()})


def test_a_search_takes_a_space_of_optuna():
    X, y = load_iris(return_X_y=True)
    space = {
        "C": optuna.FloatDistribution(1e-3, 1e3, log=True),
        "degree": optuna.IntDistribution(2, 6, step=2),
        "kernel": optuna.CategoricalDistribution(["rbf", "poly"]),
    }
    search = WarpedBayesSearchCV(SVC(), space, n_iter=8, cv=3, random_state=0).fit(X, y)
    assert {params["degree"] for params in search.cv_results_["params"]} <= {2, 4, 6}
    assert search.best_score_ > 0.9
