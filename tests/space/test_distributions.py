"""Distributions: ranges where they are ranges, else searched in their own quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceError
from tuneplug.space.distributions import OPEN_END, Quantiles, as_parameter

#: A test of a true null hypothesis with a fixed seed fails at this level once in a thousand seeds.
LEVEL = 1e-3
DRAWS = 5000


def draw(declared, n=DRAWS, seed=0):
    space = SearchSpace({"x": declared})
    return [configuration["x"] for configuration in space.sample(n, np.random.default_rng(seed))]


class NormalDraws:
    """Has only rvs, as scikit-learn asks for."""

    def rvs(self, random_state=None):
        return random_state.normal(3.0, 2.0)


class PowersOfTwo:
    def rvs(self, random_state=None):
        return 2 ** int(random_state.randint(0, 6))


class NumpyInts:
    def rvs(self, random_state=None):
        return np.int64(random_state.randint(0, 6))


class Layers:
    """Draws tuples: hidden layers of a network."""

    def rvs(self, random_state=None):
        return (int(random_state.randint(1, 4)),) * int(random_state.randint(1, 3))


class Coin:
    def rvs(self, random_state=None):
        return bool(random_state.rand() < 0.5)


class Stuck:
    def rvs(self, random_state=None):
        return 7


# ------------------------------------------------------------------------------------- ranges

RANGES = [
    pytest.param(stats.uniform(0, 1), Float(0.0, 1.0, "linear"), id="uniform"),
    pytest.param(stats.uniform(-2, 5), Float(-2.0, 3.0, "linear"), id="moved uniform"),
    # an explicit uniform is linear even where Auto would say log
    pytest.param(stats.uniform(1e-6, 1), Float(1e-6, 1e-6 + 1, "linear"), id="wide uniform"),
    pytest.param(stats.loguniform(1e-4, 10), Float(1e-4, 10.0, "log"), id="loguniform"),
    pytest.param(stats.reciprocal(1e-4, 10), Float(1e-4, 10.0, "log"), id="reciprocal"),
    pytest.param(stats.loguniform(1, 10, scale=3), Float(3.0, 30.0, "log"), id="scaled loguniform"),
    pytest.param(stats.loguniform(1, 2), Float(1.0, 2.0, "log"), id="narrow loguniform"),
    pytest.param(stats.randint(0, 5), Int(0, 4, "linear"), id="randint"),
    pytest.param(stats.randint(1, 5, loc=10), Int(11, 14, "linear"), id="moved randint"),
    pytest.param(stats.randint(1, 100_000), Int(1, 99_999, "linear"), id="wide randint"),
]


@pytest.mark.parametrize(("distribution", "parameter"), RANGES)
def test_ranges_are_recognized(distribution, parameter):
    assert as_parameter(distribution) == parameter


@pytest.mark.parametrize(("distribution", "parameter"), RANGES)
def test_ranges_draw_as_scipy_does(distribution, parameter):
    draws = np.array(draw(distribution))
    if isinstance(parameter, Int):
        # spread the ties, so that the continuous test applies: P(X < x) + V P(X = x)
        below = distribution.cdf(draws - 1)
        spread = np.random.default_rng(1).random(len(draws)) * distribution.pmf(draws)
        assert stats.kstest(below + spread, "uniform").pvalue > LEVEL
    else:
        assert stats.kstest(draws, distribution.cdf).pvalue > LEVEL


def test_a_shifted_loguniform_is_no_log_range():
    distribution = stats.loguniform(1, 100, loc=5)
    assert isinstance(as_parameter(distribution), Quantiles)
    assert stats.kstest(draw(distribution), distribution.cdf).pvalue > LEVEL


def test_a_randint_of_one_value_is_a_constant():
    assert SearchSpace({"x": stats.randint(3, 4)}).n_dimensions == 0


# ----------------------------------------------------------------------------------- quantiles

CONTINUOUS = [
    # distribution, searched part of u
    pytest.param(stats.expon(scale=2.0), (0.0, 1 - OPEN_END), id="expon"),
    pytest.param(stats.norm(3, 2), (OPEN_END, 1 - OPEN_END), id="norm"),
    pytest.param(stats.beta(2, 5), (OPEN_END, 1 - OPEN_END), id="beta"),
    pytest.param(stats.gamma(0.5), (0.0, 1 - OPEN_END), id="gamma"),
    pytest.param(stats.lognorm(1.5), (OPEN_END, 1 - OPEN_END), id="lognorm"),
    pytest.param(stats.truncnorm(-1, 2), (0.0, 1.0), id="truncnorm"),
    pytest.param(stats.loggamma(2.0), (OPEN_END, 1 - OPEN_END), id="loggamma"),
    pytest.param(stats.cauchy(), (OPEN_END, 1 - OPEN_END), id="cauchy"),
]
DISCRETE = [
    pytest.param(stats.poisson(3), (0.0, 1 - OPEN_END), id="poisson"),
    pytest.param(stats.geom(0.2), (0.0, 1 - OPEN_END), id="geom"),
    pytest.param(stats.binom(10, 0.3), (0.0, 1.0), id="binom"),
    pytest.param(stats.poisson(5, loc=-2), (0.0, 1 - OPEN_END), id="moved poisson"),
    pytest.param(stats.skellam(3, 3), (OPEN_END, 1 - OPEN_END), id="skellam"),
    pytest.param(
        stats.rv_discrete(values=([1, 5, 10], [0.2, 0.5, 0.3])), (0.0, 1.0), id="own table"
    ),
]


@pytest.mark.parametrize(("distribution", "bounds"), CONTINUOUS)
def test_continuous_draws_follow_the_distribution_exactly(distribution, bounds):
    draws = draw(distribution)
    assert {type(value) for value in draws} == {float}
    assert stats.kstest(draws, distribution.cdf).pvalue > LEVEL


@pytest.mark.parametrize(("distribution", "bounds"), DISCRETE)
def test_discrete_draws_are_ints_that_follow_the_distribution_exactly(distribution, bounds):
    draws = draw(distribution)
    assert {type(value) for value in draws} == {int}
    values, counts = np.unique(draws, return_counts=True)
    expected = DRAWS * distribution.pmf(values)
    common = expected >= 5  # the usual bar of the chi-square test; the rest is one class
    observed = np.append(counts[common], DRAWS - counts[common].sum())
    expected = np.append(expected[common], DRAWS - expected[common].sum())
    if expected[-1] < 1e-9:
        observed, expected = observed[:-1], expected[:-1]
    assert stats.chisquare(observed, expected).pvalue > LEVEL


@pytest.mark.parametrize(("distribution", "bounds"), CONTINUOUS + DISCRETE)
def test_models_search_inside_infinite_ends(distribution, bounds):
    np.testing.assert_array_equal(SearchSpace({"x": distribution}).bounds, [bounds])


@pytest.mark.parametrize("distribution", [stats.norm(), stats.cauchy()], ids=["norm", "cauchy"])
def test_random_draws_reach_beyond_what_models_search(distribution):
    draws = draw(distribution, n=20_000)
    # each side is missed with probability 0.999 ** 20000 = 2e-9
    assert min(draws) < distribution.ppf(OPEN_END)
    assert max(draws) > distribution.ppf(1 - OPEN_END)


@pytest.mark.parametrize(("distribution", "bounds"), CONTINUOUS + DISCRETE)
def test_every_place_of_the_cube_gives_a_finite_value_in_the_support(distribution, bounds):
    low, high = distribution.support()
    u = np.array([0.0, 2.0**-53, 0.5, 1.0 - 2.0**-53, 1.0])
    for value in as_parameter(distribution).from_unit(u):
        assert math.isfinite(value)
        assert low <= value <= high


@pytest.mark.parametrize(("distribution", "bounds"), CONTINUOUS)
def test_continuous_round_trip(distribution, bounds):
    parameter = as_parameter(distribution)
    u = np.linspace(0.001, 0.999, 333)
    # scipy's quantile functions are good to 1e-8 at least
    np.testing.assert_allclose(parameter.to_unit(parameter.from_unit(u)), u, atol=1e-8)


@pytest.mark.parametrize(("distribution", "bounds"), DISCRETE)
def test_discrete_round_trip_and_snap(distribution, bounds):
    parameter = as_parameter(distribution)
    u = np.linspace(0.001, 0.999, 333)
    values = parameter.from_unit(u)
    np.testing.assert_array_equal(parameter.to_unit(values), parameter.snap(u))
    assert parameter.from_unit(parameter.snap(u)) == values


def test_a_finite_discrete_distribution_has_all_its_values():
    space = SearchSpace({"x": stats.binom(10, 0.3)})
    assert [space.decode(row)["x"] for row in space.rows()] == list(range(11))
    assert space.size == 11


def test_holes_in_a_table_are_no_values():
    space = SearchSpace({"x": stats.rv_discrete(values=([1, 5, 10], [0.2, 0.5, 0.3]))})
    assert [space.decode(row)["x"] for row in space.rows()] == [1, 5, 10]


def test_both_kinds_of_scale_are_explained():
    space = SearchSpace({"x": stats.expon(), "y": stats.poisson(2)})
    first, second = space.explain_scaling()
    assert (first["scaling"], second["scaling"]) == ("quantile(expon)", "quantile(poisson)")
    assert first["chosen_by"] == "user"
    assert "searched in its quantiles" in first["reason"]


def test_told_numbers_are_kept_though_the_cube_cannot_tell_them():
    # F(200) is 1 in floating point
    assert SearchSpace({"x": stats.poisson(3)}).canonical({"x": 200}) == {"x": 200}
    assert SearchSpace({"x": stats.expon()}).canonical({"x": 200.0}) == {"x": 200.0}


@pytest.mark.parametrize("value", [-1, 2.5, "3", None, True, math.nan])
def test_a_value_that_is_never_drawn_is_refused(value):
    with pytest.raises(ValueError, match=r"values must (lie|be numbers) in"):
        as_parameter(stats.poisson(3)).to_unit([value])


# ------------------------------------------------------------------------------------ only rvs


def test_only_rvs_is_taken_by_empirical_quantiles():
    draws = draw(NormalDraws())
    other = stats.norm(3, 2).rvs(DRAWS, random_state=1)
    assert {type(value) for value in draws} == {float}
    # The 1024 draws behind the quantiles are a sample themselves: the two-sample test for those.
    assert stats.ks_2samp(draws[:1024], other).pvalue > LEVEL


def test_only_rvs_is_explained():
    (record,) = SearchSpace({"x": NormalDraws()}).explain_scaling()
    assert record["scaling"] == "empirical(NormalDraws)"
    assert "NormalDraws has only rvs" in record["reason"]
    assert "empirical quantiles of 1024 draws" in record["reason"]


@pytest.mark.parametrize(
    "distribution", [PowersOfTwo(), NumpyInts()], ids=lambda d: type(d).__name__
)
def test_whole_draws_give_only_ints_that_were_drawn(distribution):
    draws = draw(distribution, n=600)
    state = np.random.RandomState(5)
    possible = {int(distribution.rvs(random_state=state)) for _ in range(500)}
    assert {type(value) for value in draws} == {int}
    assert set(draws) == possible


@pytest.mark.parametrize("distribution", [NormalDraws(), PowersOfTwo()], ids=["real", "whole"])
def test_empirical_round_trip(distribution):
    parameter = as_parameter(distribution)
    snapped = parameter.snap(np.linspace(0.0, 1.0, 101))
    back = parameter.to_unit(parameter.from_unit(snapped))
    np.testing.assert_allclose(back, snapped, atol=1e-12)  # one interpolation each way


def test_the_empirical_scale_is_the_same_every_time():
    u = np.linspace(0, 1, 11)
    values = [as_parameter(NormalDraws()).from_unit(u) for _ in range(2)]
    assert values[0] == values[1]


@pytest.mark.parametrize(("distribution", "kind"), [(Layers(), tuple), (Coin(), bool)])
def test_draws_that_are_not_numbers_become_categories_with_a_warning(distribution, kind):
    with pytest.warns(UserWarning, match="does not draw numbers: its first 128 draws are used"):
        parameter = as_parameter(distribution)
    assert isinstance(parameter, Categorical)
    assert {type(value) for value in draw(parameter, n=100)} == {kind}


def test_draws_of_one_value_are_a_constant():
    space = SearchSpace({"x": Stuck()})
    assert space.n_dimensions == 0
    assert space.decode([]) == {"x": 7}


# -------------------------------------------------------------------------------------- errors

FAULTS = [
    (stats.norm(scale=-1), "the distribution has no support"),
    (stats.beta(-1, 2), "the distribution has no support"),
    (stats.uniform(0, -1), "the distribution has no support"),
    (stats.beta, "a distribution must be given its parameters"),
    (stats.binom(4, 0.5, loc=0.5), "must draw whole numbers, but quantile(binom) does not"),
    (stats.rv_discrete(values=([0, 0.5, 1], [0.2, 0.5, 0.3])), "must draw whole numbers"),
    (
        3.0,
        "a parameter must be a Float, Int or Categorical, a list of categories or a distribution",
    ),
    ("abc", "but got 'abc'"),
    ({"a": 1}, "but got {'a': 1}"),
    ({1}, "but got {1}"),
    (np.array(3), "but got array(3)"),
    (list, "but got <class 'list'>"),
    (None, "but got None"),
    ([], "choices must hold at least one value"),
]


@pytest.mark.parametrize(("declared", "message"), FAULTS)
def test_what_is_no_parameter_is_a_fault_of_the_space(declared, message):
    with pytest.raises(SpaceError) as caught:
        SearchSpace({"x": declared})
    assert "x: " in str(caught.value)
    assert message in str(caught.value)
