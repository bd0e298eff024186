"""What looks say about full losses, and the rates of looks and full trials."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug.surrogate.looks import Outlook, fit_look_noise
from tuneplug.surrogate.output_transform import LossScaling

RNG = np.random.default_rng(0)
FULL = RNG.uniform(0.0, 1.0, 40)
SCALING = LossScaling.from_losses(FULL)


def outlook(mean=0.0, sd=1.0, best=0.0, noise=1e-6):
    one = np.ones((1, 1))
    return Outlook(mean * one, sd**2 * one, np.array([best]), one, noise)


def test_look_noise_is_learned_from_pairs():
    looks = 0.4 + 0.8 * FULL + 0.01 * RNG.standard_normal(40)
    noise = fit_look_noise(1 / 9, looks, np.column_stack([looks, FULL]), SCALING)
    assert np.abs(noise.full_losses(looks) - FULL).max() < 0.1
    unrelated = RNG.permutation(looks)
    worse = fit_look_noise(1 / 9, looks, np.column_stack([unrelated, FULL]), SCALING)
    assert worse.loss_variance > 3.0 * noise.loss_variance


@pytest.mark.parametrize("losses", [[1.0, 1.0, 1.0], [1.0, 2.0, 1e200]])
def test_look_noise_is_finite_without_pairs_and_for_equal_or_huge_losses(losses):
    losses = np.array(losses)
    scaling = LossScaling.from_losses(losses)
    noise = fit_look_noise(1 / 27, losses, np.empty((0, 2)), scaling)
    assert np.isfinite(noise.loss_variance)
    assert noise.loss_variance > 0.0
    assert np.isfinite(noise.full_losses(losses)).all()


def test_less_resource_is_believed_less_without_evidence():
    pairs = np.empty((0, 2))
    variances = [fit_look_noise(s, FULL, pairs, SCALING).variance for s in (1 / 27, 1 / 9, 1 / 3)]
    assert variances == sorted(variances, reverse=True)


def test_rate_of_a_full_trial_is_its_expected_improvement_for_each_unit_of_cost():
    rate = outlook().full_rates(np.array([2.0]))
    assert rate == pytest.approx(1.0 / np.sqrt(2.0 * np.pi) / 2.0)


def test_rate_of_a_look_is_the_price_at_which_it_is_worth_its_cost():
    at, one = outlook(), np.ones(1)
    rate = at.look_rates(0.5, 0.1 * one, one)
    told = 1.0 / (1.5 + 1e-6)
    means = np.sqrt(told) * RNG.standard_normal(200_000)
    again = Outlook(means[:, None], np.full((len(means), 1), 1.0 - told), at.best, one[None], 0.0)
    gains = again.full_rates(np.ones(len(means)))
    assert np.mean(np.maximum(gains - rate, 0.0)) == pytest.approx(0.1 * rate[0], rel=0.05)


def test_look_pays_where_it_is_cheap_and_tells_much():
    at, one = outlook(mean=1.0), np.ones(1)
    full = at.full_rates(one)
    assert at.look_rates(0.1, 0.1 * one, one) > full
    assert at.look_rates(0.1, 0.9 * one, one) < full
    assert at.look_rates(1e6, 0.1 * one, one) < full
    cheap = [at.look_rates(0.1, cost * one, one)[0] for cost in (0.4, 0.2, 0.1)]
    assert cheap == sorted(cheap)
