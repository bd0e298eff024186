"""Convert a history to a pandas data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import OptionalDependency
from tuneplug.space import SearchSpace
from tuneplug.trial import History, Trial

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_frame"]


def to_frame(history: History, space: SearchSpace) -> pd.DataFrame:
    """Return a data frame with one row per trial; see ``Study.to_frame``.

    Raises
    ------
    MissingDependencyError
        If pandas is not installed.
    """
    with OptionalDependency("pandas", "pandas", "pandas").required_by("to_frame()"):
        import pandas as pd
    configurations = [trial.params for trial in history]
    n_constraints = max((len(trial.constraints or ()) for trial in history), default=0)
    rows = [
        {
            "number": trial.number,
            "state": trial.state.value,
            "value": trial.value,
            "fidelity": trial.fidelity,
            **{f"param_{name}": params.get(name) for name in space.names},
            "origin": trial.origin,
            "expected_improvement": trial.expected_improvement,
            "stop_reason": trial.stop_reason,
            "n_reports": len(trial.reports),
            "error": trial.error,
            "started": trial.started,
            "duration": trial.duration,
            "cost": trial.cost,
            **_constraint_columns(trial, n_constraints),
        }
        for trial, params in zip(history, configurations, strict=True)
    ]
    frame = pd.DataFrame(rows)
    frame.attrs["direction"] = "minimize" if history.sign > 0 else "maximize"
    return frame.set_index("number") if rows else frame


def _constraint_columns(trial: Trial, n: int) -> dict[str, float | bool | None]:
    """Return the columns of n constraints: their values, and whether all hold."""
    if n == 0:
        return {}
    values = trial.constraints or (None,) * n
    named: dict[str, float | bool | None] = {f"constraint_{i}": v for i, v in enumerate(values)}
    return {**named, "feasible": None if trial.constraints is None else trial.is_feasible}
