"""What a trial reports, as the one curve that Optuna has for a trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneplug import Trial
from tuneplug.stopping import Report

__all__ = ["by_step", "sign_of_reports", "thinned"]


def by_step(reports: Sequence[Report]) -> dict[int, float]:
    """Return the values by step, ascending; of several folds, the mean of those that got there."""
    found: dict[int, list[float]] = {}
    for report in reports:
        found.setdefault(report.step, []).append(report.value)
    return {step: float(np.mean(found[step])) for step in sorted(found)}


def thinned(curve: dict[int, float], most: int) -> dict[int, float]:
    """Return at most so many of a curve's steps, evenly chosen, the first and the last of them."""
    steps = list(curve)
    if len(steps) <= most:
        return curve
    chosen = np.linspace(0, len(steps) - 1, most).round().astype(int)
    return {steps[k]: curve[steps[k]] for k in chosen}


def sign_of_reports(trial: Trial) -> float:
    """Return what turns the values that a trial reported into losses."""
    return -1.0 if trial.direction == "maximize" else 1.0
