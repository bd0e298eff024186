"""Cost of a trial and of a report in a storage, beside those of Optuna.

    python benchmarks/storages.py --quick
    python benchmarks/storages.py

Each storage in turn keeps a study of random search with a median rule, several times, on the disk
of ``--folder``.  A trial is one ``ask`` and one ``tell``.  The reports are those of one trial, with
``should_stop`` after each, to the end of the ``tell`` that ends the trial, so that all of them are
stored.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tuneplug import Float, Study
from tuneplug.plugins import Plugins

#: Trials before the timed ones, with reports of which the rule takes the median, and their reports.
N_EARLIER, N_EARLIER_REPORTS = 5, 10

#: Starts a trial and returns functions that report a value at a step and that end the trial.
Start = Callable[[], tuple[Callable[[float, int], Any], Callable[[float], Any]]]


def tuneplug_starts(url: str | None) -> Start:
    """Return how a study of tuneplug starts a trial."""
    kept: dict[str, Any] = {} if url is None else {"storage": url, "name": "study"}
    options: dict[str, Any] = {"strategy": "random", "stopping": "median", "seed": 0}
    study = Study({"x": Float(0.0, 1.0)}, plugins=Plugins(installed=False), **options, **kept)

    def start() -> tuple[Callable[[float, int], Any], Callable[[float], Any]]:
        trial = study.ask()

        def report(value: float, step: int) -> bool:
            trial.report(value, step)
            return trial.should_stop()

        return report, lambda value: study.tell(trial, value)

    return start


def optuna_starts(storage: Any) -> Start:
    """Return how a study of Optuna starts a trial."""
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(
        storage=storage, sampler=sampler, pruner=optuna.pruners.MedianPruner()
    )

    def start() -> tuple[Callable[[float, int], Any], Callable[[float], Any]]:
        trial = study.ask()
        trial.suggest_float("x", 0.0, 1.0)

        def report(value: float, step: int) -> bool:
            trial.report(value, step)
            return trial.should_prune()

        return report, lambda value: study.tell(trial, value)

    return start


def makers(folder: str) -> dict[str, Callable[[str], Start]]:
    """Return what makes a study in each storage; its argument tells studies apart."""
    return {
        "tuneplug, in memory": lambda _: tuneplug_starts(None),
        "tuneplug, SQLite": lambda run: tuneplug_starts(f"sqlite:///{folder}/tuneplug{run}.db"),
        "Optuna, in memory": lambda _: optuna_starts(None),
        "Optuna, SQLite": lambda run: optuna_starts(f"sqlite:///{folder}/optuna{run}.db"),
        "Optuna, journal": lambda run: optuna_starts(
            JournalStorage(JournalFileBackend(f"{folder}/optuna{run}.log"))
        ),
    }


def milliseconds(start: Start, n_trials: int, n_reports: int) -> tuple[float, float]:
    """Return the milliseconds of a trial and of all reports of another one."""
    for _ in range(N_EARLIER):
        report, tell = start()
        for step in range(N_EARLIER_REPORTS):
            report(2.0, step)
        tell(2.0)
    begun = time.perf_counter()
    for _ in range(n_trials):
        _, tell = start()
        tell(1.0)
    trial = (time.perf_counter() - begun) / n_trials
    report, tell = start()
    begun = time.perf_counter()
    for step in range(n_reports):
        report(1.0 / (1 + step), step)
    tell(0.0)
    return 1000 * trial, 1000 * (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials and repetitions")
    parser.add_argument("--folder", help="where to put the files, in a folder of their own")
    options = parser.parse_args()
    n_trials, n_reports, repeats = (20, 200, 2) if options.quick else (100, 1000, 3)
    warnings.simplefilter("ignore")  # of experimental features
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = makers(folder)
        for make in found.values():
            milliseconds(make(""), 1, 1)  # imports
        for run in range(repeats):
            for name, make in found.items():
                times.setdefault(name, []).append(milliseconds(make(str(run)), n_trials, n_reports))
    print(f"milliseconds, median of {repeats} studies of {n_trials} trials")
    print(f"| storage | a trial | {n_reports} reports of a trial |\n| --- | ---: | ---: |")
    for name, spent in times.items():
        trial, reports = (statistics.median(each) for each in zip(*spent, strict=True))
        print(f"| {name} | {trial:.2f} | {reports:.0f} |")


if __name__ == "__main__":
    main()
