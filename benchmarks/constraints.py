"""Best feasible value of constrained functions with known optima, beside Optuna's samplers.

    python benchmarks/constraints.py --seeds 5
    python benchmarks/constraints.py --quick

The regret is that of the best feasible value at the end, in units of the mean regret of random
search on the same task; a run without a feasible trial has the regret of the worst feasible value
that any run of the task has found.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import optuna

from tuneplug import Float, Study

Value = tuple[float, list[float]]


@dataclass(frozen=True)
class Task:
    """A function of the unit cube with constraints, each of which holds if it is at most 0."""

    function: Callable[[np.ndarray], Value]
    d: int
    optimum: float


def gramacy(u: np.ndarray) -> Value:
    """Gramacy et al., "Modeling an Augmented Lagrangian for Blackbox Optimization", 2016."""
    x, y = u
    wave = 1.5 - x - 2.0 * y - 0.5 * math.sin(2.0 * math.pi * (x * x - 2.0 * y))
    return x + y, [wave, x * x + y * y - 1.5]


def gardner(u: np.ndarray) -> Value:
    """Gardner et al., "Bayesian Optimization with Inequality Constraints", 2014, simulation 1."""
    x, y = 6.0 * u
    border = math.cos(x) * math.cos(y) - math.sin(x) * math.sin(y) - 0.5
    return math.cos(2.0 * x) * math.cos(y) + math.sin(x), [border]


def welded_beam(u: np.ndarray) -> Value:
    """Welded beam design (Coello Coello, "Theoretical and Numerical Constraint-handling", 2002)."""
    low, high = np.array([0.125, 0.1, 0.1, 0.1]), np.array([10.0, 10.0, 10.0, 10.0])
    h, length, t, b = low + (high - low) * u
    load, span = 6000.0, 14.0
    moment = load * (span + length / 2.0)
    arm = math.sqrt(length**2 / 4.0 + ((h + t) / 2.0) ** 2)
    inertia = 2.0 * math.sqrt(2.0) * h * length * (length**2 / 12.0 + ((h + t) / 2.0) ** 2)
    primary, secondary = load / (math.sqrt(2.0) * h * length), moment * arm / inertia
    shear = math.sqrt(primary**2 + primary * secondary * length / arm + secondary**2)
    stress = 6.0 * load * span / (b * t**2)
    deflection = 4.0 * load * span**3 / (30e6 * b * t**3)
    buckling = 4.013 * 30e6 * math.sqrt(t**2 * b**6 / 36.0) / span**2
    buckling *= 1.0 - t / (2.0 * span) * math.sqrt(30e6 / (4.0 * 12e6))
    cost = 1.10471 * h**2 * length + 0.04811 * t * b * (14.0 + length)
    return cost, [shear - 13600.0, stress - 30000.0, h - b, deflection - 0.25, load - buckling]


def spring(u: np.ndarray) -> Value:
    """Tension-compression spring design (Coello Coello, 2002)."""
    low, high = np.array([0.05, 0.25, 2.0]), np.array([2.0, 1.3, 15.0])
    d, diameter, n = low + (high - low) * u
    shear = (4.0 * diameter**2 - d * diameter) / (12566.0 * (diameter * d**3 - d**4))
    return (n + 2.0) * diameter * d**2, [
        1.0 - diameter**3 * n / (71785.0 * d**4),
        shear + 1.0 / (5108.0 * d**2) - 1.0,
        1.0 - 140.45 * d / (diameter**2 * n),
        (diameter + d) / 1.5 - 1.0,
    ]


def hartmann6(u: np.ndarray) -> Value:
    """Hartmann-6 in the unit ball (Letham et al., "Constrained Bayesian Optimization", 2019)."""
    A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14]]
    A += [[3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    P = [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991]]
    P += [[2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
    inner = np.sum(np.array(A) * (u - 1e-4 * np.array(P)) ** 2, axis=1)
    value = -float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-inner))
    return value, [float(np.linalg.norm(u)) - 1.0]


TASKS: Mapping[str, Task] = {
    "gramacy": Task(gramacy, 2, 0.5998),
    "gardner": Task(gardner, 2, -2.0),
    "welded beam": Task(welded_beam, 4, 1.7248),
    "spring": Task(spring, 3, 0.012665),
    "hartmann6 in a ball": Task(hartmann6, 6, -3.32237),
}


def _tuneplug(strategy: str) -> Callable[[Task, int, int], list[Value]]:
    def run(task: Task, n: int, seed: int) -> list[Value]:
        study = Study(
            {f"x{i}": Float(0.0, 1.0) for i in range(task.d)}, strategy=strategy, seed=seed
        )
        found = []
        for _ in range(n):
            trial = study.ask()
            found.append(task.function(np.array([*trial.params.values()])))
            study.tell(trial, found[-1][0], constraints=found[-1][1])
        return found

    return run


def _optuna(sampler: type) -> Callable[[Task, int, int], list[Value]]:
    def run(task: Task, n: int, seed: int) -> list[Value]:
        found: list[Value] = []

        def objective(trial: optuna.Trial) -> float:
            point = np.array([trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(task.d)])
            found.append(task.function(point))
            for i, constraint in enumerate(found[-1][1]):
                trial.set_constraint(f"c{i}", constraint)
            return found[-1][0]

        optuna.create_study(sampler=sampler(seed=seed)).optimize(objective, n)
        return found

    return run


OPTIMIZERS = {
    "tuneplug": _tuneplug("bayesian"),
    "Optuna GPSampler": _optuna(optuna.samplers.GPSampler),
    "Optuna TPESampler": _optuna(optuna.samplers.TPESampler),
    "random": _tuneplug("random"),
}


def _best(found: list[Value]) -> float:
    return min((value for value, c in found if max(c) <= 0.0), default=math.inf)


def main() -> None:
    """Run all optimizers and print a table of mean regrets."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--quick", action="store_true", help="one task, one seed, 12 trials")
    args = parser.parse_args()
    if args.quick:
        args.seeds, args.trials, args.tasks = 1, 12, ["gramacy"]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    print(f"| task | {' | '.join(OPTIMIZERS)} |\n|---|{'---:|' * len(OPTIMIZERS)}")
    rows = []
    for name in args.tasks:
        task = TASKS[name]
        runs = {
            optimizer: [run(task, args.trials, seed) for seed in range(args.seeds)]
            for optimizer, run in OPTIMIZERS.items()
        }
        every = [run for of_one in runs.values() for run in of_one]
        worst = max((v for run in every for v, c in run if max(c) <= 0.0), default=math.inf)
        regrets = {
            optimizer: np.mean([min(_best(run), worst) - task.optimum for run in of_one])
            for optimizer, of_one in runs.items()
        }
        rows.append([regrets[optimizer] / regrets["random"] for optimizer in OPTIMIZERS])
        print(f"| {name} | {' | '.join(f'{x:.4f}' for x in rows[-1])} |", flush=True)
    print(f"| mean | {' | '.join(f'{x:.4f}' for x in np.mean(rows, axis=0))} |")


if __name__ == "__main__":
    main()
