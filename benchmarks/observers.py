"""Cost per trial of observers and of a storage, compared with a bare study.

    python benchmarks/observers.py --quick
    python benchmarks/observers.py
    python benchmarks/observers.py --server http://127.0.0.1:5000

The same study runs bare, with each observer, and with a SQLite storage in turn, several times.
Random search, five parameters and an objective that only reports leave the study and its observer
as the only cost. MLflow and the mirror of tuneplug_optuna write to new SQLite files; with
``--server``, MLflow also writes to a tracking server. rich draws on a terminal in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from rich.console import Console

from tuneplug import Float, Study, Trial
from tuneplug.plugins import Plugins
from tuneplug.storage import SqliteStorage, Storage
from tuneplug_mlflow import MLflowObserver
from tuneplug_optuna import OptunaMirror
from tuneplug_rich import ProgressBar

Make = Callable[[], Any]


def seconds(make: Make | None, n_trials: int, n_reports: int) -> float:
    """Return the seconds of a study with an observer or in a storage, None for neither."""
    plugins, made = Plugins(installed=False), None if make is None else make()
    kept: dict[str, Any] = {}
    if isinstance(made, Storage):
        kept = {"storage": made, "name": f"study {len(made.studies())}"}
    elif made is not None:
        plugins.register(made)
    space = {f"x{k}": Float(0.0, 1.0) for k in range(5)}
    study = Study(space, strategy="random", seed=0, plugins=plugins, **kept)

    def objective(trial: Trial) -> float:
        for step in range(n_reports):
            trial.report(1.0 / (1 + step), step)
        return float(trial.params["x0"])

    begun = time.perf_counter()
    study.optimize(objective, n_trials)
    return time.perf_counter() - begun


def makers(folder: str, server: str | None) -> dict[str, Make | None]:
    """Return what makes each observer, and the storage."""
    terminal = Console(file=io.StringIO(), force_terminal=True, force_interactive=True, width=120)
    sqlite = f"sqlite:///{folder}/mlflow.db"
    found: dict[str, Make | None] = {
        "bare": None,
        "storage, SQLite": lambda: SqliteStorage(f"{folder}/kept.db"),
        "rich": lambda: ProgressBar(console=terminal),
        "Optuna's storage, SQLite": lambda: OptunaMirror(f"sqlite:///{folder}/optuna.db"),
        "MLflow, SQLite": lambda: MLflowObserver(experiment="observers", tracking_uri=sqlite),
    }
    if server is not None:
        found["MLflow, server"] = lambda: MLflowObserver(
            experiment="observers", tracking_uri=server
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials and repetitions")
    parser.add_argument("--server", help="address of a tracking server to log to as well")
    options = parser.parse_args()
    n_trials, repeats = (20, 2) if options.quick else (100, 5)
    warnings.simplefilter("ignore")  # raised within MLflow
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"milliseconds a trial, median of {repeats} studies of {n_trials} trials")
    print("| observer | no reports | 100 reports a trial |\n| --- | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        observers = makers(folder, options.server)
        for make in observers.values():
            seconds(make, 2, 1)  # imports, tables, connections
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(repeats):
            for name, make in observers.items():
                for n_reports in (0, 100):
                    spent = 1000 * seconds(make, n_trials, n_reports) / n_trials
                    times.setdefault((name, n_reports), []).append(spent)
    for name in observers:
        none, many = (statistics.median(times[name, n_reports]) for n_reports in (0, 100))
        print(f"| {name} | {none:.2f} | {many:.2f} |")


if __name__ == "__main__":
    main()
