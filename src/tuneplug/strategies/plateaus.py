"""Exploration of plateaus, where losses have steps.

The loss of a decision tree, or an accuracy on few rows, is constant over large parts of a space.  A
Gaussian process expects an improvement next to such a plateau, again and again.  Two signs tell:
since the last improvement, ``N_TIED`` trials have losses that earlier trials had, or the expected
improvements, in units of the distance between the median and the best loss, sum up to ``PROMISED``.
Then every other trial is chosen without the model, until the best loss improves.  Such a trial is
the best configuration with one parameter drawn anew, each parameter in turn, and every third time a
random configuration.  SMAC interleaves random configurations always (Hutter et al., "Sequential
Model-Based Optimization for General Algorithm Configuration", LION 2011, section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.strategies.base import Context
from tuneplug.trial import Trial

__all__ = ["explore_plateau"]

#: Number of trials with known losses, since the last improvement, that show a plateau.
N_TIED = 3
#: Sum of expected improvements that were not kept.  It stays below on smooth losses.
PROMISED = 2.0
#: One in RANDOM_EVERY explorations is a random configuration.
RANDOM_EVERY = 3
#: Number of values that are drawn for a parameter before the exploration is given up.
N_DRAWS = 16


def explore_plateau(context: Context, number: int, tried: Collection[bytes]) -> FloatArray | None:
    """Return an untried point, shape (d,), for trial ``number``; None if the model should suggest.

    ``tried`` has the keys of the points to leave out.
    """
    if number % 2 == 1 or not _is_stuck(context):
        return None
    turn, space, rng = number // 2, context.space, context.rng(number)
    low, high = space.bounds.T
    drawn = low + (high - low) * rng.random((N_DRAWS, space.n_dimensions))
    if turn % RANDOM_EVERY != 0:
        best = _best_point(context, rng)
        kept = space.active_mask(best)
        columns = np.flatnonzero(kept)
        kept[columns[(turn - turn // RANDOM_EVERY - 1) % len(columns)]] = False
        drawn[:, kept] = best[kept]
    points = space.snap(drawn)
    keys = space.keys(points)
    return next((p for p, key in zip(points, keys, strict=True) if key not in tried), None)


def _is_stuck(context: Context) -> bool:
    """Whether the trials since the last improvement show a plateau.

    Trials of the design do not count.
    """
    known: set[float] = set()
    n_tied, promised, best = 0, 0.0, math.inf
    for loss, trial in _losses(context):
        if loss < best:
            n_tied, promised, best = 0, 0.0, loss
        elif trial.origin != "design":
            n_tied += loss in known
            promised += trial.expected_improvement or 0.0
        known.add(loss)
    return n_tied >= N_TIED or promised >= PROMISED


def _losses(context: Context) -> list[tuple[float, Trial]]:
    """Return the losses of full, feasible trials, with the trials."""
    full = [t for t in context.history.full() if t.is_feasible]
    valued = [t for t in full if t.state.ended and t.value is not None]
    return list(zip(context.history.losses(valued).tolist(), valued, strict=True))


def _best_point(context: Context, rng: np.random.Generator) -> FloatArray:
    """Return the point of a trial with the smallest loss, drawn from all of them."""
    losses = _losses(context)
    best = min(loss for loss, _ in losses)
    tied = [trial.point for loss, trial in losses if loss == best]
    return tied[rng.integers(len(tied))]
