"""Optuna's pruning callbacks on the cross-validation of XGBoost and LightGBM."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import xgboost
from _boosting_tasks import N_FOLDS, N_ROUNDS, TASKS, Cell, Run, Task, folds

#: Warm-up rounds of Optuna's MedianPruner for each variant; None does not prune.
OPTUNA: dict[str, int | None] = {
    "optuna": None,
    "optuna, median": 0,
    "optuna, median, 20 rounds of grace": 20,
}


class FoldData(NamedTuple):
    """Task and data of a cross-validation."""

    task: Task
    X: Any
    y: Any
    folds: list[Any]

    def n_classes(self, multiclass: str, library: str) -> dict[str, int]:
        """Return ``num_class`` if the library's objective is the multiclass one."""
        several = self.task.objective[library] == multiclass
        return {"num_class": len(np.unique(self.y))} if several else {}


def optuna_run(cell: Cell, configurations: Sequence[dict[str, Any]]) -> Run:
    """Evaluate given configurations with Optuna and its pruner."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = TASKS[cell.task]
    X, y = task.load()
    data = FoldData(task, X, y, folds(task, X, y, cell.seed))
    maximize = task.metric[cell.library] == "auc"
    n_rounds: list[int] = []
    cross_validate = {"xgboost": _xgboost_cv, "lightgbm": _lightgbm_cv}[cell.library]

    def objective(trial: Any) -> float:
        return cross_validate(data, configurations[trial.number], trial, n_rounds)

    study = optuna.create_study(
        direction="maximize" if maximize else "minimize", pruner=_pruner(OPTUNA[cell.variant])
    )
    start = time.perf_counter()
    study.optimize(objective, n_trials=len(configurations))
    seconds = time.perf_counter() - start
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    score = study.best_value if maximize else -study.best_value
    return Run(cell, score, sum(n_rounds) * N_FOLDS, seconds, pruned)


def _pruner(n_warmup_steps: int | None) -> Any:
    from optuna import pruners

    if n_warmup_steps is None:
        return pruners.NopPruner()
    return pruners.MedianPruner(n_warmup_steps=n_warmup_steps)


class _XGBoostCount(xgboost.callback.TrainingCallback):
    """Count the rounds of a training, pruned or not."""

    def __init__(self, n_rounds: list[int]) -> None:
        super().__init__()
        self.n_rounds = n_rounds
        n_rounds.append(0)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self.n_rounds[-1] += 1
        return False


def _xgboost_cv(data: FoldData, configuration: Any, trial: Any, n_rounds: list[int]) -> float:
    from optuna_integration import XGBoostPruningCallback

    metric, objective = data.task.metric["xgboost"], data.task.objective["xgboost"]
    fixed = {"objective": objective, "eval_metric": metric, "nthread": 1, "seed": 0}
    log = xgboost.cv(
        {**fixed, **data.n_classes("multi:softprob", "xgboost"), **configuration},
        xgboost.DMatrix(data.X, data.y),
        N_ROUNDS,
        folds=data.folds,
        callbacks=[_XGBoostCount(n_rounds), XGBoostPruningCallback(trial, f"test-{metric}")],
        as_pandas=False,
    )
    return float(log[f"test-{metric}-mean"][-1])


def _lightgbm_count(n_rounds: list[int]) -> Callable[[Any], None]:
    n_rounds.append(0)

    def count(_: Any) -> None:
        n_rounds[-1] += 1

    count.order = 0  # type: ignore[attr-defined]  # runs before the pruning callback
    return count


def _lightgbm_cv(data: FoldData, configuration: Any, trial: Any, n_rounds: list[int]) -> float:
    from optuna_integration import LightGBMPruningCallback

    metric = data.task.metric["lightgbm"]
    fixed = {"objective": data.task.objective["lightgbm"], "metric": metric, "num_threads": 1}
    fixed |= {"seed": 0, "verbosity": -1, "subsample_freq": 1}
    pruning = LightGBMPruningCallback(trial, metric, valid_name="valid")
    log = lightgbm.cv(
        {**fixed, **data.n_classes("multiclass", "lightgbm"), **configuration},
        lightgbm.Dataset(data.X, data.y),
        N_ROUNDS,
        folds=data.folds,
        callbacks=[_lightgbm_count(n_rounds), pruning],
    )
    return float(log[f"valid {metric}-mean"][-1])
