"""The surface of examples/scaling_and_warping.py: how much of it a model can predict.

    python benchmarks/surface.py --data bank-additional-full.csv

The area under the ROC curve on a grid of XGBoost's ``alpha`` and ``lambda``, spaced linearly.  If
neighbors are hardly correlated and a change of 1 % matters as much as the rest of the grid, the
best places are luck, and no search finds them sooner than random search.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from _report import provenance

from tuneplug import Trial

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from scaling_and_warping import PENALTIES, area_of_trees, space_of

#: Relative change of both penalties.
STEP = 0.01


def areas(points: np.ndarray, data: Path | None) -> np.ndarray:
    """Return the area under the ROC curve for each row (alpha, lambda)."""
    trials = (Trial(0, dict(zip(PENALTIES, point, strict=True))) for point in points.tolist())
    return np.array([area_of_trees(trial, data) for trial in trials])


def table(grid: np.ndarray, moved: np.ndarray, target: float) -> str:
    """Return the figures of the surface as a table.

    Parameters
    ----------
    grid, moved : ndarray of shape (n, n)
        Areas on the grid, and after a change of both penalties by 1 %.
    target : float
        Area that random search ends with.
    """
    bands = np.array_split(grid, 3)
    means = [square.mean() for band in bands for square in np.array_split(band, 3, axis=1)]
    below = np.concatenate([grid[:-1].ravel(), grid[:, :-1].ravel()])
    above = np.concatenate([grid[1:].ravel(), grid[:, 1:].ravel()])
    rows = {
        "standard deviation": f"{grid.std(ddof=1):.4f}",
        "means of nine squares": f"{min(means):.4f} to {max(means):.4f}",
        "standard deviation of a change of 1 %": f"{(moved - grid).std(ddof=1):.4f}",
        "correlation of neighbors": f"{np.corrcoef(below, above)[0, 1]:.2f}",
        f"at least {target:.4f}": f"{(grid >= target).mean():.1%}",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| surface | value |", "| --- | ---: |", *lines])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The surface of the article's task.")
    parser.add_argument("--data", type=Path, help="CSV file of the bank-marketing data")
    parser.add_argument("--points", type=int, default=21, help="points of each penalty")
    parser.add_argument("--target", type=float, default=0.7789, help="what random search ends with")
    args = parser.parse_args(argv)
    ranges = space_of("trees", "linear")
    axes = [np.linspace(ranges[name].low, ranges[name].high, args.points) for name in PENALTIES]
    points = np.array(list(product(*axes)))
    shape = (args.points, args.points)
    grid = areas(points, args.data).reshape(shape)
    moved = areas(points * (1 + STEP), args.data).reshape(shape)
    print(f"{provenance()}\n{table(grid, moved, args.target)}")


if __name__ == "__main__":
    main()
