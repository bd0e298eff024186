"""Test the conversion of spaces declared with Optuna distributions."""

from __future__ import annotations

import optuna.distributions as optuna
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from tuneplug import Float, Int, SearchSpace, SpaceError
from tuneplug.plugins import Plugins
from tuneplug_optuna.converter import MAX_STEPS
from tuneplug_sklearn import WarpedBayesSearchCV


def convert_space(space):
    return Plugins().convert_space(space)


def convert(declared):
    """Return the parameter of a single distribution."""
    return convert_space({"p": declared})["p"]


def test_a_range_keeps_its_ends_and_scale():
    assert convert(optuna.FloatDistribution(0, 1)) == Float(0.0, 1.0, "linear")
    assert convert(optuna.FloatDistribution(1e-6, 1, log=True)) == Float(1e-6, 1.0, "log")
    assert convert(optuna.FloatDistribution(2, 2)) == Float(2.0, 2.0, "linear")
    assert convert(optuna.IntDistribution(1, 4000)) == Int(1, 4000, "linear")
    assert convert(optuna.IntDistribution(1, 4000, log=True)) == Int(1, 4000, "log")


def test_deprecated_distributions_are_converted():
    if not hasattr(optuna, "LogUniformDistribution"):
        pytest.skip("this Optuna has no deprecated distributions")
    with pytest.warns(FutureWarning):
        deprecated = optuna.LogUniformDistribution(1e-3, 1)
    assert convert(deprecated) == Float(1e-3, 1.0, "log")


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
def test_an_integer_range_with_a_step_gives_ascending_categories(low, high, step, expected):
    parameter = convert(optuna.IntDistribution(low, high, step=step))
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
def test_a_float_range_with_a_step_gives_exact_decimals(low, high, step, expected):
    distribution = optuna.FloatDistribution(low, high, step=step)
    parameter = convert(distribution)
    assert parameter.values == expected
    assert parameter.ordered is (len(expected) > 2)
    assert all(distribution._contains(value) for value in parameter.values)


def test_categories_of_a_range_with_a_step_are_spaced_linearly():
    stepped = SearchSpace(convert_space({"n": optuna.IntDistribution(10, 50, step=10)}))
    plain = SearchSpace({"n": Int(1, 5, "linear")})
    for k in range(1, 6):
        assert stepped.encode({"n": 10 * k}) == pytest.approx(plain.encode({"n": k}), abs=1e-15)


def test_a_range_with_too_many_steps_is_an_error():
    assert len(convert(optuna.IntDistribution(2, 2 * MAX_STEPS, step=2)).values) == MAX_STEPS
    with pytest.raises(SpaceError, match=rf"n: .* at most {MAX_STEPS} values.*has 5001000000001"):
        convert_space({"n": optuna.IntDistribution(0, 10_002_000_000_000, step=2)})


def test_categories_are_the_same_objects():
    objects = ["a", None, 1, True, 1.0]
    parameter = convert(optuna.CategoricalDistribution(objects))
    assert all(a is b for a, b in zip(parameter.values, objects, strict=True))


def test_an_unknown_distribution_is_an_error():
    class Odd(optuna.BaseDistribution):
        to_external_repr = to_internal_repr = single = _contains = None

    with pytest.raises(SpaceError, match="Odd has no equal here"):
        convert_space({"C": Odd()})


def test_a_search_accepts_a_space_of_optuna_distributions():
    X, y = load_iris(return_X_y=True)
    space = {
        "C": optuna.FloatDistribution(1e-3, 1e3, log=True),
        "degree": optuna.IntDistribution(2, 6, step=2),
        "kernel": optuna.CategoricalDistribution(["rbf", "poly"]),
    }
    search = WarpedBayesSearchCV(SVC(), space, n_iter=8, cv=3, random_state=0).fit(X, y)
    assert {params["degree"] for params in search.cv_results_["params"]} <= {2, 4, 6}
    assert search.best_score_ > 0.9
