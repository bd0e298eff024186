"""Where tuning matters
====================

A support vector machine with its defaults hardly learns the diabetes data: its ``C`` is a hundred
times too small for a target of this size.  The script prints the r2 on rows that no search has
seen, for the defaults, random search and ``WarpedBayesSearchCV`` on the same budget and ranges, in
five splits, and draws the first search.  It makes the numbers and the picture of the README.

    python examples/headline.py docs/images
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import load_diabetes
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.svm import SVR

from tuneplug import Float
from tuneplug_matplotlib import ContourDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

RANGES = {"C": (1e-2, 1e4), "gamma": (1e-4, 1e2), "epsilon": (1e-1, 1e2)}


def models(n_iter: int, seed: int) -> dict:
    declared = {name: Float(*ends) for name, ends in RANGES.items()}
    drawn = {name: loguniform(*ends) for name, ends in RANGES.items()}
    return {
        "default parameters": SVR(),
        "random search": RandomizedSearchCV(SVR(), drawn, n_iter=n_iter, random_state=seed),
        "tuneplug": WarpedBayesSearchCV(SVR(), declared, n_iter=n_iter, random_state=seed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("--n-iter", type=int, default=30)
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    scores: dict[str, list[float]] = {}
    for seed in reversed(range(options.splits)):
        X, X_test, y, y_test = train_test_split(*load_diabetes(return_X_y=True), random_state=seed)
        fitted = models(options.n_iter, seed)
        for name, model in fitted.items():
            scores.setdefault(name, []).append(model.fit(X, y).score(X_test, y_test))
    for name, values in scores.items():
        print(f"{name:20}{np.mean(values):.2f}  ({min(values):.2f} to {max(values):.2f})")
    display = ContourDisplay.from_estimator(fitted["tuneplug"], params=("C", "gamma"))
    display.figure_.set_size_inches(5.5, 4)
    display.figure_.savefig(options.folder / "headline.png", dpi=80)


if __name__ == "__main__":
    main()
