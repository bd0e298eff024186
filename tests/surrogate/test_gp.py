"""The Gaussian process against textbook algebra, its limits, and finite differences."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.surrogate.gp import GaussianProcess, Hyperparameters, Layout, _Posterior, fit_map
from tuneplug.surrogate.outputs import standardise
from tuneplug.warping import BOUNDS


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Matrices this small only make the threads of a BLAS wait for each other."""
    with threadpool_limits(1):
        yield


NUMERIC = {"x": Float(0, 1), "n": Int(1, 50), "t": Float(1e-4, 1)}
LABELS = {"c": Categorical(["p", "q", "r"]), "d": Categorical([True, False])}
SPACES = {
    "numeric": SearchSpace(NUMERIC),
    "labels": SearchSpace(LABELS),
    "mixed": SearchSpace({"x": Float(0, 1), **LABELS, "n": Int(1, 50)}),
    "one": SearchSpace({"x": Float(0, 1)}),
    "branches": SearchSpace([NUMERIC, {**LABELS, "x": Float(0, 1)}, {"c": LABELS["c"]}]),
}


def data(space, n=14, seed=0):
    """Rows of which some lie on the very ends of the cube, and targets that depend on them."""
    rng = np.random.default_rng(seed)
    U = rng.random((n, space.n_dimensions))
    U[0], U[1] = 0.0, 1.0
    U[2, ::2], U[3, 1::2] = 0.0, 1.0
    U = space.snap(U)
    y = np.sin(5.0 * U.sum(axis=1)) + U[:, 0] + 0.3 * rng.standard_normal(n)
    return U, (y - y.mean()) / y.std()


def hyperparameters(layout, *, noise=1e-2, seed=0, warped=True):
    rng = np.random.default_rng(seed)
    p, c = len(layout.numeric), len(layout.labels)
    a, b = np.exp(rng.uniform(-1, 1, (2, p))) if warped else np.ones((2, p))
    return Hyperparameters(rng.uniform(0.3, 1.5, p + c), 1.7, noise, 0.4, a, b)


def process(name, *, noise=1e-2, seed=0, n=14):
    space = SPACES[name]
    layout = Layout.of(space)
    return GaussianProcess(layout, hyperparameters(layout, noise=noise), *data(space, n, seed))


@pytest.fixture(params=list(SPACES))
def name(request):
    return request.param


# ------------------------------------------------------------------------------------- layout


def test_layout_tells_numbers_from_labels():
    layout = Layout.of(SPACES["mixed"])
    assert layout.numeric.tolist() == [0, 3]
    assert layout.labels == ((1, 3), (2, 2))
    assert layout.label_of.tolist() == [0, 0, 0, 1, 1]


def test_one_hot_has_one_one_for_each_label():
    space = SPACES["labels"]
    settings = [{"c": c, "d": d} for c in "pqr" for d in (True, False)]
    rows = np.array([space.encode(setting) for setting in settings])
    hot = Layout.of(space).one_hot(rows)
    assert hot[0].tolist() == [1, 0, 0, 1, 0]
    assert hot[5].tolist() == [0, 0, 1, 0, 1]
    assert np.all(hot.sum(axis=1) == 2)


def test_branches_are_a_label_however_many():
    assert Layout.of(SPACES["branches"]).labels[0] == (0, 3)


# ----------------------------------------------------------------------- posterior as on paper


def textbook_kernel(layout, h, u, v):
    """k(u, v), one pair of rows at a time, as the module's notation has it."""
    p, r2 = len(layout.numeric), 0.0
    for i, j in enumerate(layout.numeric):
        warped = [1.0 - (1.0 - row[j] ** h.a[i]) ** h.b[i] for row in (u, v)]
        r2 += ((warped[0] - warped[1]) / h.lengthscales[i]) ** 2
    for i, (j, count) in enumerate(layout.labels):
        if int(u[j] * count) != int(v[j] * count):
            r2 += 1.0 / h.lengthscales[p + i] ** 2
    r = np.sqrt(5.0 * r2)
    return h.amplitude * (1.0 + r + r * r / 3.0) * np.exp(-r)


def test_posterior_equals_direct_computation(name):
    gp = process(name)
    h = gp.hyper
    at = SPACES[name].snap(np.random.default_rng(7).random((6, SPACES[name].n_dimensions)))
    K = np.array([[textbook_kernel(gp.layout, h, u, v) for v in gp.U] for u in gp.U])
    k = np.array([[textbook_kernel(gp.layout, h, u, v) for v in gp.U] for u in at])
    inverse = np.linalg.inv(K + h.noise * np.eye(len(gp.U)))
    mean, variance = gp.predict(at)
    # K's condition number is below 1e4: twelve digits remain
    np.testing.assert_allclose(mean, h.mean + k @ inverse @ (gp.y - h.mean), atol=1e-10)
    expected = h.amplitude - np.einsum("ij,jk,ik->i", k, inverse, k)
    np.testing.assert_allclose(variance, expected, atol=1e-10)


def test_marginal_likelihood_equals_direct_computation(name):
    space = SPACES[name]
    layout, (U, y) = Layout.of(space), data(space)
    posterior = _Posterior(U, y, layout, warping=True)
    theta = theta_near(posterior, seed=1)
    h = posterior.unpack(theta)
    K = np.array([[textbook_kernel(layout, h, u, v) for v in U] for u in U])
    K += h.noise * np.eye(len(U))
    residual = y - h.mean
    value = 0.5 * residual @ np.linalg.solve(K, residual)
    value += 0.5 * np.linalg.slogdet(K)[1] + 0.5 * len(y) * np.log(2 * np.pi)
    value += 0.5 * np.sum(((theta - posterior.mean) / posterior.sd) ** 2)
    assert posterior(theta)[0] == pytest.approx(value, rel=1e-9)


def test_without_noise_the_process_interpolates():
    gp = process("mixed", noise=1e-10)
    mean, variance = gp.predict(gp.U)
    # mean - y = noise alpha, and |alpha| stays below 1e4 here
    np.testing.assert_allclose(mean, gp.y, atol=1e-6)
    assert variance.max() < 1e-8


def test_misfit_falls_with_the_noise():
    misfits = []
    for noise in (1.0, 1e-1, 1e-2, 1e-4, 1e-8):
        gp = process("numeric", noise=noise)
        misfits.append(np.abs(gp.predict(gp.U)[0] - gp.y).max())
    assert misfits == sorted(misfits, reverse=True)
    assert misfits[-1] < 1e-4  # 1e-8 times an alpha of about 1e3


def test_with_infinite_noise_nothing_is_learned():
    gp = process("mixed", noise=1e12)
    mean, variance = gp.predict(gp.U)
    np.testing.assert_allclose(mean, gp.hyper.mean, atol=1e-9)
    np.testing.assert_allclose(variance, gp.hyper.amplitude, rtol=1e-9)


def test_far_from_data_the_posterior_is_the_prior():
    layout = Layout.of(SPACES["one"])
    hyper = Hyperparameters(np.array([0.004]), 1.7, 1e-4, 0.4, np.ones(1), np.ones(1))
    gp = GaussianProcess(layout, hyper, np.array([[0.0], [0.1]]), np.array([5.0, -5.0]))
    mean, variance = gp.predict(np.array([[0.3], [1.0]]))  # 50 lengthscales away: e^-112
    np.testing.assert_allclose(mean, 0.4, rtol=1e-14)
    np.testing.assert_allclose(variance, 1.7, rtol=1e-14)


def test_variance_never_exceeds_the_prior_nor_falls_to_zero(name):
    gp = process(name)
    at = SPACES[name].snap(np.random.default_rng(3).random((200, SPACES[name].n_dimensions)))
    variance = gp.predict(np.vstack([at, gp.U]))[1]
    assert variance.max() <= gp.hyper.amplitude
    assert variance.min() > 0.0


def test_repeated_rows_are_no_trouble_even_without_noise():
    gp = process("mixed")
    hyper = dataclasses.replace(gp.hyper, noise=0.0)
    twice = GaussianProcess(gp.layout, hyper, np.vstack([gp.U, gp.U]), np.concatenate([gp.y, gp.y]))
    # a jitter of 1e-10 to 1e-4 of the amplitude makes it work
    np.testing.assert_allclose(twice.predict(gp.U)[0], gp.y, atol=1e-2)


def test_the_order_of_the_observations_does_not_matter():
    gp = process("mixed")
    order = np.random.default_rng(0).permutation(len(gp.y))
    other = GaussianProcess(gp.layout, gp.hyper, gp.U[order], gp.y[order])
    at = np.random.default_rng(1).random((9, 4))
    np.testing.assert_allclose(other.predict(at), gp.predict(at), atol=1e-10)


# ------------------------------------------------------------------------------------ gradients


def theta_near(posterior, seed):
    """A point inside the bounds, with noise enough for differences to be accurate."""
    rng = np.random.default_rng(seed)
    theta = posterior.mean + 0.4 * posterior.sd * rng.standard_normal(len(posterior.mean))
    scales = posterior.p + len(posterior.layout.labels)
    theta[:scales] = rng.uniform(-1.0, 1.0, scales)
    theta[scales + 1] = np.log(1e-2)
    low, high = np.array(posterior.bounds).T
    return np.clip(theta, low, high)


@pytest.mark.parametrize("warping", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_posterior_gradient_matches_central_differences(name, warping, seed):
    space = SPACES[name]
    posterior = _Posterior(*data(space, seed=seed), Layout.of(space), warping)
    theta, h = theta_near(posterior, seed), 1e-5
    steps = h * np.eye(len(theta))
    numeric = [(posterior(theta + s)[0] - posterior(theta - s)[0]) / (2 * h) for s in steps]
    _, gradient = posterior(theta)
    assert gradient.shape == theta.shape
    # truncation h² times third derivatives of at most 1e3, and the value's rounding over h
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())


def test_where_the_kernel_matrix_fails_there_is_a_wall():
    space = SPACES["one"]
    U = np.repeat([[0.25], [0.75]], 6, axis=0)
    posterior = _Posterior(U, np.arange(12.0), Layout.of(space), warping=False)
    theta = np.array([0.0, 0.0, -90.0, 0.0])  # noise e^-90: repeated rows make K singular
    value, gradient = posterior(theta)
    assert value > 1e20
    assert not gradient.any()


def test_predict_gradients_match_central_differences(name):
    gp, h = process(name), 1e-5
    columns = gp.layout.numeric
    U = SPACES[name].snap(np.random.default_rng(5).random((8, SPACES[name].n_dimensions)))
    U[:, columns] = 0.02 + 0.96 * U[:, columns]
    mean, variance, d_mean, d_variance = gp.predict_gradients(U)
    assert d_mean.shape == d_variance.shape == (8, len(columns))
    np.testing.assert_allclose((mean, variance), gp.predict(U), rtol=1e-12)
    for i, column in enumerate(columns):
        step = h * np.eye(U.shape[1])[column]
        up, down = gp.predict(U + step), gp.predict(U - step)
        # rounding of K⁻¹ over h, and h² times a third derivative of a warp near its ends
        tolerance = {"rtol": 1e-5, "atol": 1e-6}
        np.testing.assert_allclose(d_mean[:, i], (up[0] - down[0]) / (2 * h), **tolerance)
        np.testing.assert_allclose(d_variance[:, i], (up[1] - down[1]) / (2 * h), **tolerance)


def test_predict_gradients_are_finite_at_the_ends():
    gp = process("numeric")
    assert all(np.all(np.isfinite(part)) for part in gp.predict_gradients(gp.U[:5]))


# ------------------------------------------------------------------------------------- believed


def test_believing_the_mean_leaves_it_and_reduces_the_variance(name):
    gp = process(name)
    space = SPACES[name]
    rng = np.random.default_rng(2)
    pending, at = (space.snap(rng.random((n, space.n_dimensions))) for n in (3, 20))
    believed = gp.with_believed(pending)
    # an observation where it was expected moves nothing, anywhere
    np.testing.assert_allclose(believed.predict(pending)[0], gp.predict(pending)[0], atol=1e-9)
    np.testing.assert_allclose(believed.predict(at)[0], gp.predict(at)[0], atol=1e-9)
    assert np.all(believed.predict(pending)[1] < gp.predict(pending)[1])
    assert np.all(believed.predict(at)[1] <= gp.predict(at)[1] + 1e-12)


def test_believing_nothing_changes_nothing():
    gp = process("mixed")
    assert gp.with_believed(np.empty((0, 4))) is gp


def test_believing_keeps_the_observations_first():
    gp = process("mixed")
    believed = gp.with_believed(np.full((1, 4), 0.5))
    np.testing.assert_array_equal(believed.U[:-1], gp.U)
    np.testing.assert_array_equal(believed.y[:-1], gp.y)


# ------------------------------------------------------------------------------------- learning


def fit_curve(f, n=30, *, warping=True):
    U = (np.arange(n)[:, None] + 0.5) / n
    y = f(U[:, 0])
    return fit_map(U, (y - y.mean()) / y.std(), Layout.of(SPACES["one"]), warping=warping)


def log_like(u):
    return np.sin(3.0 * np.log10(u + 1e-3))


def test_a_function_of_the_logarithm_teaches_a_warp_of_the_low_end():
    hyper = fit_curve(log_like).hyper
    assert hyper.a[0] < 0.8


def test_a_function_of_the_reverse_logarithm_teaches_a_warp_of_the_high_end():
    hyper = fit_curve(lambda u: log_like(1.0 - u)).hyper
    assert hyper.b[0] < 0.8


def test_an_evenly_wavy_function_teaches_no_warp():
    hyper = fit_curve(lambda u: np.sin(9.0 * u)).hyper
    assert hyper.a[0] == pytest.approx(1.0, abs=0.25)
    assert hyper.b[0] == pytest.approx(1.0, abs=0.25)


def test_the_warp_predicts_what_lies_between_better():
    at = np.linspace(0.0, 1.0, 501)[:, None]
    truth = log_like(at[:, 0])
    errors = []
    for warping in (True, False):
        gp = fit_curve(log_like, warping=warping)
        y = log_like(gp.U[:, 0])
        errors.append(np.abs(y.mean() + y.std() * gp.predict(at)[0] - truth).mean())
    assert errors[0] < 0.7 * errors[1]


def test_no_warping_leaves_the_shapes_at_one():
    hyper = fit_curve(log_like, warping=False).hyper
    assert hyper.a.tolist() == hyper.b.tolist() == [1.0]


def test_an_irrelevant_column_gets_the_longer_lengthscale():
    U = np.random.default_rng(0).random((40, 2))
    y, _ = standardise(np.sin(6.0 * U[:, 0]))
    space = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
    relevant, irrelevant = fit_map(U, y, Layout.of(space)).hyper.lengthscales
    assert irrelevant > 10 * relevant


def test_noise_is_told_from_signal():
    rng = np.random.default_rng(0)
    U = rng.random((80, 1))
    smooth = np.sin(6.0 * U[:, 0])
    layout = Layout.of(SPACES["one"])
    clean = fit_map(U, standardise(smooth)[0], layout).hyper.noise
    noisy = fit_map(U, standardise(smooth + 0.5 * rng.standard_normal(80))[0], layout).hyper.noise
    assert clean < 1e-3
    # variance 0.25 beside a signal of about 0.5: a third of the whole, give or take a half
    assert 0.16 < noisy < 0.5


@pytest.mark.parametrize("warping", [True, False])
def test_fit_is_deterministic(name, warping):
    space = SPACES[name]
    fits = [fit_map(*data(space), Layout.of(space), warping=warping).hyper for _ in range(2)]
    for field in dataclasses.fields(Hyperparameters):
        first, second = (getattr(hyper, field.name) for hyper in fits)
        np.testing.assert_array_equal(first, second)


def theta_of(hyper, warping):
    parts = [*hyper.lengthscales, hyper.amplitude, hyper.noise]
    shapes = [*hyper.a, *hyper.b] if warping else []
    return np.concatenate([np.log(parts), [hyper.mean], np.log(shapes)])


def starts(posterior):
    near = posterior.mean.copy()
    near[: posterior.p + len(posterior.layout.labels)] = np.log(0.5)
    return near, posterior.mean


@pytest.mark.parametrize("warping", [True, False])
def test_fit_stays_in_bounds_and_improves_on_both_starts(name, warping):
    space = SPACES[name]
    U, y = data(space)
    hyper = fit_map(U, y, Layout.of(space), warping=warping).hyper
    posterior = _Posterior(U, y, Layout.of(space), warping)
    theta = theta_of(hyper, warping)
    low, high = np.array(posterior.bounds).T
    assert np.all((theta >= low - 1e-12) & (theta <= high + 1e-12))
    assert posterior(theta)[0] <= min(posterior(start)[0] for start in starts(posterior))
    assert BOUNDS[0] - 1e-12 <= min([1.0, *hyper.a, *hyper.b])
    assert max([1.0, *hyper.a, *hyper.b]) <= BOUNDS[1] + 1e-12


@pytest.mark.parametrize(("case", "seed", "better"), [("one", 6, 0), ("numeric", 7, 1)])
def test_fit_keeps_the_better_of_its_two_starts(case, seed, better):
    space = SPACES[case]
    U, y = data(space, seed=seed)
    posterior = _Posterior(U, y, Layout.of(space), warping=True)
    options = {"jac": True, "method": "L-BFGS-B", "bounds": posterior.bounds}
    ends = [minimize(posterior, start, **options).fun for start in starts(posterior)]
    assert ends[better] < ends[1 - better] - 0.5
    theta = theta_of(fit_map(U, y, Layout.of(space)).hyper, warping=True)
    # both stop where a step gains a millionth or less
    assert posterior(theta)[0] == pytest.approx(ends[better], abs=1e-2)


@pytest.mark.parametrize(
    ("U", "y"),
    [
        ([[0.0], [1.0]], [-1.0, 1.0]),
        ([[0.3], [0.6], [0.9]], [0.0, 0.0, 0.0]),
        ([[0.5]] * 6, [1.0, -1.0] * 3),
        ([[0.0]] * 3, [0.0] * 3),
    ],
    ids=["two", "flat", "repeated", "one corner"],
)
def test_fit_of_little_or_degenerate_data_is_finite(U, y):
    gp = fit_map(np.array(U), np.array(y), Layout.of(SPACES["one"]))
    mean, variance = gp.predict(np.linspace(0, 1, 11)[:, None])
    assert np.all(np.isfinite(mean))
    assert np.all(variance > 0)


def test_leave_one_out_skill_equals_leaving_each_target_out(name):
    gp = process(name)
    errors = []
    for i in range(len(gp.y)):
        rest = np.arange(len(gp.y)) != i
        others = GaussianProcess(gp.layout, gp.hyper, gp.U[rest], gp.y[rest])
        errors.append((gp.y[i] - others.predict(gp.U[[i]])[0][0], gp.y[i] - gp.y[rest].mean()))
    left_out, by_mean = np.square(errors).sum(axis=0)
    assert gp.leave_one_out_skill() == pytest.approx(1.0 - left_out / by_mean, rel=1e-8)


def test_skill_is_high_on_a_smooth_function_and_absent_on_noise():
    rng = np.random.default_rng(0)
    U = rng.random((25, 1))
    layout = Layout.of(SPACES["one"])
    smooth, noise = np.sin(5.0 * U[:, 0]), rng.standard_normal(25)
    assert fit_map(U, standardise(smooth)[0], layout).leave_one_out_skill() > 0.95
    assert fit_map(U, standardise(noise)[0], layout).leave_one_out_skill() < 0.3


def test_equal_targets_leave_no_skill():
    gp = fit_map(np.array([[0.1], [0.5], [0.9]]), np.zeros(3), Layout.of(SPACES["one"]))
    assert gp.leave_one_out_skill() == 0.0
