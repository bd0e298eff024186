"""Bayesian and random search on the digits data
=============================================

Tune a pipeline on real data, and compare with random search on the same budget.

    python examples/quickstart.py

The digits data is part of scikit-learn; nothing is downloaded.  Each replication uses another
training half and another seed, because one run of a search proves nothing.  The script prints a
table and saves a figure: the best score so far of both searches, and the warps that the Bayesian
search has learned.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Categorical, Float, Int
from tuneplug_sklearn import WarpedBayesSearchCV

CV = 4
PIPELINE = Pipeline([("scale", StandardScaler()), ("pca", PCA(random_state=0)), ("svc", SVC())])
SPACE = {
    "pca__n_components": Int(5, 60),
    "pca__whiten": Categorical([True, False]),
    "svc__C": Float(1e-2, 1e4),
    "svc__gamma": Float(1e-6, 1.0),
}
STRATEGIES = ("bayesian", "random")


def replicate(seed: int, n_iter: int, n_jobs: int, verbose: int) -> dict[str, object]:
    """Tune on one half of the data with both strategies, and score on the other half."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    result: dict[str, object] = {
        "default cv": cross_val_score(PIPELINE, X_train, y_train, cv=CV).mean(),
        "default test": PIPELINE.fit(X_train, y_train).score(X_test, y_test),
    }
    for strategy in STRATEGIES:
        start = time.perf_counter()
        search = WarpedBayesSearchCV(
            PIPELINE,
            SPACE,
            n_iter=n_iter,
            cv=CV,
            strategy=strategy,
            random_state=seed,
            n_jobs=n_jobs,
            verbose=verbose,
        ).fit(X_train, y_train)
        seconds = time.perf_counter() - start
        result[strategy] = search
        result[f"{strategy} test"] = search.score(X_test, y_test)
        print(
            f"replication {seed + 1}, {strategy:<8}: best cross-validated accuracy "
            f"{search.best_score_:.4f} after {n_iter} candidates, {seconds:.1f} s"
        )
    return result


def best_so_far(results: list[dict[str, object]], strategy: str) -> np.ndarray:
    """Return the running best score, shape (replications, n_iter)."""
    return np.array(
        [np.maximum.accumulate(r[strategy].cv_results_["mean_test_score"]) for r in results]
    )


def print_table(results: list[dict[str, object]]) -> None:
    n = len(results)
    print(f"\nAccuracy, mean of {n} replication{'s' * (n > 1)}")
    print(f"  {'':<22}{'cross-validated':>16}{'held-out test':>16}")
    rows = [("default parameters", [r["default cv"] for r in results], "default test")]
    rows += [
        (f"tuned, {s} search", best_so_far(results, s)[:, -1], f"{s} test") for s in STRATEGIES
    ]
    for label, scores, test in rows:
        tested = np.mean([r[test] for r in results])
        print(f"  {label:<22}{np.mean(scores):>16.4f}{tested:>16.4f}")
    bayesian, random = (best_so_far(results, s).mean(axis=0) for s in STRATEGIES)
    reached = np.flatnonzero(bayesian >= random[-1])
    if len(reached):
        print(
            f"\nOn average the Bayesian search reached random search's final score after "
            f"{reached[0] + 1} of {len(random)} candidates."
        )
    study = results[0]["bayesian"].study_
    print("\nBest configurations of the first replication, and the scale of each parameter")
    records = {record["parameter"]: record for record in study.explain_scaling()}
    for name, value in study.best_params.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        record = records.get(name)
        scale = f"{record['scaling']:<8}({record['reason']})" if record else "categories"
        print(f"  {name:<20}{shown:<12}{scale}")


def draw(results: list[dict[str, object]], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for strategy, color in zip(STRATEGIES, ("tab:blue", "tab:orange"), strict=True):
        curves = best_so_far(results, strategy)
        steps = np.arange(1, curves.shape[1] + 1)
        for curve in curves:
            left.plot(steps, curve, color=color, alpha=0.25, linewidth=1)
        left.plot(steps, curves.mean(axis=0), color=color, linewidth=2.5, label=strategy)
    default = np.mean([r["default cv"] for r in results])
    left.axhline(default, color="grey", linestyle=":", label="default parameters")
    left.set(xlabel="candidates", ylabel="best accuracy so far", title="Mean of all replications")
    finals = [best_so_far(results, strategy)[:, -1].max() for strategy in STRATEGIES]
    left.set_ylim(
        min(default, best_so_far(results, "random")[:, 4:].min()) - 0.003, max(finals) + 0.003
    )
    left.legend(loc="lower right")
    study = results[0]["bayesian"].study_
    scales = {record["parameter"]: record["scaling"] for record in study.explain_scaling()}
    for name, curve in study.learned_warps().items():
        right.plot(curve.unit, curve.warped, label=f"{name} ({scales[name]})")
    right.plot([0, 1], [0, 1], color="grey", linestyle=":", label="identity")
    right.set(
        xlabel="position in the range, after scaling",
        ylabel="position after the learned warp",
        title="Warps learned on top of the scaling",
    )
    right.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune a pipeline on the digits data.")
    parser.add_argument("--n-iter", type=int, default=40, help="candidates of each search")
    parser.add_argument(
        "--replications", type=int, default=5, help="number of training halves and seeds"
    )
    parser.add_argument("--n-jobs", type=int, default=2, help="number of fits at once")
    parser.add_argument("--output", type=Path, default=Path("quickstart.png"))
    args = parser.parse_args()
    results = [
        replicate(seed, args.n_iter, args.n_jobs, verbose=int(seed == 0))
        for seed in range(args.replications)
    ]
    print_table(results)
    draw(results, args.output)
    print(f"\nFigure: {args.output}")


if __name__ == "__main__":
    main()
