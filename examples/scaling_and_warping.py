"""Random and Bayesian search with scaling and warping, in replicated runs
=======================================================================

Compare both searches on linear and fitting scales, and show what the warps learn.

    python examples/scaling_and_warping.py --data bank-additional-full.csv --jobs 2
    python examples/scaling_and_warping.py --download --jobs 2
    python examples/scaling_and_warping.py --quick

The first task tunes ``alpha`` and ``lambda`` of XGBoost on the bank-marketing data of UCI, or on
data of scikit-learn if there is neither ``--data`` nor ``--download``.  The second task tunes a
learning rate and a momentum, whose scales matter.  All trials are kept beside the figures: the same
command goes on after an interrupt, and redraws the figures once all trials have run.
"""

from __future__ import annotations

import argparse
import io
import urllib.request
import zipfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xgboost
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import tuneplug
from tuneplug import Comparison, Float
from tuneplug_matplotlib import (
    ComparisonDisplay,
    LearnedWarpsDisplay,
    Results,
    TriedConfigurationsDisplay,
)

URL = "https://archive.ics.uci.edu/static/public/222/bank+marketing.zip"
DROPPED = ["duration", "emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m"]
PENALTIES = ("alpha", "lambda")
STEPS = ("learning_rate", "momentum")
ARMS = ("bayesian, linear", "random, linear", "bayesian, scaled", "random, scaled")
SEED = 1729
AREA = "area under the ROC curve"
mpl.rcParams["figure.constrained_layout.use"] = True
LOOKS = ({"color": "#0072B2"}, {"color": "#E69F00", "linestyle": "--"})


@cache
def bank_marketing(path: Path | None) -> tuple[xgboost.DMatrix, xgboost.DMatrix]:
    """Return the training and the validation data, 70 % and 20 % of the rows."""
    if path is None:
        frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "y"})
    else:
        frame = pd.read_csv(path, sep=None, engine="python")  # commas or UCI's semicolons
        frame = frame.drop(columns=[*DROPPED, "nr.employed"])
        frame["no_previous_contact"] = frame["pdays"] == 999
        frame["not_working"] = frame["job"].isin(["student", "retired", "unemployed"])
        frame["y"] = frame["y"].isin([1, "yes"])
    frame = frame.sample(frac=1, random_state=SEED)
    y = frame.pop("y").to_numpy(float)
    X = pd.get_dummies(frame).to_numpy(float)
    first, second = int(0.7 * len(y)), int(0.9 * len(y))
    rows = slice(None, first), slice(first, second)
    train, validation = (xgboost.DMatrix(X[part], label=y[part], nthread=1) for part in rows)
    return train, validation


def area_of_trees(trial: tuneplug.Trial, path: Path | None) -> float:
    """Return the area under the ROC curve of ten boosted trees on the validation data."""
    train, validation = bank_marketing(path)
    params = {"objective": "binary:logistic", "nthread": 1, "seed": 0, **trial.params}
    model = xgboost.train(params, train, num_boost_round=10)
    return float(roc_auc_score(validation.get_label(), model.predict(validation)))


def accuracy_of_network(trial: tuneplug.Trial) -> float:
    """Return the accuracy on one half of the digits after five epochs on the other half."""
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    X_train, X_test, y_train, y_test = parts
    model = MLPClassifier(
        (16,),
        activation="tanh",  # bounded, so that no step size overflows
        solver="sgd",
        batch_size=32,
        learning_rate_init=trial.params["learning_rate"],
        momentum=trial.params["momentum"],
        nesterovs_momentum=False,
        random_state=0,
    )
    for _ in range(5):
        model.partial_fit(X_train, y_train, classes=range(10))
    return float(model.score(X_test, y_test))


def space_of(task: str, scaling: str) -> dict[str, Float]:
    """Return the space of a task; ``scaling`` is "linear" or "scaled"."""
    ranges = {
        "trees": dict.fromkeys(PENALTIES, (0.01, 10.0, "log")),
        "network": {"learning_rate": (1e-6, 10.0, "log"), "momentum": (0.0, 0.9999, "reverse_log")},
    }[task]
    return {
        name: Float(low, high, "linear" if scaling == "linear" else fitting)
        for name, (low, high, fitting) in ranges.items()
    }


def run(task: str, objective: Any, args: argparse.Namespace) -> Comparison:
    """Return the comparison of a task; only what has not yet run is run."""
    arms = {arm: arm.split(", ") for arm in ARMS}
    with ProcessPoolExecutor(args.jobs) as executor:
        return tuneplug.compare(
            objective,
            {arm: {"strategy": s, "space": space_of(task, k)} for arm, (s, k) in arms.items()},
            replications=args.replications,
            n_trials=args.n_trials,
            direction="maximize",
            seed=SEED,
            executor=executor,
            storage=args.storage,
            name=args.names[task],
            verbose=1,
        )


def draw_tried(args: argparse.Namespace, scaling: str) -> None:
    """Draw the first replication of both strategies, with the same colors."""
    names = [f"{args.names['trees']}/{s}, {scaling}/0" for s in ("random", "bayesian")]
    runs = [Results.from_storage(args.storage, name) for name in names]
    both = Results(
        values=np.concatenate([run.y for run in runs]),
        configurations=[*runs[0].configurations, *runs[1].configurations],
        space=runs[0].space,
    )
    window = TriedConfigurationsDisplay(both, params=PENALTIES).window
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), sharex=True, sharey=True)
    for ax, results, title in zip(axes, runs, ("random", "Bayesian"), strict=True):
        display = TriedConfigurationsDisplay(results, params=PENALTIES)
        display.window = window
        display.plot(ax).colorbar_.set_label(AREA)
        ax.set_title(f"{title}, {len(results)} jobs")
        if ax is axes[0]:
            display.colorbar_.remove()
    save(figure, args, f"tried_{scaling}")


def draw_means(args: argparse.Namespace, name: str, comparison: Comparison, value: str) -> None:
    display = ComparisonDisplay.from_comparison(comparison)
    display.ax_.set(xlabel="number of jobs", ylabel=f"best {value} so far")
    save(display.figure_, args, name)


def draw_single_runs(args: argparse.Namespace, comparison: Comparison) -> None:
    """Draw the first five replications, each on its own axes."""
    n = min(5, comparison.n_replications)
    figure, axes = plt.subplots(1, n, figsize=(2.6 * n, 3.2), sharey=True)
    jobs = np.arange(1, comparison.n_trials + 1)
    for i, ax in enumerate(axes):
        for arm, look in zip(ARMS[:2], LOOKS, strict=True):
            ax.step(jobs, comparison.curves[arm][i], where="post", label=arm, **look)
        ax.set(title=f"replication {i + 1}", xlabel="number of jobs", xticks=jobs[9::10])
    axes[0].set_ylabel(f"best {AREA} so far", loc="top")
    axes[-1].legend(fontsize="small", loc="lower right")
    save(figure, args, "single_runs")


def draw_warps(args: argparse.Namespace, found: dict[str, Comparison]) -> None:
    """Draw the three scalings, and learned warps of the replications of median result."""
    figure, axes = plt.subplots(2, 3, figsize=(11, 7))
    first, *panels = axes.flat
    x = np.linspace(0.001, 0.999, 500)
    for scaling, dash in (("linear", "-"), ("log", "--"), ("reverse_log", "-.")):
        first.plot(x, Float(x[0], x[-1], scaling).to_unit(x), dash, label=scaling)
    first.set(xlabel="value", ylabel="scaled", title="the three scalings")
    first.legend()
    shown = [("trees", "linear", param) for param in PENALTIES]
    shown += [("network", "linear", param) for param in STEPS]
    shown += [("network", "scaled", "learning_rate")]
    for ax, (task, scaling, param) in zip(panels, shown, strict=True):
        arm = f"bayesian, {scaling}"
        order = np.argsort(found[task].curves[arm][:, -1], kind="stable")
        name = f"{args.names[task]}/{arm}/{order[len(order) // 2]}"
        LearnedWarpsDisplay.from_storage(args.storage, name, ax=ax, params=[param])
        ax.set_xlabel(f"{param}, {space_of(task, scaling)[param].scaling} scaling")
        if ax is not panels[0]:
            ax.get_legend().remove()
    save(figure, args, "scalings_and_warps")


def save(figure: Any, args: argparse.Namespace, name: str) -> None:
    for suffix in ("png", "svg"):
        path = args.output / f"{name}.{suffix}"
        figure.savefig(path, dpi=80, metadata={"Date": None} if suffix == "svg" else None)
        print(path)
    plt.close(figure)


def report(name: str, comparison: Comparison) -> None:
    """Print the table of a task, and whether the intervals support two claims."""
    print(f"\n{name}\n{comparison}\n")
    if comparison.n_replications < 10:
        print(f"{comparison.n_replications} replications prove nothing: take at least 10")
        return
    for scaling in ("linear", "scaled"):
        a, b = f"bayesian, {scaling}", f"random, {scaling}"
        match = comparison.jobs_to_match(a, b)
        low, high = match.interval
        print(
            f"{a} needs a quarter of the jobs of {b} or fewer: {verdict(0.25 - high, 0.25 - low)}\n"
            f"    {match}: {low * match.n_jobs:g} to {high * match.n_jobs:g} jobs"
        )
    for strategy in ("random", "bayesian"):
        test = comparison.test(f"{strategy}, scaled", f"{strategy}, linear")
        print(f"log scaling improves {strategy} search: {verdict(*test.interval)}\n    {test}")


def verdict(low: float, high: float) -> str:
    """Say whether a quantity with this interval is positive, as a claim says."""
    return "holds here" if low > 0 else "does NOT hold here" if high <= 0 else "not shown here"


def download(folder: Path) -> Path:
    """Return UCI's file, downloaded if it is not yet in the folder."""
    path = folder / "bank-additional-full.csv"
    if not path.exists():
        with urllib.request.urlopen(URL) as response:
            outer = zipfile.ZipFile(io.BytesIO(response.read()))
        inner = zipfile.ZipFile(io.BytesIO(outer.read("bank-additional.zip")))
        path.write_bytes(inner.read("bank-additional/bank-additional-full.csv"))
    return path


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare strategies, scalings and warps.")
    parser.add_argument("--data", type=Path, help="CSV file of the bank-marketing data")
    parser.add_argument("--download", action="store_true", help="download that file from UCI")
    parser.add_argument("--output", type=Path, default=Path("scaling_and_warping"))
    parser.add_argument("--replications", type=int, default=50)
    parser.add_argument("--n-trials", type=int, default=40, help="jobs of each replication")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--quick", action="store_true", help="2 replications of 10 jobs")
    args = parser.parse_args(argv)
    if args.quick:
        args.replications, args.n_trials = 2, 10
    args.output.mkdir(parents=True, exist_ok=True)
    if args.data is None and args.download:
        args.data = download(args.output)
    args.storage = f"sqlite:///{args.output / 'runs.db'}"
    data = "breast cancer" if args.data is None else args.data.name.partition(".")[0]
    args.names = {
        "trees": f"trees, {data}, {args.n_trials} jobs",
        "network": f"network on digits, {args.n_trials} jobs",
    }
    return args


def main(argv: list[str] | None = None) -> None:
    args = parsed(argv)
    trees = run("trees", partial(area_of_trees, path=args.data), args)
    network = run("network", accuracy_of_network, args)
    report(args.names["trees"], trees)
    report(args.names["network"], network)
    pair = {arm: trees.curves[arm] for arm in ARMS[:2]}
    draw_tried(args, "linear")
    draw_means(args, "means_linear", Comparison(pair, "maximize", seed=trees.seed), AREA)
    draw_single_runs(args, trees)
    draw_tried(args, "scaled")
    draw_means(args, "means", trees, AREA)
    draw_warps(args, {"trees": trees, "network": network})
    draw_means(args, "means_of_network", network, "accuracy")


if __name__ == "__main__":
    main()
