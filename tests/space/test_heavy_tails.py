"""Every discrete distribution costs a bounded number of evaluations, and no value is impossible."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tuneplug import SearchSpace, Study
from tuneplug.space.distributions import as_parameter
from tuneplug.strategies import sample_untried

U = np.concatenate([np.linspace(0.0, 1.0, 101), [1e-17, 1e-12, 1.0 - 1e-12]])
#: Evaluations of pmf, cdf or ppf, counted in values: a table next to three places, and tails.
MAX_EVALUATIONS = 250_000

DISCRETE = [
    stats.zipf(2), stats.zipf(1.1), stats.zipf(4), stats.zipf(2, loc=100), stats.logser(0.9),
    stats.logser(1 - 1e-9), stats.nbinom(5, 0.5), stats.nbinom(0.01, 1e-6), stats.geom(0.2),
    stats.geom(1e-9), stats.poisson(1e6), stats.poisson(1e12), stats.yulesimon(2),
    stats.yulesimon(0.1), stats.skellam(3, 3), stats.betabinom(10, 2, 3),
    stats.betabinom(10**8, 5e5, 5e5), stats.betanbinom(5, 0.5, 3), stats.hypergeom(20, 7, 12),
    stats.hypergeom(10**8, 10**7, 10**6), stats.nhypergeom(20, 7, 3),
    stats.nchypergeom_fisher(140, 80, 60, 0.5), stats.zipfian(1.25, 10),
    stats.zipfian(1.1, 10**9), stats.planck(0.5), stats.dlaplace(0.8), stats.boltzmann(1.4, 19),
    stats.bernoulli(0.3),
]  # fmt: skip
CONTINUOUS = [
    stats.cauchy(), stats.levy(), stats.levy_l(), stats.pareto(1), stats.pareto(0.01),
    stats.pareto(0.001), stats.lomax(0.5), stats.t(1), stats.halfcauchy(), stats.invgamma(0.5),
    stats.burr(0.1, 0.1), stats.loglaplace(0.01), stats.lognorm(100), stats.fisk(0.05),
    stats.invweibull(0.01), stats.genpareto(5), stats.genextreme(-3), stats.gamma(0.01),
    stats.beta(0.01, 0.01), stats.alpha(0.1), stats.wald(), stats.crystalball(2, 3),
    stats.triang(0.3), stats.arcsine(), stats.truncpareto(1, 1e9), stats.vonmises(2),
]  # fmt: skip


def name_of(distribution):
    return f"{distribution.dist.name}{distribution.args}"


class Counting:
    """Counts the values at which the functions of a distribution are evaluated."""

    def __init__(self, distribution):
        self.dist, self.distribution, self.n = distribution.dist, distribution, 0

    def rvs(self, random_state=None):
        return self.distribution.rvs(random_state=random_state)

    def support(self):
        return self.distribution.support()

    def __getattr__(self, name):
        if name not in ("pmf", "logpmf", "cdf", "ppf"):
            raise AttributeError(name)

        def counted(x):
            self.n += np.size(x)
            return getattr(self.distribution, name)(x)

        return counted


@pytest.mark.parametrize("distribution", DISCRETE, ids=name_of)
def test_a_discrete_distribution_takes_a_bounded_number_of_evaluations(distribution):
    counting = Counting(distribution)
    parameter = as_parameter(counting)
    assert parameter.errors() == []
    for _ in range(100):
        parameter.snap(U)
    assert counting.n < MAX_EVALUATIONS


@pytest.mark.parametrize("distribution", DISCRETE, ids=name_of)
def test_discrete_values_are_ints_that_are_found_again(distribution):
    parameter = as_parameter(distribution)
    values = parameter.from_unit(U)
    low, high = distribution.support()
    assert all(type(value) is int and low <= value <= high for value in values)
    assert parameter.from_unit(parameter.snap(U)) == values


SAMPLED = [d for d in DISCRETE if d.dist.name not in ("zipfian", "nchypergeom_fisher", "yulesimon")]


@pytest.mark.parametrize("distribution", SAMPLED, ids=name_of)
def test_heavy_tails_are_drawn_as_scipy_draws_them(distribution):
    drawn = as_parameter(distribution).from_unit(np.random.default_rng(0).random(2000))
    assert stats.ks_2samp(drawn, distribution.rvs(2000, random_state=1)).pvalue > 1e-3


@pytest.mark.parametrize("distribution", CONTINUOUS, ids=name_of)
def test_continuous_values_are_finite_at_every_quantile(distribution):
    parameter = as_parameter(distribution)
    assert parameter.errors() == []
    values = parameter.from_unit(np.sort(U))
    assert all(type(value) is float and math.isfinite(value) for value in values)
    assert np.all(np.diff(values) >= -1e-9 * np.abs(values[1:]))


@pytest.mark.parametrize("strategy", ["random", "bayesian", "grid"])
def test_a_value_that_is_next_to_impossible_is_not_tried(strategy):
    study = Study({"n": stats.poisson(1e6)}, strategy=strategy, seed=0, n_trials=10)
    study.optimize(lambda trial: float(trial.params["n"]), 10)
    assert min(trial.params["n"] for trial in study.trials) > 1e6 - 7e3  # seven deviations


def test_a_model_does_not_try_an_end_without_density():
    study = Study({"x": stats.lognorm(1.0)}, seed=0, n_trials=14)
    study.optimize(lambda trial: trial.params["x"], 14)
    assert min(trial.params["x"] for trial in study.trials) > 1e-3


def test_a_model_tries_the_tail_of_a_short_distribution_last():
    study = Study({"n": stats.logser(0.9)}, seed=0, n_trials=14)
    study.optimize(lambda trial: -float(trial.params["n"]), 14)
    assert max(trial.params["n"] for trial in study.trials) <= stats.logser(0.9).ppf(0.9999)


@pytest.mark.parametrize(
    "other",
    [{}, pytest.param({"kind": ["a", "b"]}, marks=pytest.mark.slow)],
    ids=["alone", "with categories"],
)
def test_once_likely_values_are_tried_the_others_keep_their_proportions(other):
    distribution, n = stats.zipf(4), 400
    space = SearchSpace({"n": distribution, **other})
    tried = [{"n": k, **dict.fromkeys(other, kind)} for k in range(1, 9) for kind in "ab"]
    taken = set(space.keys(np.array([space.locate(params) for params in tried])))
    drawn = [sample_untried(space, taken, np.random.default_rng(i)) for i in range(n)]
    values = np.array([space.decode(point)["n"] for point in drawn])
    for at_most in (10, 20, 100):
        expected = (distribution.cdf(at_most) - distribution.cdf(8)) / distribution.sf(8)
        deviation = np.sqrt(expected * (1 - expected) / n)
        assert np.mean(values <= at_most) == pytest.approx(expected, abs=4 * deviation)


def test_an_unfrozen_distribution_is_an_error_that_shows_the_call():
    with pytest.raises(ValueError, match=r"declare scipy.stats.beta\(a=\.\.\., b=\.\.\.\)"):
        as_parameter(stats.beta)
