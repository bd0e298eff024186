"""Boosting rounds and seconds that stopping rules save, and the score that they cost.

    python benchmarks/stopping.py [--quick]

XGBoost and LightGBM on real data, five folds, 200 rounds per fit. All variants of random search try
the same configurations, so that their scores differ only if a rule stops the best one. Optuna's
pruning callbacks with its MedianPruner run on the libraries' own ``cv`` for comparison.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _boosting_tasks import N_FOLDS, N_ROUNDS, SPACES, TASKS, Cell, Run, folds, model
from _log import ResultLog
from _optuna_pruning import OPTUNA, optuna_run
from _report import interval, markdown, provenance
from _search_classes import installed
from threadpoolctl import threadpool_limits

from tuneplug_sklearn import WarpedBayesSearchCV

RESULTS = Path(__file__).parent / "results" / "stopping"
#: Arguments of tuneplug's variants; the first of each strategy does not stop fits.
TUNEPLUG: dict[str, dict[str, Any]] = {
    "random": {"strategy": "random"},
    "random, median": {"strategy": "random", "stopping": "median"},
    "random, median, racing": {"strategy": "random", "stopping": "median", "racing": True},
    "random, asha": {"strategy": "random", "stopping": "asha"},
    "bayesian": {},
    "bayesian, median": {"stopping": "median"},
    "bayesian, median, racing": {"stopping": "median", "racing": True},
}
VARIANTS = (*TUNEPLUG, *OPTUNA)
#: A run and the run of the same cell without stopping.
Pair = tuple[Run, Run]


# ---------------------------------------------------------------- runs


def tuneplug_run(cell: Cell) -> tuple[Run, list[dict[str, Any]]]:
    """Run ``WarpedBayesSearchCV``; return the run and the configurations of its trials."""
    task = TASKS[cell.task]
    X, y = task.load()
    search = WarpedBayesSearchCV(
        model(task, cell.library),
        SPACES[cell.library],
        n_iter=cell.n_trials,
        scoring=task.scoring,
        cv=folds(task, X, y, cell.seed),
        refit=False,
        random_state=cell.seed,
        **TUNEPLUG[cell.variant],
    )
    start = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - start
    trials = search.study_.trials
    rounds = cell.n_trials * N_FOLDS * N_ROUNDS
    if "stopping" in TUNEPLUG[cell.variant]:
        rounds = sum(len(trial.reports) for trial in trials)
    stopped = sum(trial.state.value == "stopped" for trial in trials)
    run = Run(cell, float(search.best_score_), rounds, seconds, stopped)
    return run, [trial.params for trial in trials]


def make_cells(args: argparse.Namespace) -> list[Cell]:
    """Return the cells of the command line; variants take turns."""
    variants = VARIANTS
    if not installed("optuna-integration"):
        print("skipped: optuna: not installed: optuna-integration")
        variants = tuple(TUNEPLUG)
    keys = product(range(args.seeds), args.tasks, args.libraries, variants)
    return [
        Cell(task, library, variant, seed, args.trials) for seed, task, library, variant in keys
    ]


def run_all(cells: Sequence[Cell], log: ResultLog[Cell, Run]) -> None:
    """Run every cell that the log lacks.

    Optuna's variants evaluate the configurations of the random search of the same task, library and
    seed.
    """
    tried: dict[Cell, list[dict[str, Any]]] = {}
    for cell in log.resume(cells):
        random = cell._replace(variant="random")
        if cell.variant in OPTUNA:
            if random not in tried:
                tried[random] = tuneplug_run(random)[1]
            run = optuna_run(cell, tried[random])
        else:
            run, tried[cell] = tuneplug_run(cell)
        log.append(run)
        print(f"{run.seconds:6.1f} s  {run}", flush=True)


# ---------------------------------------------------------------- tables


def pairs(runs: Sequence[Run], variant: str) -> list[Pair]:
    """Return the runs of a variant, each with the run of the same cell without stopping."""
    known = {run.cell: run for run in runs}
    plain = variant.partition(",")[0]
    return [
        (run, known[base])
        for run in runs
        if run.cell.variant == variant and (base := run.cell._replace(variant=plain)) in known
    ]


def saved_rounds(pairs: Sequence[Pair]) -> float:
    """Return the mean share of rounds saved."""
    return float(np.mean([1 - run.rounds / base.rounds for run, base in pairs]))


def score_changes(pairs: Sequence[Pair]) -> np.ndarray:
    """Return the relative changes of the score, shape (pairs, 1)."""
    return np.array([[(run.score - base.score) / abs(base.score)] for run, base in pairs])


def _row(variant: str, pairs: Sequence[Pair]) -> list[str]:
    change = score_changes(pairs)
    low, high = interval(change)
    ratio = np.exp(np.mean([np.log(run.seconds / base.seconds) for run, base in pairs]))
    return [
        variant,
        str(len(pairs)),
        f"{np.mean([run.stopped / run.cell.n_trials for run, _ in pairs]):.0%}",
        f"{saved_rounds(pairs):.0%}",
        f"{ratio:.2f}",
        f"{100 * change.mean():+.3f} % [{100 * low:+.3f}, {100 * high:+.3f}]",
        f"{np.mean(np.abs(change) < 1e-12):.0%}",
    ]


def table(runs: Sequence[Run]) -> str:
    """Return one row per variant: means over tasks, libraries and seeds."""
    header = ["variant", "runs", "stopped", "rounds saved", "seconds", "score", "same score"]
    rows = [_row(variant, found) for variant in VARIANTS if (found := pairs(runs, variant))]
    return markdown(header, rows)


def by_task(runs: Sequence[Run], variant: str) -> str:
    """Return rounds saved and change of score for each task and library."""
    rows = []
    for task, library in product(TASKS, SPACES):
        mine = [run for run in runs if run.cell[:2] == (task, library)]
        if found := pairs(mine, variant):
            change = f"{100 * score_changes(found).mean():+.3f} %"
            rows.append([task, library, f"{saved_rounds(found):.0%}", change])
    return markdown(["task", "library", "rounds saved", "score"], rows)


# ---------------------------------------------------------------- the command


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--libraries", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one seed, 15 trials, two tasks")
    args = parser.parse_args(argv)
    if args.quick:
        args.seeds, args.trials, args.tasks = 1, 15, ["cancer", "diabetes"]
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells and print the tables."""
    args = arguments(argv)
    log: ResultLog[Cell, Run] = ResultLog(args.out / "runs.jsonl", Cell, Run)
    if not args.report_only:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            run_all(make_cells(args), log)
    runs = [run for run in log.read().values() if run.cell.n_trials == args.trials]
    text = "\n\n".join([provenance(), table(runs), by_task(runs, "random, median")])
    (args.out / "tables.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    sys.exit(main())
