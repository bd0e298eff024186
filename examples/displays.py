"""Every display of docs/displays.md
=================================

Draw every display of ``docs/displays.md`` into a folder.

    python examples/displays.py docs/images

Two searches are drawn: one of ``WarpedBayesSearchCV`` on a data set of scikit-learn, and one of
``Study`` whose objective reports its steps to a stopping rule.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Categorical, Float, Int, Study
from tuneplug_matplotlib import (
    BestSoFarDisplay,
    ComparisonDisplay,
    ContourDisplay,
    FoldScoresDisplay,
    ImportanceDisplay,
    LearnedWarpsDisplay,
    LearningCurvesDisplay,
    ParallelCoordinatesDisplay,
    SliceDisplay,
    TimelineDisplay,
    TriedConfigurationsDisplay,
)
from tuneplug_sklearn import WarpedBayesSearchCV

SEARCH_SPACE = {
    "svc__C": Float(1e-3, 1e3),
    "svc__gamma": Float(1e-6, 1e1),
    "svc__kernel": Categorical(["rbf", "poly", "linear"]),
    "svc__degree": Int(2, 5, when={"svc__kernel": ["poly"]}),
    "svc__class_weight": Categorical([None, "balanced"]),
}
STUDY_SPACE = {
    "learning_rate": Float(1e-4, 1.0),
    "depth": Int(1, 12),
    "dropout": Float(0.0, 0.8),
    "optimizer": Categorical(["sgd", "adam"]),
}
STEPS = 30


def train(trial: Any) -> float:
    """Return the loss of a training that is made up: it improves at the speed of the rate."""
    params = trial.params
    distance = math.log10(params["learning_rate"]) + 2.0
    final = 0.2 + 0.08 * distance**2 + 0.004 * (params["depth"] - 6) ** 2
    final += 0.3 * max(params["dropout"] - 0.5, 0.0) + 0.03 * (params["optimizer"] == "sgd")
    if params["learning_rate"] > 0.5:
        raise FloatingPointError("the loss is not finite")
    loss = final
    for step in range(STEPS):
        time.sleep(0.002 + 0.001 * params["depth"])
        loss = final + 0.8 * math.exp(-step / (4.0 + params["depth"]))
        trial.report(loss, step)
        if trial.should_stop():
            break
    return loss


def fitted_search() -> WarpedBayesSearchCV:
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), SVC())
    search = WarpedBayesSearchCV(model, SEARCH_SPACE, n_iter=30, cv=5, random_state=0)
    return search.fit(X, y)


def finished_study(strategy: str = "bayesian", seed: int = 0, **options: Any) -> Study:
    study = Study(STUDY_SPACE, strategy=strategy, seed=seed, **options)
    study.optimize(train, 40, n_jobs=4)
    return study


def draw(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    search, study = fitted_search(), finished_study(stopping="asha")
    runs = {
        name: [finished_study(name, seed) for seed in range(5)] for name in ("bayesian", "random")
    }
    displays = {
        "best_so_far": BestSoFarDisplay.from_study(study),
        "tried_configurations": TriedConfigurationsDisplay.from_estimator(search),
        "parallel_coordinates": ParallelCoordinatesDisplay.from_estimator(search),
        "learned_warps": LearnedWarpsDisplay.from_study(study),
        "fold_scores": FoldScoresDisplay.from_estimator(search),
        "importance": ImportanceDisplay.from_study(study),
        "slices": SliceDisplay.from_study(study),
        "contour": ContourDisplay.from_study(study),
        "learning_curves": LearningCurvesDisplay.from_study(study),
        "timeline": TimelineDisplay.from_study(study),
        "comparison": ComparisonDisplay.from_studies(runs),
    }
    for name, display in displays.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=70)
        print(folder / f"{name}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("displays"))
    draw(parser.parse_args().folder)
