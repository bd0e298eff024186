"""Classic test functions with known optima, and two transformations that make them harder.

- *Skewed*: the optimizer receives expm1(8 t), where t is 0 at the optimum and 1 at the 99th
  percentile of the loss at random points. The order of points and the optimum stay the same.
- *Mis-scaled*: every second input acts on a logarithmic scale of three decades, but is declared
  linear.

The regret of both uses the plain function's baseline. Functions whose optimum is in or near the
middle of their usual box are shifted, because optimizers often try the middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from _tasks import Baseline, Configuration, FloatArray, Task

from tuneplug import Float, SearchSpace

Formula = Callable[[FloatArray], FloatArray]

N_RANDOM = 10_000
SKEW = 8.0
SKEW_QUANTILE = 0.99
#: A mis-scaled input lies in [1 / SPAN, 1].
SPAN = 1e3


@dataclass(frozen=True)
class Function:
    """A function of d inputs in a box; ``formula`` maps points, shape (n, d), to values."""

    name: str
    formula: Formula
    low: FloatArray
    high: FloatArray
    argmin: FloatArray
    optimum: float

    @cached_property
    def baseline(self) -> Baseline:
        """The known optimum, and the sorted values of 10 000 random points."""
        points = np.random.default_rng(12345).random((N_RANDOM, len(self.low)))
        values = self.formula(self.low + (self.high - self.low) * points)
        return Baseline(self.optimum, np.sort(values))


def function(
    name: str, formula: Formula, box: tuple[float, float], argmin: list[float], optimum: float = 0.0
) -> Function:
    """Return a function on a cube."""
    d = len(argmin)
    return Function(
        name, formula, np.full(d, box[0]), np.full(d, box[1]), np.array(argmin), optimum
    )


def shifted(
    name: str, formula: Formula, box: tuple[float, float], argmin: list[float], optimum: float = 0.0
) -> Function:
    """Return a function on a cube, its optimum moved to another place in every input."""
    golden = 0.6180339887498949
    place = 0.2 + 0.6 * (golden * np.arange(1, len(argmin) + 1) % 1.0)
    moved = box[0] + (box[1] - box[0]) * place
    by = moved - np.array(argmin)
    return function(name, lambda X: formula(X - by), box, moved.tolist(), optimum)


# ---------------------------------------------------------------- formulas, as in the literature


def _branin(X: FloatArray) -> FloatArray:
    x, y = X.T
    valley = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return np.asarray(valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)


def _log_goldstein_price(X: FloatArray) -> FloatArray:
    x, y = X.T
    a = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
    b = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
    return np.asarray(np.log1p((x + y + 1) ** 2 * a) + np.log(30 + (2 * x - 3 * y) ** 2 * b))


def _hartmann(A: FloatArray, P: FloatArray) -> Formula:
    weights = np.array([1.0, 1.2, 3.0, 3.2])

    def formula(X: FloatArray) -> FloatArray:
        distance = (A * (X[:, None, :] - P) ** 2).sum(axis=2)
        return np.asarray(-np.exp(-distance) @ weights)

    return formula


def _log_rosenbrock(X: FloatArray) -> FloatArray:
    now, after = X[:, :-1], X[:, 1:]
    return np.asarray(np.log1p((100 * (after - now**2) ** 2 + (1 - now) ** 2).sum(axis=1)))


def _rastrigin(X: FloatArray) -> FloatArray:
    return np.asarray((X**2 - 10 * np.cos(2 * np.pi * X) + 10).sum(axis=1))


def _ackley(X: FloatArray) -> FloatArray:
    bowl = 20 - 20 * np.exp(-0.2 * np.sqrt((X**2).mean(axis=1)))
    return np.asarray(bowl + np.e - np.exp(np.cos(2 * np.pi * X).mean(axis=1)))


def _levy(X: FloatArray) -> FloatArray:
    W = 1 + (X - 1) / 4
    inner, last = W[:, :-1], W[:, -1]
    middle = ((inner - 1) ** 2 * (1 + 10 * np.sin(np.pi * inner + 1) ** 2)).sum(axis=1)
    end = (last - 1) ** 2 * (1 + np.sin(2 * np.pi * last) ** 2)
    return np.asarray(np.sin(np.pi * W[:, 0]) ** 2 + middle + end)


def _styblinski_tang(X: FloatArray) -> FloatArray:
    return np.asarray((X**4 - 16 * X**2 + 5 * X).sum(axis=1) / 2)


_A3 = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
_P3 = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)
_A6 = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def levy(d: int) -> Function:
    """Return Lévy's function in d dimensions: a wavy valley."""
    return shifted(f"levy-{d}", _levy, (-10, 10), [1.0] * d)


BRANIN = Function(
    "branin",
    _branin,
    np.array([-5.0, 0.0]),
    np.array([10.0, 15.0]),
    np.array([np.pi, 2.275]),
    10 / (8 * np.pi),
)
GOLDSTEIN_PRICE = function(
    "log-goldstein-price", _log_goldstein_price, (-2, 2), [0.0, -1.0], float(np.log(3))
)
HARTMANN_3 = function(
    "hartmann-3",
    _hartmann(_A3, _P3),
    (0, 1),
    [0.11458890, 0.55564889, 0.85254698],
    -3.86277978,
)
HARTMANN_6 = function(
    "hartmann-6",
    _hartmann(_A6, _P6),
    (0, 1),
    [0.20168950, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730053],
    -3.32236801,
)
RASTRIGIN_3 = shifted("rastrigin-3", _rastrigin, (-5.12, 5.12), [0.0] * 3)
ROSENBROCK_4 = function("log-rosenbrock-4", _log_rosenbrock, (-5, 10), [1.0] * 4)
ACKLEY_5 = shifted("ackley-5", _ackley, (-32.768, 32.768), [0.0] * 5)
LEVY_8 = levy(8)
STYBLINSKI_TANG_12 = function(
    "styblinski-tang-12", _styblinski_tang, (-5, 5), [-2.90353403] * 12, 12 * -39.16616570
)

CLASSIC = (
    BRANIN,
    GOLDSTEIN_PRICE,
    HARTMANN_3,
    RASTRIGIN_3,
    ROSENBROCK_4,
    ACKLEY_5,
    HARTMANN_6,
    LEVY_8,
    STYBLINSKI_TANG_12,
)
SKEWED = (BRANIN, HARTMANN_3, ACKLEY_5, HARTMANN_6, LEVY_8)
MISSCALED = (BRANIN, HARTMANN_3, ROSENBROCK_4, HARTMANN_6, LEVY_8)


# ---------------------------------------------------------------- functions as tasks


def _names(d: int) -> list[str]:
    return [f"x{k + 1}" for k in range(d)]


def _at(function: Function, configuration: Configuration) -> float:
    point = np.array([[configuration[name] for name in _names(len(function.low))]])
    return float(function.formula(point)[0])


def classic(function: Function) -> Task:
    """Return the function as it is, in its usual box."""
    box = zip(_names(len(function.low)), function.low, function.high, strict=True)
    space = SearchSpace({name: Float(float(a), float(b), scaling="linear") for name, a, b in box})
    return Task(
        function.name, "classic", space, lambda s: _at(function, s), lambda: function.baseline
    )


def skewed(function: Function) -> Task:
    """Return the function with its losses stretched exponentially."""
    plain = classic(function)
    high = float(np.quantile(function.baseline.random, SKEW_QUANTILE))
    scale = SKEW / (high - function.optimum)

    def loss(configuration: Configuration) -> float:
        # Rounding may give a value slightly below zero at the optimum.
        return float(np.expm1(scale * max(plain.loss(configuration) - function.optimum, 0.0)))

    def rescaled(losses: FloatArray) -> FloatArray:
        return np.asarray(function.optimum + np.log1p(losses) / scale)

    name = f"{function.name}, skewed"
    return Task(name, "skewed", plain.space, loss, plain.baseline, rescaled)


def misscaled(function: Function) -> Task:
    """Return the function with every second input on a log scale that nobody declared."""
    plain = classic(function)
    names = _names(len(function.low))
    wrong = dict(
        zip(names[::2], zip(function.low[::2], function.high[::2], strict=True), strict=True)
    )
    declared = {name: Float(1 / SPAN, 1.0, scaling="linear") for name in wrong}
    space = SearchSpace({**plain.space.subspaces[0], **declared})

    def loss(configuration: Configuration) -> float:
        meant = {
            name: low + (high - low) * (1 + np.log(configuration[name]) / np.log(SPAN))
            for name, (low, high) in wrong.items()
        }
        return plain.loss({**configuration, **meant})

    name = f"{function.name}, mis-scaled"
    return Task(name, "mis-scaled", space, loss, plain.baseline)


def tasks() -> list[Task]:
    """Return all tasks made of functions."""
    return [*map(classic, CLASSIC), *map(skewed, SKEWED), *map(misscaled, MISSCALED)]
