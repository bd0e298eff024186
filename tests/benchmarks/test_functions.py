"""The functions have the optima they claim, and their harder versions keep them."""

from __future__ import annotations

import functions
import numpy as np
import pytest

from tuneplug import SearchSpace

by_name = pytest.mark.parametrize("function", functions.CLASSIC, ids=lambda f: f.name)


def configurations(space: SearchSpace, n: int):
    return space.sample(n, np.random.default_rng(7))


@by_name
def test_the_optimum_is_attained_at_the_argmin(function):
    assert np.all((function.low < function.argmin) & (function.argmin < function.high))
    assert function.formula(function.argmin[None, :])[0] == pytest.approx(
        function.optimum, abs=1e-6
    )


@by_name
def test_no_point_is_below_the_optimum(function):
    assert len(function.baseline.random) == 10_000
    assert function.baseline.random[0] >= function.optimum - 1e-6
    rng = np.random.default_rng(1)
    width = function.high - function.low
    for scale in (1e-1, 1e-2, 1e-3):
        near = function.argmin + scale * width * rng.normal(size=(2000, len(width)))
        values = function.formula(np.clip(near, function.low, function.high))
        assert values.min() >= function.optimum - 1e-6


@by_name
def test_the_optimum_is_not_in_the_middle(function):
    middle = (function.low + function.high) / 2
    losses = function.formula(np.array([middle, function.argmin]))
    assert function.baseline.regret(losses)[0] > 0.05
    assert function.baseline.regret(losses)[1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("function", functions.SKEWED, ids=lambda f: f.name)
def test_skewing_keeps_the_order_and_the_optimum(function):
    plain, skewed = functions.classic(function), functions.skewed(function)
    tried = configurations(plain.space, 300)
    losses = np.array([plain.loss(s) for s in tried])
    told = np.array([skewed.loss(s) for s in tried])
    assert np.array_equal(np.argsort(losses), np.argsort(told))
    assert np.allclose(skewed.rescaled(told), losses)
    best = {f"x{k + 1}": float(x) for k, x in enumerate(function.argmin)}
    assert skewed.loss(best) == pytest.approx(0, abs=1e-5)
    assert told.min() > skewed.loss(best)


@pytest.mark.parametrize("function", functions.MISSCALED, ids=lambda f: f.name)
def test_misscaling_bends_every_second_input_and_keeps_the_optimum(function):
    task = functions.misscaled(function)
    names = list(task.space.names)
    best = dict(zip(names, function.argmin.tolist(), strict=True))
    for k, name in enumerate(names[::2]):
        place = (function.argmin - function.low) / (function.high - function.low)
        best[name] = float(functions.SPAN ** (place[2 * k] - 1))
    assert task.loss(best) == pytest.approx(function.optimum, abs=1e-6)
    assert min(task.loss(s) for s in configurations(task.space, 300)) > function.optimum


def test_names_of_tasks_are_different():
    names = [task.name for task in functions.tasks()]
    assert len(names) == len(set(names)) >= 18
