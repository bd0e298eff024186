"""Importances of parameters, compared with the evaluators of Optuna and with the truth.

    python benchmarks/importance.py --quick
    python benchmarks/importance.py

Each study is of a function whose total Sobol indices are known, or computed with 2^14 points.  All
evaluators see the same trials, of the Bayesian strategy or of random search.  The result is the
rank correlation with the truth, where shares are rounded to 0.01, and the seconds with the model
already learned.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.importance import (
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from scipy.stats import spearmanr

from tuneplug import Float, Study

Array = NDArray[np.float64]
G_WEIGHTS = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0])
LINEAR_WEIGHTS = np.array([8.0, 4.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0])
#: Number of points of the true indices.
N_TRUTH = 1 << 14


def g_function(x: Array) -> Array:
    """Sobol's g function: each weight of 99 is a parameter with next to no effect."""
    return np.asarray(np.prod((abs(4 * x - 2) + G_WEIGHTS) / (1 + G_WEIGHTS), axis=-1))


def ishigami(x: Array) -> Array:
    """The function of Ishigami and Homma; the parameters after the third do nothing."""
    z = (2 * x - 1) * np.pi
    a, b, c = z[..., 0], z[..., 1], z[..., 2]
    return np.asarray(np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a))


def linear(x: Array) -> Array:
    """A linear function with one interaction; four of eight parameters do nothing."""
    return np.asarray(x @ LINEAR_WEIGHTS + 3 * x[..., 0] * x[..., 1])


FUNCTIONS = {"g": (g_function, 8), "ishigami": (ishigami, 6), "linear": (linear, 8)}


def true_shares(f: Callable[[Array], Array], d: int) -> Array:
    """Return the total Sobol indices of a function."""
    rng = np.random.default_rng(0)
    A, B = rng.random((N_TRUTH, d)), rng.random((N_TRUTH, d))
    variance, shares = f(A).var(), np.empty(d)
    for j in range(d):
        mixed = A.copy()
        mixed[:, j] = B[:, j]
        shares[j] = ((f(A) - f(mixed)) ** 2).mean() / (2 * variance)
    return shares


def finished_study(f: Callable[[Array], Array], d: int, strategy: str, seed: int, n: int) -> Study:
    names = [f"x{j}" for j in range(d)]
    space = {name: Float(0.0, 1.0, scaling="linear") for name in names}
    study = Study(space, strategy=strategy, seed=seed)
    study.optimize(lambda trial: float(f(np.array([trial.params[k] for k in names]))), n)
    return study


def in_optuna(study: Study) -> optuna.Study:
    """Return an Optuna study of the same trials."""
    made = optuna.create_study()
    uniform = dict.fromkeys(study.space.names, optuna.distributions.FloatDistribution(0.0, 1.0))
    made.add_trials(
        optuna.trial.create_trial(params=t.params, distributions=uniform, value=t.value)
        for t in study.trials
    )
    return made


def evaluate(study: Study, truth: Array) -> dict[str, tuple[float, float]]:
    """Return the rank correlation and the seconds of each evaluator."""
    model, names = study.learned_model(), study.space.names
    assert model is not None
    model.predict(np.full((1, len(names)), 0.5))  # learn it
    mirrored = in_optuna(study)
    evaluators = {
        "fANOVA": FanovaImportanceEvaluator(seed=0),
        "MDI": MeanDecreaseImpurityImportanceEvaluator(seed=0),
        "PED-ANOVA": PedAnovaImportanceEvaluator(),
    }
    found = {}
    for name in ("tuneplug", *evaluators):
        begun = time.perf_counter()
        if name == "tuneplug":
            shares = {share.parameter: share.total for share in model.importances()}
        else:
            shares = get_param_importances(mirrored, evaluator=evaluators[name])
        seconds = time.perf_counter() - begun
        ranks = spearmanr(np.round([shares[k] for k in names], 2), np.round(truth, 2))
        found[name] = float(ranks.statistic), seconds
    return found


def run(functions: list[str], n_seeds: int, n_trials: int) -> None:
    """Print the mean rank correlation and the median seconds, by strategy and evaluator."""
    results = defaultdict(list)
    for key in functions:
        f, d = FUNCTIONS[key]
        truth = true_shares(f, d)
        for strategy in ("bayesian", "random"):
            for seed in range(n_seeds):
                study = finished_study(f, d, strategy, seed, n_trials)
                for name, result in evaluate(study, truth).items():
                    results[strategy, name].append(result)
    print(f"{'trials of':10} {'evaluator':10} {'rank correlation':>16} {'seconds':>8}")
    for (strategy, name), found in results.items():
        ranks, seconds = zip(*found, strict=True)
        mean, median = statistics.fmean(ranks), statistics.median(seconds)
        print(f"{strategy:10} {name:10} {mean:16.2f} {median:8.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one function, seed and 20 trials")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    if arguments.quick:
        run(["linear"], 1, 20)
    else:
        run(list(FUNCTIONS), 3, 80)
