"""Feasibility of the candidates of a search: columns of ``cv_results_``, and which can be best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug import NoCompletedTrialError, TrialState
from tuneplug_sklearn.candidate import Candidate

__all__ = ["are_feasible", "check_any_feasible", "constraint_columns"]


def are_feasible(candidates: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Return which candidates are known to be feasible: failed ones are not."""
    trials = [candidate.trial for candidate in candidates]
    return np.array([t.constraints is not None and t.is_feasible for t in trials], dtype=bool)


def constraint_columns(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Return ``split0_constraint_0``, ..., ``mean_constraint_0``, ... and ``feasible``.

    Values of folds without a finished fit, and means of failed candidates, are NaN.
    """
    n = max((len(v) for c in candidates for v in c.constraints.values()), default=0)
    n_folds = max((len(candidate.results) for candidate in candidates), default=0)
    values = np.full((n, n_folds, len(candidates)), np.nan)
    means = np.full((n, len(candidates)), np.nan)
    for row, candidate in enumerate(candidates):
        for fold, found in candidate.finished_constraints.items():
            values[:, fold, row] = found
        if candidate.trial.constraints is not None:
            means[:, row] = candidate.trial.constraints
    columns: dict[str, Any] = {}
    for i in range(n):
        columns |= {f"split{f}_constraint_{i}": values[i, f] for f in range(n_folds)}
        columns[f"mean_constraint_{i}"] = means[i]
    return {**columns, "feasible": are_feasible(candidates)}


def check_any_feasible(candidates: Sequence[Candidate], rows: Sequence[int]) -> None:
    """Raise if no complete candidate is feasible.

    Parameters
    ----------
    candidates : sequence of Candidate
        Those that can be best.
    rows : sequence of int
        Their rows of ``cv_results_``.

    Raises
    ------
    NoCompletedTrialError
        The message names the least violation.
    """
    violations: list[tuple[float, int, int]] = []
    for row, candidate in zip(rows, candidates, strict=True):
        values = candidate.trial.constraints
        if candidate.trial.state is TrialState.COMPLETE and values is not None:
            worst = max(range(len(values)), key=values.__getitem__)
            violations.append((values[worst], row, worst))
    if not violations:
        raise NoCompletedTrialError(
            "the best candidate must be feasible, but every candidate failed in a fold, so that "
            "its constraints are unknown: set error_score='raise' to see the errors"
        )
    value, row, worst = min(violations)
    if value > 0.0:
        raise NoCompletedTrialError(
            f"the best candidate must be feasible, but none of {len(violations)} completed "
            f"candidates is: the least violation is that of row {row} of cv_results_, whose "
            f"constraint {worst} is {value:.6g} on average over the folds and must be at most 0; "
            "try more candidates, or relax the constraints"
        )
