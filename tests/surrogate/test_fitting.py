"""Fits recover known functions, and are a pure function of the observations."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.surrogate import fitting
from tuneplug.surrogate.fitting import (
    BURN_IN,
    SLICE_STEPS,
    THIN,
    TrainingData,
    clear_cache,
    fit_surrogate,
    fit_with_transforms,
    refit_size,
    sample_hyperparameters,
)
from tuneplug.surrogate.kernels import ColumnLayout, Hyperparameters
from tuneplug.surrogate.warping import BOUNDS

SETTINGS = settings(deadline=None, derandomize=True)
ONE = ColumnLayout(np.array([0]), ())
SPACES = {
    "one": SearchSpace({"x": Float(0, 1)}),
    "categorical": SearchSpace(
        {"c": Categorical(["p", "q", "r"]), "d": Categorical([True, False])}
    ),
    "mixed": SearchSpace({"x": Float(0, 1), "c": Categorical(["p", "q", "r"]), "n": Int(1, 50)}),
}
spaces = pytest.mark.parametrize("name", list(SPACES))


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _forgetful():
    clear_cache()
    yield
    clear_cache()


def few_draws(monkeypatch):
    """Replace the published number of steps, which takes too long for a test."""
    few = functools.partial(sample_hyperparameters, n=20, burn_in=10, thin=5)
    monkeypatch.setattr(fitting, "sample_hyperparameters", few)


def make_data(name, n, *, seed=0, noisy=False, **options):
    space, rng = SPACES[name], np.random.default_rng(seed)
    U = space.snap(rng.random((n, space.n_dimensions)))
    losses = np.sin(5.0 * U.sum(axis=1)) + U[:, 0] + 0.1 * rng.standard_normal(n)
    variances = rng.uniform(0.0, 0.1, n) if noisy else np.zeros(n)
    return TrainingData(ColumnLayout.from_space(space), U, losses, variances, **options)


def first(data, n):
    return data.take(slice(n))


def predictions(gps, d):
    at = np.random.default_rng(9).random((20, d))
    return [np.array(gp.predict(at)) for gp in gps]


# ----------------------------------------------------------------------------------- checkpoints


@SETTINGS
@given(n=st.integers(0, 10**7))
def test_a_checkpoint_is_near_and_not_ahead(n):
    at = refit_size(n)
    assert n - n / 16 - 1 <= at <= n
    assert refit_size(at) == at
    assert at <= refit_size(n + 1)


def test_every_number_up_to_64_is_a_checkpoint_and_32_of_every_doubling():
    at = {refit_size(n) for n in range(1025)}
    assert sorted(at)[:66] == [*range(65), 66]
    assert at >= {1 << k for k in range(11)}
    for k in range(6, 10):
        assert sum(1 << k <= n < 2 << k for n in at) == 32


# -------------------------------------------------------------------------------- training data


def test_training_data_compare_by_content():
    data, again = make_data("mixed", 9), make_data("mixed", 9)
    assert data == again
    assert hash(data) == hash(again)
    assert first(data, 9) == data
    assert data != "a data"


@pytest.mark.parametrize(
    "change",
    [
        {"U": np.full((9, 3), 0.5)},
        {"losses": np.arange(9.0)},
        {"noise_variances": np.ones(9)},
        {"warping": False},
        {"learn_curvature": False},
        {"inference": "mcmc"},
        {"seed": 1},
        {"layout": ColumnLayout(np.array([0, 1, 2]), ())},
    ],
    ids=lambda change: next(iter(change)),
)
def test_training_data_differ_if_any_field_does(change):
    data = make_data("mixed", 9)
    assert dataclasses.replace(data, **change) != data


@SETTINGS
@given(seed=st.integers(0, 99), n=st.integers(1, 60), most=st.integers(1, 60))
def test_a_subset_is_the_best_quarter_and_a_rest_in_trial_order(seed, n, most):
    rng = np.random.default_rng(seed)
    losses = rng.integers(0, 20, n).astype(float)  # with ties
    numbers = np.arange(n) / n
    subset = TrainingData(ONE, numbers[:, None], losses, numbers).subset(most)
    assert len(subset) == min(n, most)
    kept = np.searchsorted(numbers, subset.U[:, 0])
    assert np.all(np.diff(kept) > 0)  # trial order, and none twice
    np.testing.assert_array_equal(subset.losses, losses[kept])
    np.testing.assert_array_equal(subset.noise_variances, numbers[kept])
    best = np.sort(losses)[: most // 4]
    assert np.sort(subset.losses)[: len(best)].tolist() == best.tolist()


def test_a_subset_changes_slowly():
    data = make_data("one", 200)
    before, after = (set(first(data, n).subset(50).U[:, 0]) for n in (199, 200))
    assert len(before & after) >= 48


# ---------------------------------------------------------------------------------- pure function


@pytest.mark.parametrize(
    ("inference", "last", "some"),
    [("map", 70, (1, 2, 5, 16, 31, 63, 65, 67, 70)), ("mcmc", 66, (1, 31, 65))],
)
def test_a_fit_is_the_same_on_cold_caches(inference, last, some, monkeypatch):
    few_draws(monkeypatch)
    data = make_data("mixed", last, noisy=True, inference=inference)
    warm = {n: predictions(fit_surrogate(first(data, n)), 3) for n in range(1, last + 1)}
    for n in some:
        clear_cache()
        np.testing.assert_array_equal(predictions(fit_surrogate(first(data, n)), 3), warm[n])


def test_a_fit_does_not_depend_on_earlier_fits():
    data = make_data("mixed", 41)
    alone = predictions(fit_surrogate(data), 3)
    clear_cache()
    others = [
        make_data("mixed", 41, seed=1),
        first(make_data("mixed", 70), 70),
        dataclasses.replace(data, losses=-data.losses),
        dataclasses.replace(data, warping=False),
        dataclasses.replace(data, noise_variances=np.ones(41)),
    ]
    for other in others:
        assert not np.array_equal(predictions(fit_surrogate(other), 3), alone)
    np.testing.assert_array_equal(predictions(fit_surrogate(data), 3), alone)


def test_a_repeated_fit_is_cached():
    data = make_data("mixed", 65)
    fit_surrogate(data)
    misses = fitting._fit_map.cache_info().misses
    fit_surrogate(make_data("mixed", 65))
    assert fitting._fit_map.cache_info().misses == misses == 1  # 64 is a cold start


def test_a_cleared_cache_holds_no_fit():
    fit_surrogate(make_data("one", 5))
    clear_cache()
    assert fitting._fit_map.cache_info().currsize == 0
    assert fitting._fit_at_checkpoint.cache_info().currsize == 0


@pytest.mark.parametrize("n", [3, 31, 47, 66])
def test_few_checkpoints_are_refitted_on_cold_caches(n):
    fit_surrogate(make_data("one", n))
    assert 1 <= fitting._fit_map.cache_info().misses <= fitting.COLD_START_EVERY


def test_conditioning_on_later_observations_keeps_the_cached_fit():
    data = make_data("mixed", 67)
    (at_checkpoint,) = fit_surrogate(first(data, 66))
    before = predictions([at_checkpoint], 3)
    fit_surrogate(data)
    np.testing.assert_array_equal(predictions(fit_surrogate(first(data, 66)), 3), before)


@pytest.mark.parametrize("n", [65, 67, 95])
def test_between_checkpoints_hyperparameters_stay_and_all_points_are_observed(n):
    data = make_data("mixed", n)
    (gp,), (before,) = fit_surrogate(data), fit_surrogate(first(data, refit_size(n)))
    for field in dataclasses.fields(Hyperparameters):
        one, other = (getattr(model.hyper, field.name) for model in (gp, before))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(gp.U, data.U)


@spaces
def test_targets_after_the_checkpoint_have_the_units_of_those_before(name):
    """The same losses have the same targets, and the order is kept across the checkpoint."""
    data = make_data(name, 67)
    losses = data.losses.copy()
    losses[66], losses[65] = losses[3], losses.min() - 1.0
    (gp,) = fit_surrogate(dataclasses.replace(data, losses=losses))
    assert gp.y[66] == pytest.approx(gp.y[3], rel=1e-12)
    assert gp.y[65] == gp.y.min()
    np.testing.assert_array_equal(np.argsort(gp.y[:66]), np.argsort(losses[:66]))


def test_known_variances_after_the_checkpoint_have_the_units_of_those_before():
    data = make_data("one", 67)
    losses, variances = data.losses.copy(), np.zeros(67)
    losses[66], variances[[3, 66]] = losses[3], 0.04
    (gp,) = fit_surrogate(dataclasses.replace(data, losses=losses, noise_variances=variances))
    assert gp.noise_variances[66] == pytest.approx(gp.noise_variances[3], rel=1e-12)
    # in units of the targets, at their slope there
    by_loss = dataclasses.replace(data, losses=losses, noise_variances=variances)
    (moved,) = fit_surrogate(
        dataclasses.replace(by_loss, losses=np.append(losses[:66], losses[3] + 1e-6))
    )
    slope = (moved.y[66] - gp.y[66]) / 1e-6
    assert gp.noise_variances[66] == pytest.approx(
        0.04 * slope**2, rel=1e-4
    )  # second order in 1e-6


# ---------------------------------------------------------------------------- fitted quantities


def curve_data(f, n=30, **options):
    u = (np.random.default_rng(0).permutation(n) + 0.5) / n
    return TrainingData(ONE, u[:, None], f(u), np.zeros(n), **options)


def learn_curve(f, n=30, **options):
    return fit_surrogate(curve_data(f, n, **options))[0]


def log_like(u):
    return np.sin(3.0 * np.log10(u + 1e-3))


def test_a_function_of_the_logarithm_has_a_warp_of_the_low_end():
    assert learn_curve(log_like).hyper.a[0] < 0.8


def test_a_function_of_the_reverse_logarithm_has_a_warp_of_the_high_end():
    assert learn_curve(lambda u: log_like(1.0 - u)).hyper.b[0] < 0.8


def test_a_sine_has_no_warp():
    hyper = learn_curve(lambda u: np.sin(9.0 * u)).hyper
    assert hyper.a[0] == pytest.approx(1.0, abs=0.25)
    assert hyper.b[0] == pytest.approx(1.0, abs=0.25)


def test_the_warp_improves_predictions_between_observations():
    at = np.linspace(0.0, 1.0, 501)[:, None]
    errors = []
    for warping in (True, False):
        data = curve_data(log_like, warping=warping, learn_curvature=False)
        (gp,) = fit_surrogate(data)
        # Without curvature, targets are an affine function of losses.
        scale, shift = np.polyfit(gp.y, data.losses, 1)
        errors.append(np.abs(shift + scale * gp.predict(at)[0] - log_like(at[:, 0])).mean())
    assert errors[0] < 0.7 * errors[1]


def test_without_warping_the_shapes_are_one():
    hyper = learn_curve(log_like, warping=False).hyper
    assert hyper.a.tolist() == hyper.b.tolist() == [1.0]


def test_without_curvature_losses_are_standardized_only():
    data = make_data("one", 31, learn_curvature=False)
    (gp,) = fit_surrogate(data)
    assert gp.hyper.curvature == 0.0
    expected = (data.losses - data.losses.mean()) / data.losses.std()
    np.testing.assert_allclose(gp.y, expected, atol=1e-12)  # no loss lies above clip_start


def test_an_irrelevant_column_gets_the_longer_lengthscale():
    U = np.random.default_rng(0).random((40, 2))
    data = TrainingData(ColumnLayout(np.array([0, 1]), ()), U, np.sin(6.0 * U[:, 0]), np.zeros(40))
    relevant, irrelevant = fit_surrogate(data)[0].hyper.lengthscales
    assert irrelevant > 3 * relevant


def test_an_irrelevant_categorical_column_gets_the_longer_lengthscale():
    space = SPACES["categorical"]
    U = space.snap(np.random.default_rng(0).random((40, 2)))
    losses = np.floor(3 * U[:, 0]) + 0.01 * np.random.default_rng(1).standard_normal(40)
    (gp,) = fit_surrogate(TrainingData(ColumnLayout.from_space(space), U, losses, np.zeros(40)))
    relevant, irrelevant = gp.hyper.lengthscales
    assert irrelevant > 1.5 * relevant


def test_noise_is_separated_from_signal():
    rng = np.random.default_rng(0)
    U = rng.random((80, 1))
    smooth = np.sin(6.0 * U[:, 0])
    noisy = smooth + 0.5 * rng.standard_normal(80)
    noises = [
        fit_surrogate(TrainingData(ONE, U, losses, np.zeros(80), learn_curvature=False))[
            0
        ].hyper.noise
        for losses in (smooth, noisy)
    ]
    assert noises[0] < 1e-3
    # variance 0.25 beside a signal of about 0.5: a third of the whole, give or take a half
    assert 0.16 < noises[1] < 0.5


def test_known_noise_is_not_learned_again():
    rng = np.random.default_rng(0)
    U = rng.random((80, 1))
    noisy = np.sin(6.0 * U[:, 0]) + 0.5 * rng.standard_normal(80)
    learned, noisy = (
        fit_surrogate(TrainingData(ONE, U, noisy, np.full(80, variance), learn_curvature=False))[
            0
        ].hyper.noise
        for variance in (0.0, 0.25)
    )
    assert noisy < 0.2 * learned


def test_exponentially_skewed_losses_have_a_larger_curvature():
    def f(u):
        return np.sin(5.0 * u) ** 2

    plain, skewed = (learn_curve(g).hyper.curvature for g in (f, lambda u: np.expm1(6.0 * f(u))))
    assert skewed > 3 * plain


def test_the_curvature_improves_predictions_of_skewed_losses():
    at = np.linspace(0.01, 0.99, 400)
    ranks = []
    for learn_curvature in (True, False):
        gp = learn_curve(
            lambda u: np.expm1(9.0 * np.sin(5.0 * u) ** 2), n=16, learn_curvature=learn_curvature
        )
        mean = gp.predict(at[:, None])[0]
        order = np.argsort(np.argsort(mean)), np.argsort(np.argsort(np.sin(5.0 * at) ** 2))
        ranks.append(np.corrcoef(*order)[0, 1])
    assert ranks[0] > ranks[1]


def test_a_smooth_function_is_predicted_and_noise_is_not():
    rng = np.random.default_rng(0)
    U, at = rng.random((25, 1)), rng.random((200, 1))
    smooth, noise = (
        fit_surrogate(TrainingData(ONE, U, losses, np.zeros(25)))[0].predict(at)[0]
        for losses in (np.sin(5.0 * U[:, 0]), rng.standard_normal(25))
    )
    assert np.corrcoef(smooth, np.sin(5.0 * at[:, 0]))[0, 1] > 0.95
    assert noise.std() < 0.5 * smooth.std()


def test_the_smallest_loss_has_the_smallest_target():
    data = make_data("mixed", 31)
    assert np.argmin(fit_surrogate(data)[0].y) == np.argmin(data.losses)


def test_an_outlier_does_not_spoil_the_fit_of_the_rest():
    data = curve_data(lambda u: np.sin(5.0 * u))
    losses = data.losses.copy()
    losses[7] = 1e30
    (gp,) = fit_surrogate(dataclasses.replace(data, losses=losses))
    rest = np.arange(30) != 7
    assert np.corrcoef(gp.posterior_mean_at_data()[rest], data.losses[rest])[0, 1] > 0.9


@pytest.mark.parametrize("size", [1e-200, 1e-100, 1e100])
def test_losses_may_be_of_any_size(size):
    data = make_data("one", 35, noisy=True)
    one = predictions(fit_surrogate(data), 1)
    other = dataclasses.replace(
        data, losses=size * data.losses, noise_variances=size * (size * data.noise_variances)
    )
    # L-BFGS makes something of roundings; at 1e-200 the variances are too small for a number
    if size == 1e-200:
        one = predictions(fit_surrogate(dataclasses.replace(data, noise_variances=np.zeros(35))), 1)
    np.testing.assert_allclose(predictions(fit_surrogate(other), 1), one, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("inference", ["map", "mcmc"])
@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_equal_losses_can_be_fitted(n, inference):
    data = dataclasses.replace(make_data("mixed", n, inference=inference), losses=np.ones(n))
    for mean, variance in predictions(fit_surrogate(data), 3):
        assert np.all(np.abs(mean) < 1.0)
        assert np.all(variance > 0.0)


@spaces
@pytest.mark.parametrize("warping", [True, False])
@pytest.mark.parametrize("learn_curvature", [True, False])
def test_fitted_hyperparameters_lie_in_their_bounds(name, warping, learn_curvature):
    hyper = fit_surrogate(make_data(name, 14, warping=warping, learn_curvature=learn_curvature))[
        0
    ].hyper
    assert np.all(hyper.lengthscales > 0)
    assert min([1.0, *hyper.a, *hyper.b]) >= BOUNDS[0] * (1 - 1e-12)
    assert max([1.0, *hyper.a, *hyper.b]) <= BOUNDS[1] * (1 + 1e-12)
    assert (hyper.curvature > 0.0) == learn_curvature


def test_a_known_variance_widens_the_posterior_at_its_point():
    data = curve_data(lambda u: np.sin(5.0 * u))
    variances = np.zeros(30)
    variances[4] = 1.0
    noisy = dataclasses.replace(data, noise_variances=variances)
    there = data.U[[4]]
    (exact,), (loose,) = fit_surrogate(data), fit_surrogate(noisy)
    assert loose.predict(there)[1] > 2.0 * exact.predict(there)[1]
    assert loose.noise_variances[4] > 0.0
    assert not np.delete(loose.noise_variances, 4).any()


# ------------------------------------------------------------------------------ slice sampling


def test_there_is_one_process_per_sample():
    data = make_data("mixed", 12, inference="mcmc")
    gps = fit_surrogate(data)
    assert len(gps) == (SLICE_STEPS - BURN_IN) / THIN
    scales = {gp.hyper.lengthscales.tobytes() for gp in gps}
    assert len(scales) == len(gps)
    assert all(np.array_equal(gp.U, data.U) for gp in gps)


def test_targets_of_a_sample_have_its_own_curvature():
    gps = fit_surrogate(make_data("mixed", 12, inference="mcmc"))
    skews = [float(np.mean(gp.y**3)) for gp in gps]
    curvatures = [gp.hyper.curvature for gp in gps]
    # the more the bad end gives way, the more the targets lean to the good one
    assert np.argsort(skews).tolist() == np.argsort(curvatures)[::-1].tolist()


def test_samples_depend_on_the_seed():
    one, again, other = (
        make_data("mixed", 34, inference="mcmc", seed=0),
        make_data("mixed", 34, inference="mcmc", seed=0),
        dataclasses.replace(make_data("mixed", 34, inference="mcmc"), seed=1),
    )
    drawn = predictions(fit_surrogate(one), 3)
    clear_cache()
    np.testing.assert_array_equal(predictions(fit_surrogate(again), 3), drawn)
    assert not np.array_equal(predictions(fit_surrogate(other), 3), drawn)


def test_the_most_probable_process_does_not_depend_on_the_seed():
    data = make_data("mixed", 34)
    other = dataclasses.replace(data, seed=1)
    np.testing.assert_array_equal(
        predictions(fit_surrogate(other), 3), predictions(fit_surrogate(data), 3)
    )


def test_hyperparameters_can_be_sampled_alone():
    data = make_data("mixed", 12)
    drawn = sample_hyperparameters(data, n=12, burn_in=2, thin=5)
    assert len(drawn) == 2
    again = sample_hyperparameters(data, n=12, burn_in=2, thin=5)
    assert [hyper.noise for hyper in drawn] == [hyper.noise for hyper in again]


# -------------------------------------------------------------------------- large histories


@pytest.mark.parametrize("inference", ["map", "mcmc"])
@pytest.mark.parametrize("n", [29, 44, 45, 71])
def test_large_histories_are_thinned(n, inference, monkeypatch):
    monkeypatch.setattr(fitting, "MAX_FIT", 20)
    monkeypatch.setattr(fitting, "MAX_CONDITION", 30)
    few_draws(monkeypatch)
    data = make_data("mixed", n, inference=inference)
    at = refit_size(n)
    for gp in fit_surrogate(data):
        assert len(gp.U) == min(at, 30) + n - at
        np.testing.assert_array_equal(gp.U[len(gp.U) - (n - at) :], data.U[at:])
        best = data.U[np.argmin(data.losses[:at])]
        assert (best == gp.U).all(axis=1).any()


def test_a_fit_to_thinned_data_is_a_pure_function(monkeypatch):
    monkeypatch.setattr(fitting, "MAX_FIT", 20)
    monkeypatch.setattr(fitting, "MAX_CONDITION", 30)
    data = make_data("mixed", 71, noisy=True)
    warm = {n: predictions(fit_surrogate(first(data, n)), 3) for n in range(1, 72)}
    for n in (39, 71):
        clear_cache()
        np.testing.assert_array_equal(predictions(fit_surrogate(first(data, n)), 3), warm[n])


def test_targets_of_thinned_data_are_in_order_across_the_checkpoint(monkeypatch):
    monkeypatch.setattr(fitting, "MAX_FIT", 10)
    monkeypatch.setattr(fitting, "MAX_CONDITION", 20)
    data = make_data("one", 67)
    (gp,) = fit_surrogate(data)
    loss_of = dict(zip(data.U[:, 0], data.losses, strict=True))
    losses = np.array([loss_of[u] for u in gp.U[:, 0]])
    np.testing.assert_array_equal(np.argsort(gp.y), np.argsort(losses))


def test_fifty_dimensions():
    U = np.random.default_rng(0).random((60, 50))
    losses = ((U[:, :3] - 0.4) ** 2).sum(axis=1)
    layout = ColumnLayout(np.arange(50), ())
    (gp,) = fit_surrogate(TrainingData(layout, U, losses, np.zeros(60)))
    assert gp.hyper.lengthscales.shape == (50,)
    at = np.random.default_rng(1).random((200, 50))
    mean, variance = gp.predict(at)
    assert np.all(np.isfinite(mean) & np.isfinite(variance))
    assert np.corrcoef(mean, ((at[:, :3] - 0.4) ** 2).sum(axis=1))[0, 1] > 0.2


def test_without_robust_scaling_targets_are_standardized_losses():
    rng = np.random.default_rng(0)
    U, losses = rng.random((12, 1)), np.append(rng.random(11), 1e6)
    data = TrainingData(
        ONE,
        U,
        losses,
        np.zeros(12),
        warping=False,
        learn_curvature=False,
        robust=False,
    )
    ((gp, transform),) = fit_with_transforms(data)
    np.testing.assert_allclose(gp.y, (losses - losses.mean()) / losses.std())
    np.testing.assert_allclose(transform.mean + transform.sd * gp.y, losses, rtol=1e-9)
