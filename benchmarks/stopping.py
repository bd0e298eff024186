"""What ending poor fits early saves: boosting rounds and seconds, at which final score.

    python benchmarks/stopping.py [--quick]

XGBoost and LightGBM on real data, five folds, 200 rounds a fit.  Every variant of random search
tries the same configurations, so that scores differ only where a rule has ended the best of them;
beside ours, Optuna's pruning callbacks with its MedianPruner on the libraries' own cv.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import xgboost
from _report import interval, markdown, provenance
from _searched import BANK, load_bank, rows
from sklearn import datasets
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from tuneplug import Float, Int
from tuneplug_sklearn import WarpedBayesSearchCV

N_ROUNDS, N_FOLDS = 200, 5
HERE = Path(__file__).parent


class Task(NamedTuple):
    """A data set, and what is good on it: the same metric stops and scores."""

    load: Callable[[], tuple[Any, Any]]
    scoring: str
    metric: dict[str, str]
    objective: dict[str, str]


def parity() -> tuple[Any, Any]:
    """Digits: 1000 rows, odd or even."""
    X, y = rows(datasets.load_digits, 1000)
    return X, y % 2


AUC = {"xgboost": "auc", "lightgbm": "auc"}
TWO = {"xgboost": "binary:logistic", "lightgbm": "binary"}
TASKS = {
    "cancer": Task(partial(datasets.load_breast_cancer, return_X_y=True), "roc_auc", AUC, TWO),
    "parity": Task(parity, "roc_auc", AUC, TWO),
    "diabetes": Task(
        partial(datasets.load_diabetes, return_X_y=True),
        "neg_root_mean_squared_error",
        {"xgboost": "rmse", "lightgbm": "rmse"},
        {"xgboost": "reg:squarederror", "lightgbm": "regression"},
    ),
    "wine": Task(
        partial(datasets.load_wine, return_X_y=True),
        "neg_log_loss",
        {"xgboost": "mlogloss", "lightgbm": "multi_logloss"},
        {"xgboost": "multi:softprob", "lightgbm": "multiclass"},
    ),
    "bank": Task(partial(rows, load_bank, 2500), "roc_auc", AUC, TWO),
}
if not BANK.exists():
    del TASKS["bank"]

SHARED = {
    "learning_rate": Float(0.01, 0.5, "log"),
    "subsample": Float(0.5, 1.0),
    "colsample_bytree": Float(0.5, 1.0),
    "reg_alpha": Float(1e-3, 1e2, "log"),
    "reg_lambda": Float(1e-3, 1e2, "log"),
}
SPACES = {
    "xgboost": {**SHARED, "max_depth": Int(2, 10), "min_child_weight": Float(0.1, 30.0, "log")},
    "lightgbm": {**SHARED, "num_leaves": Int(2, 128), "min_child_samples": Int(2, 60)},
}
#: Arguments of our variants; the first of each strategy stops nothing.
OURS: dict[str, dict[str, Any]] = {
    "random": {"strategy": "random"},
    "random, median": {"strategy": "random", "stopping": "median"},
    "random, median, racing": {"strategy": "random", "stopping": "median", "racing": True},
    "random, asha": {"strategy": "random", "stopping": "asha"},
    "bayesian": {},
    "bayesian, median": {"stopping": "median"},
    "bayesian, median, racing": {"stopping": "median", "racing": True},
}
#: Rounds that Optuna's MedianPruner leaves alone; None prunes nothing.
OPTUNA: dict[str, int | None] = {
    "optuna": None,
    "optuna, median": 0,
    "optuna, median, 20 rounds of grace": 20,
}


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    score : float
        Of the best candidate that came to its end; larger is better.
    rounds : int
        Boosting rounds trained, over all folds.
    seconds : float
    stopped : int
        Candidates that were stopped.
    """

    task: str
    library: str
    variant: str
    seed: int
    n_trials: int
    score: float
    rounds: int
    seconds: float
    stopped: int

    @property
    def cell(self) -> tuple[Any, ...]:
        return self.task, self.library, self.variant, self.seed, self.n_trials


def model(task: Task, library: str) -> Any:
    """Return the estimator, on one thread."""
    regression = task.scoring.startswith("neg_root")
    if library == "xgboost":
        cls = xgboost.XGBRegressor if regression else xgboost.XGBClassifier
        more = {"eval_metric": task.metric[library]}
    else:
        cls = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
        more = {"metric": task.metric[library], "subsample_freq": 1, "verbosity": -1}
    return cls(n_estimators=N_ROUNDS, n_jobs=1, random_state=0, **more)


def folds(task: Task, X: Any, y: Any, seed: int) -> list[Any]:
    """Return the folds of a seed."""
    kind = KFold if task.scoring.startswith("neg_root") else StratifiedKFold
    return list(kind(N_FOLDS, shuffle=True, random_state=seed).split(X, y))


def ours(name: str, library: str, variant: str, seed: int, n_trials: int) -> tuple[Run, Any]:
    """Make a run of WarpedBayesSearchCV."""
    task = TASKS[name]
    X, y = task.load()
    search = WarpedBayesSearchCV(
        model(task, library),
        SPACES[library],
        n_iter=n_trials,
        scoring=task.scoring,
        cv=folds(task, X, y, seed),
        refit=False,
        random_state=seed,
        **OURS[variant],
    )
    start = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - start
    trials = search.study_.trials
    rounds = sum(len(trial.reports) for trial in trials)
    stopped = sum(trial.state.value == "stopped" for trial in trials)
    rounds = rounds if "stopping" in OURS[variant] else n_trials * N_FOLDS * N_ROUNDS
    score = float(search.best_score_)
    run = Run(name, library, variant, seed, n_trials, score, rounds, seconds, stopped)
    return run, [trial.params for trial in trials]


def optuna_run(
    name: str, library: str, variant: str, seed: int, configurations: Sequence[dict[str, Any]]
) -> Run:
    """Make a run of Optuna on given configurations."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = TASKS[name]
    X, y = task.load()
    split = folds(task, X, y, seed)
    maximize = task.metric[library] == "auc"
    trained: list[int] = []
    train = partial({"xgboost": _xgboost_cv, "lightgbm": _lightgbm_cv}[library], task, X, y, split)

    def objective(trial: Any) -> float:
        return train(configurations[trial.number], trial, trained)

    grace = OPTUNA[variant]
    pruners = optuna.pruners
    study = optuna.create_study(
        direction="maximize" if maximize else "minimize",
        pruner=pruners.NopPruner() if grace is None else pruners.MedianPruner(n_warmup_steps=grace),
    )
    start = time.perf_counter()
    study.optimize(objective, n_trials=len(configurations))
    seconds = time.perf_counter() - start
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    score = study.best_value if maximize else -study.best_value
    rounds = sum(trained) * N_FOLDS
    return Run(name, library, variant, seed, len(configurations), score, rounds, seconds, pruned)


class _XGBoostCount(xgboost.callback.TrainingCallback):
    """Counts rounds, whatever ends the training."""

    def __init__(self, trained: list[int]) -> None:
        super().__init__()
        self.trained = trained
        trained.append(0)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self.trained[-1] += 1
        return False


def _xgboost_cv(
    task: Task, X: Any, y: Any, split: Any, configuration: Any, trial: Any, trained: list[int]
) -> float:
    from optuna_integration import XGBoostPruningCallback

    metric = task.metric["xgboost"]
    fixed = {"objective": task.objective["xgboost"], "eval_metric": metric, "nthread": 1, "seed": 0}
    if task.objective["xgboost"].startswith("multi"):
        fixed["num_class"] = len(np.unique(y))
    callbacks = [_XGBoostCount(trained), XGBoostPruningCallback(trial, f"test-{metric}")]
    data = xgboost.DMatrix(X, y)
    log = xgboost.cv(
        {**fixed, **configuration},
        data,
        N_ROUNDS,
        folds=split,
        callbacks=callbacks,
        as_pandas=False,
    )
    return float(log[f"test-{metric}-mean"][-1])


def _lightgbm_cv(
    task: Task, X: Any, y: Any, split: Any, configuration: Any, trial: Any, trained: list[int]
) -> float:
    from optuna_integration import LightGBMPruningCallback

    metric = task.metric["lightgbm"]
    fixed = {"objective": task.objective["lightgbm"], "metric": metric, "num_threads": 1}
    fixed |= {"seed": 0, "verbosity": -1, "subsample_freq": 1}
    if task.objective["lightgbm"] == "multiclass":
        fixed["num_class"] = len(np.unique(y))
    trained.append(0)

    def count(_: Any) -> None:
        trained[-1] += 1

    count.order = 0  # type: ignore[attr-defined]  # before the one that ends the training
    pruning = LightGBMPruningCallback(trial, metric, valid_name="valid")
    log = lightgbm.cv(
        {**fixed, **configuration},
        lightgbm.Dataset(X, y),
        N_ROUNDS,
        folds=split,
        callbacks=[count, pruning],
    )
    return float(log[f"valid {metric}-mean"][-1])


# ---------------------------------------------------------------- many runs, and their tables


def read(path: Path) -> dict[tuple[Any, ...], Run]:
    """Return the finished runs in a file."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    runs = [Run(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]
    return {run.cell: run for run in runs}


def make_all(args: argparse.Namespace, path: Path) -> None:
    """Make every run that the file does not hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(args.seeds):
        for name in args.tasks:
            for library in args.libraries:
                configurations = None
                for variant in (*OURS, *OPTUNA):
                    cell = (name, library, variant, seed, args.trials)
                    if cell in read(path):
                        continue
                    if variant in OPTUNA:
                        if configurations is None:
                            configurations = ours(name, library, "random", seed, args.trials)[1]
                        run = optuna_run(name, library, variant, seed, configurations)
                    else:
                        run, tried = ours(name, library, variant, seed, args.trials)
                        configurations = tried if variant == "random" else configurations
                    with path.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(run)) + "\n")
                    print(f"{run.seconds:6.1f} s  {run}", flush=True)


def table(runs: Sequence[Run]) -> str:
    """Return a row a variant: means over tasks, libraries and seeds, beside the same without."""
    known = {run.cell: run for run in runs}
    lines = []
    for variant in (*OURS, *OPTUNA):
        pairs = []
        for run in runs:
            plain = variant.partition(",")[0]
            base = known.get((run.task, run.library, plain, run.seed, run.n_trials))
            if run.variant == variant and base is not None:
                pairs.append((run, base))
        if not pairs:
            continue
        saved = np.array([[1 - run.rounds / base.rounds] for run, base in pairs])
        pace = np.array([run.seconds / base.seconds for run, base in pairs])
        change = np.array([[(run.score - base.score) / abs(base.score)] for run, base in pairs])
        same = np.mean(np.abs(change) < 1e-12)
        low, high = interval(change)
        stopped = np.mean([run.stopped / run.n_trials for run, _ in pairs])
        lines.append(
            [
                variant,
                str(len(pairs)),
                f"{stopped:.0%}",
                f"{saved.mean():.0%}",
                f"{np.exp(np.log(pace).mean()):.2f}",
                f"{100 * change.mean():+.3f} % [{100 * low:+.3f}, {100 * high:+.3f}]",
                f"{same:.0%}",
            ]
        )
    header = ["variant", "runs", "stopped", "rounds saved", "seconds", "score", "same score"]
    return markdown(header, lines)


def by_task(runs: Sequence[Run], variant: str, plain: str) -> str:
    """Return rounds saved and change of score for each task and library."""
    lines = []
    for name in TASKS:
        for library in SPACES:
            mine = [
                (run, base)
                for run in runs
                for base in runs
                if (run.task, run.library, run.variant) == (name, library, variant)
                and (base.task, base.library, base.variant) == (name, library, plain)
                and (run.seed, run.n_trials) == (base.seed, base.n_trials)
            ]
            if mine:
                saved = np.mean([1 - run.rounds / base.rounds for run, base in mine])
                change = np.mean([(run.score - base.score) / abs(base.score) for run, base in mine])
                lines.append([name, library, f"{saved:.0%}", f"{100 * change:+.3f} %"])
    return markdown(["task", "library", "rounds saved", "score"], lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the runs that are missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--libraries", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "stopping")
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one seed, 15 trials, two tasks")
    args = parser.parse_args(argv)
    if args.quick:
        args.seeds, args.trials, args.tasks = 1, 15, ["cancer", "diabetes"]
    path = args.out / "runs.jsonl"
    if not args.report_only:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            make_all(args, path)
    runs = [run for run in read(path).values() if run.n_trials == args.trials]
    text = "\n\n".join([provenance(), table(runs), by_task(runs, "random, median", "random")])
    (args.out / "tables.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    sys.exit(main())
