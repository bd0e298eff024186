"""Which parameters a display shows, and the configuration that a model is shown around."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from tuneplug_matplotlib.results import FloatArray, Results

__all__ = ["base_point", "column_of", "pair_of", "ranked_names"]


def ranked_names(results: Results) -> list[str]:
    """Return the parameters that vary, the most important first; as declared without a model."""
    space = results.required_space()
    columns = [name for name in space.column_names if not name.startswith("(")]
    if np.isfinite(results.y).sum() >= 2 and columns:
        columns = [s.parameter for s in results.importances if s.parameter in columns]
    named = {column: name for name in space.names for column in columns if _is_of(column, name)}
    return list(dict.fromkeys(named[column] for column in columns))


def pair_of(
    params: Sequence[str] | None, results: Results, *, varying: bool = False
) -> tuple[str, str]:
    """Return two parameters that some trial has both.

    Parameters
    ----------
    params : pair of str or None
        If None, the most important ones are chosen.
    results : Results
    varying : bool, default False
        Whether to choose only parameters that vary.

    Raises
    ------
    ValueError
        If ``params`` are not two different parameters of the space, or no trial has both.
    """
    names = results.required_space().names
    if params is None:
        return _chosen_pair(results, names, varying=varying)
    chosen = [] if isinstance(params, str) else list(params)
    if len(chosen) != 2 or chosen[0] == chosen[1] or not set(chosen) <= set(names):
        raise ValueError(f"params must be two different parameters of {names}, but got {params!r}")
    if not _together(results, *chosen):
        raise ValueError(
            "params must be active together in some trial, but none of "
            f"{len(results)} has both {chosen[0]!r} and {chosen[1]!r}"
        )
    return chosen[0], chosen[1]


def _chosen_pair(results: Results, names: Sequence[str], *, varying: bool) -> tuple[str, str]:
    """Return the most important pair, in the order of the space."""
    ranked = ranked_names(results)
    rest = [] if varying else [name for name in names if name not in ranked]
    for pair in combinations([*ranked, *rest], 2):
        if _together(results, *pair):
            first, second = sorted(pair, key=names.index)
            return first, second
    kind = "parameters that vary" if varying else "parameters"
    raise ValueError(
        f"this display needs two {kind}, and a trial that has both, but the space has "
        f"{[*ranked, *rest]}: draw another one, such as SliceDisplay"
    )


def base_point(results: Results, names: Sequence[str]) -> FloatArray:
    """Return the point of the best trial that has all the parameters, shape (d,)."""
    space = results.required_space()
    rows = [i for i, c in enumerate(results.configurations) if set(names) <= set(c)]
    losses = np.where(np.isfinite(results.losses), results.losses, np.inf)
    if not rows:
        raise ValueError(
            f"params must be active in some trial, but none of {len(results)} has {names}"
        )
    best = min(rows, key=lambda i: (not results.complete[i], losses[i]))
    return space.locate(results.configurations[best])


def column_of(results: Results, name: str, point: FloatArray) -> int:
    """Return the column of a parameter that is active at a point."""
    space = results.required_space()
    active = space.active_mask(point)
    for column, label in enumerate(space.column_names):
        if active[column] and _is_of(label, name):
            return column
    raise ValueError(f"params must vary, but {name!r} has one value only: leave it out")


def _is_of(column: str, name: str) -> bool:
    """Whether a column is one of a parameter, which sub-spaces may declare differently."""
    return column == name or (
        column.startswith(f"{name}[") and column[len(name) + 1 : -1].isdigit()
    )


def _together(results: Results, first: str, second: str) -> bool:
    return any(first in c and second in c for c in results.configurations)
