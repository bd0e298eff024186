"""Cost of a boosting round in our callback and in Optuna's pruning callbacks, in one run.

    python benchmarks/callbacks.py --quick
    python benchmarks/callbacks.py

Each callback trains a small model in turn, several times. The benchmark measures the time within
the callback, round by round. The study holds finished trials with as many reports, all of them
worse, so that every round is compared and none is stopped. Our trial has the median rule; Optuna's
callbacks have its MedianPruner, with storage in memory and in an SQLite file.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost
from threadpoolctl import threadpool_limits

import tuneplug_lightgbm
import tuneplug_xgboost
from tuneplug import Float, Study
from tuneplug.stopping import MedianRule

METRICS = {"xgboost": "valid-logloss", "lightgbm": "valid's binary_logloss"}
#: Loss of the finished trials in every round; all trained models are better.
POOR = 10.0
#: Maximum cost of one round in our callback, in milliseconds.
LIMIT = 0.2

Times = list[float]


# ---------------------------------------------------------------- the libraries


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    return X, (X[:, 0] + rng.normal(size=400) > 0).astype(float)


def train_xgboost(callback: Any, rounds: int) -> Times:
    """Train, and return the seconds spent in the callback, one number a round."""
    X, y = data()
    spent = [0.0] * rounds

    class Timed(xgboost.callback.TrainingCallback):
        def before_training(self, model: Any) -> Any:
            return callback.before_training(model)

        def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            begun = time.perf_counter()
            ends = callback.before_iteration(model, epoch, evals_log)
            spent[epoch] += time.perf_counter() - begun
            return bool(ends)

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            begun = time.perf_counter()
            ends = callback.after_iteration(model, epoch, evals_log)
            spent[epoch] += time.perf_counter() - begun
            return bool(ends)

        def after_training(self, model: Any) -> Any:
            return callback.after_training(model)

    xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "learning_rate": 0.05},
        xgboost.DMatrix(X[:300], y[:300]),
        rounds,
        evals=[(xgboost.DMatrix(X[300:], y[300:]), "valid")],
        callbacks=[Timed()],
        verbose_eval=False,
    )
    return spent


def train_lightgbm(callback: Any, rounds: int) -> Times:
    """Train, and return the seconds spent in the callback, one number a round."""
    X, y = data()
    spent: Times = []

    def timed(env: Any) -> None:
        begun = time.perf_counter()
        callback(env)
        spent.append(time.perf_counter() - begun)

    train = lightgbm.Dataset(X[:300], y[:300])
    lightgbm.train(
        {"objective": "binary", "num_leaves": 7, "num_threads": 1, "verbose": -1},
        train,
        rounds,
        valid_sets=[lightgbm.Dataset(X[300:], y[300:], reference=train)],
        valid_names=["valid"],
        callbacks=[timed],
    )
    return spent


TRAIN = {"xgboost": train_xgboost, "lightgbm": train_lightgbm}


# ---------------------------------------------------------------- the callbacks


def ours(library: str, rounds: int, finished: int) -> Any:
    rule = MedianRule(n_warmup_steps=1, n_min_trials=1, n_startup_trials=0)
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, seed=0)
    for _ in range(finished):
        trial = study.ask()
        trial.set_metric(METRICS[library], "minimize")
        for step in range(rounds):
            trial.report(POOR, step, fold=0)
        study.tell(trial, POOR)
    package = {"xgboost": tuneplug_xgboost, "lightgbm": tuneplug_lightgbm}[library]
    trial = study.ask()
    assert finished == 0 or trial.reporter.stop_thresholds, "each round is compared"
    return package.TrialCallback(trial)


def optunas(library: str, rounds: int, finished: int, storage: Any) -> Any:
    import optuna
    from optuna_integration import LightGBMPruningCallback, XGBoostPruningCallback

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=storage, pruner=optuna.pruners.MedianPruner(0, 0))
    for _ in range(finished):
        study.add_trial(
            optuna.trial.create_trial(
                value=POOR, intermediate_values=dict.fromkeys(range(rounds), POOR)
            )
        )
    trial = study.ask()
    if library == "xgboost":
        return XGBoostPruningCallback(trial, METRICS[library])
    return LightGBMPruningCallback(trial, "binary_logloss", "valid")


@contextmanager
def contenders() -> Iterator[dict[str, Callable[[str, int, int], Any]]]:
    """Yield what makes each callback: (library, rounds, finished trials) -> callback."""
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Callable[[str, int, int], Any]] = {"tuneplug": ours}
        if importlib.util.find_spec("optuna_integration") is None:
            print("optuna-integration is not installed: its callbacks are skipped")
        else:
            number = iter(range(10**6))

            def sqlite(library: str, rounds: int, finished: int) -> Any:
                url = f"sqlite:///{Path(folder) / str(next(number))}.db"
                return optunas(library, rounds, finished, url)

            found["optuna, in memory"] = lambda *arguments: optunas(*arguments, None)
            found["optuna, SQLite"] = sqlite
        yield found


# ---------------------------------------------------------------- the table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds and repetitions")
    parser.add_argument("--rounds", type=int, default=None, help="of each training")
    parser.add_argument("--finished", type=int, default=20, help="trials that the study has seen")
    options = parser.parse_args()
    rounds = options.rounds or (30 if options.quick else 100)
    repeats = 2 if options.quick else 5
    print(f"{rounds} rounds, {options.finished} finished trials, {repeats} trainings each\n")
    print("| library | callback | ms a round, median | mean | 99 % below |")
    print("|---|---|---|---|---|")
    with contenders() as makers, threadpool_limits(1):
        for library, train in TRAIN.items():
            spent: dict[str, Times] = {name: [] for name in makers}
            for _ in range(repeats):
                for (
                    name,
                    make,
                ) in makers.items():  # callbacks take turns, so that load affects all alike
                    spent[name] += train(make(library, rounds, options.finished), rounds)
            for name, seconds in spent.items():
                ms = 1e3 * np.array(seconds)
                row = f"{np.median(ms):.4f} | {ms.mean():.4f} | {np.quantile(ms, 0.99):.4f}"
                print(f"| {library} | {name} | {row} |")
            mean = 1e3 * float(np.mean(spent["tuneplug"]))
            assert mean <= LIMIT, f"a round of ours costs {mean:.3f} ms, more than {LIMIT}"


if __name__ == "__main__":
    main()
