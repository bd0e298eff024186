"""Seconds per suggestion against the number of trials n and of dimensions d, beside peers.

    python benchmarks/latency.py --quick
    python benchmarks/latency.py

1. Each optimizer receives n losses of a smooth function. Then suggestions are timed, each followed
   by its loss: the first one, and the mean of the others, because some optimizers fit their model
   only every few suggestions. If a suggestion takes longer than ``--limit`` seconds, larger n are
   skipped.
2. Suggestions 91 to 110 of sequential runs in ten dimensions are timed and compared with those of
   Optuna's GPSampler: mean ratio, and the ratio of the slowest to the median.

All runs use one process and one thread. Seconds depend on the machine; compare ratios of one run.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import functions
import matplotlib.pyplot as plt
import numpy as np
from _log import ResultLog
from _report import interval, markdown, provenance, resampled, save
from _runs import Cell, Record, record_log, run, run_all
from _tasks import Configuration, FloatArray
from peers import OPTIMIZERS, catalogue
from threadpoolctl import threadpool_limits

from tuneplug import Float, SearchSpace

RESULTS = Path(__file__).parent / "results"
N = (25, 50, 100, 200, 500, 1000, 2000)
D = (2, 10, 30, 50)
QUICK_N, QUICK_D = (25, 100, 200), (2, 10)
QUICK_OPTIMIZERS = ("tuneplug", "optuna-tpe", "optuna-gp", "skopt-gp")
REFERENCE = "optuna-gp"
SEQUENTIAL = functions.classic(functions.levy(10))
SEQUENTIAL_JOBS = 110
#: Suggestions of a sequential run that are timed, counted from 0.
WINDOW = slice(90, 110)


class Point(NamedTuple):
    """One thing to measure: an optimizer that has seen n trials in d dimensions."""

    optimizer: str
    d: int
    n: int


# ---------------------------------------------------------------- n trials told up front


def smooth(configuration: Configuration) -> float:
    """Return the loss told: a bowl, flatter in every further dimension, with a slight wave."""
    u = np.array(list(configuration.values()))
    weights = 1.0 / np.arange(1, len(u) + 1)
    return float(weights @ (u - 0.35) ** 2 + 0.05 * np.sin(5 * u.sum()))


def measure(point: Point, repeats: int, limit: float) -> list[float]:
    """Return the seconds of each suggestion: fewer than asked for once they add up to the limit."""
    space = SearchSpace({f"x{k}": Float(0.0, 1.0, scaling="linear") for k in range(point.d)})
    configurations = space.sample(point.n, np.random.default_rng(point.n))
    taken: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = OPTIMIZERS[point.optimizer].make(space, 0)
        with threadpool_limits(limits=1):
            optimizer.observe(
                configurations, [smooth(configuration) for configuration in configurations]
            )
            while len(taken) < repeats and sum(taken) <= limit:
                start = time.perf_counter()
                proposal = optimizer.ask()
                asked = time.perf_counter() - start
                loss = smooth(proposal.configuration)
                start = time.perf_counter()
                optimizer.tell(proposal, loss)
                taken.append(asked + time.perf_counter() - start)
    return taken


def read_points(path: Path) -> dict[Point, list[float]]:
    """Return what was measured so far."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    lines = map(json.loads, text[: text.rfind("\n") + 1].splitlines())
    return {Point(*line["point"]): line["seconds"] for line in lines}


def measure_all(points: Sequence[Point], path: Path, repeats: int, limit: float) -> None:
    """Measure what is missing, n rising, and append it to the file."""
    known = read_points(path)
    for point in points:
        slow = any(
            (q.optimizer, q.d) == (point.optimizer, point.d) and q.n < point.n and max(s) > limit
            for q, s in known.items()
        )
        if point in known or slow:
            continue
        known[point] = measure(point, repeats, limit)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"point": point, "seconds": known[point]}) + "\n")
        print(f"  {tuple(point)}: {typical(known[point]):.3f} s", flush=True)


def typical(seconds: Sequence[float]) -> float:
    """Return the mean seconds after the first suggestion, which starts without a model."""
    return float(np.mean(seconds[1:] or seconds))


def grid_tables(
    known: dict[Point, list[float]],
    names: Sequence[str],
    ds: Sequence[int],
    ns: Sequence[int],
    limit: float,
) -> Iterator[str]:
    """Yield a table for each d: seconds of a suggestion against n."""

    def text(seconds: list[float] | None) -> str:
        if seconds is None:
            return "-"
        over = max(seconds) > limit
        return f"> {limit:g}" if over else f"{typical(seconds):.3f} ({seconds[0]:.3f})"

    header = ["optimizer", *(f"n = {n}" for n in ns)]
    for d in ds:
        rows = [[name, *(text(known.get(Point(name, d, n))) for n in ns)] for name in names]
        yield f"### Seconds a suggestion (the first), d = {d}\n\n{markdown(header, rows)}\n"


def draw_grid(
    known: dict[Point, list[float]], names: Sequence[str], ds: Sequence[int], path: Path
) -> None:
    """Draw seconds against n (dotted: of the first suggestion), one panel for each d."""
    figure, axes = plt.subplots(
        1, len(ds), figsize=(4 * len(ds), 4), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, d in zip(axes[0], ds, strict=True):
        for number, name in enumerate(names):
            mine = sorted((p.n, typical(s), s[0]) for p, s in known.items() if p[:2] == (name, d))
            if mine:
                n, mean, first = zip(*mine, strict=True)
                axis.plot(n, mean, "o-", color=f"C{number}", label=name)
                axis.plot(n, first, ":", color=f"C{number}", linewidth=1)
        axis.set(title=f"d = {d}", xlabel="trials n", xscale="log", yscale="log")
        ticks = sorted({p.n for p in known})
        axis.set_xticks(ticks, labels=map(str, ticks))
        axis.minorticks_off()
    axes[0][0].set_ylabel("seconds a suggestion")
    axes[0][0].legend(fontsize="small")
    save(figure, path)


# ---------------------------------------------------------------- sequential runs


def run_cell(cell: Cell) -> Record:
    """Make one sequential run."""
    return run(cell, SEQUENTIAL, OPTIMIZERS[cell.optimizer].make)


def sequential_table(log: ResultLog[Cell, Record], cells: Sequence[Cell]) -> str:
    """Return seconds of the late suggestions, and their ratio to the reference."""
    records = log.read()
    seconds: dict[str, FloatArray] = {}
    for name in dict.fromkeys(cell.optimizer for cell in cells):
        runs = [records[c].seconds[WINDOW] for c in cells if c.optimizer == name and c in records]
        if runs:
            seconds[name] = np.array(runs)
    rows = []
    for name, values in seconds.items():
        low, high = interval(values)
        worst = float(values.max() / np.median(values))
        row = [name, f"{values.mean():.3f} [{low:.3f}, {high:.3f}]", f"{worst:.1f}"]
        if REFERENCE in seconds and seconds[REFERENCE].shape == values.shape:
            ratios = resampled(values) / resampled(seconds[REFERENCE])
            low, high = np.quantile(ratios, [0.025, 0.975])
            ratio = values.mean() / seconds[REFERENCE].mean()
            row.append(f"{ratio:.3f} [{low:.3f}, {high:.3f}]")
        else:
            row.append("-")
        rows.append(row)
    header = [
        "optimizer",
        "mean seconds [95 %]",
        "slowest / median",
        f"ratio to {REFERENCE} [95 %]",
    ]
    return "### Suggestions 91 to 110 of a sequential run, d = 10\n\n" + markdown(header, rows)


# ---------------------------------------------------------------- the command


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` overrides sizes."""
    parser = argparse.ArgumentParser(description="Seconds a suggestion, beside peers.")
    parser.add_argument("--optimizers", nargs="+", metavar="NAME")
    parser.add_argument("--n", type=int, nargs="+", help="trials told up front")
    parser.add_argument("--d", type=int, nargs="+", help="dimensions")
    parser.add_argument("--repeats", type=int, help="suggestions timed for each n and d")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of one suggestion")
    parser.add_argument("--seeds", type=int, default=3, help="sequential runs of each optimizer")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--quick", action="store_true", help="a small run of under five minutes")
    parser.add_argument(
        "--report-only", action="store_true", help="only make tables of the logged runs"
    )
    args = parser.parse_args(argv)
    quick = args.quick
    args.n = sorted(args.n or (QUICK_N if quick else N))
    args.d = sorted(args.d or (QUICK_D if quick else D))
    args.repeats = args.repeats or (5 if quick else 11)
    args.seeds = 1 if quick else args.seeds
    every = (name for name in OPTIMIZERS if name != "random")
    args.optimizers = args.optimizers or list(QUICK_OPTIMIZERS if quick else every)
    args.out = args.out or RESULTS / ("latency-quick" if quick else "latency")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is missing, then report."""
    args = arguments(argv)
    try:
        names, skipped = catalogue(args.optimizers)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    grid, log = args.out / "grid.jsonl", record_log(args.out / "sequential.jsonl")
    cells = [
        Cell(SEQUENTIAL.name, name, seed, SEQUENTIAL_JOBS)
        for seed, name in product(range(args.seeds), names)
    ]
    if not args.report_only:
        run_all(cells, run_cell, log)
        points = [Point(*key) for key in product(names, args.d, args.n)]
        measure_all(points, grid, args.repeats, args.limit)
    known = read_points(grid)
    parts = [f"## Latency\n\n{provenance()}\n"]
    parts += [f"Skipped: {name}: {reason}.\n" for name, reason in skipped.items()]
    parts += [sequential_table(log, cells), "\n"]
    parts += grid_tables(known, names, args.d, args.n, args.limit)
    (args.out / "tables.md").write_text("".join(parts), encoding="utf-8")
    draw_grid(known, names, args.d, args.out / "latency.png")
    print(f"\n{''.join(parts)}Written to {args.out}")


if __name__ == "__main__":
    main()
