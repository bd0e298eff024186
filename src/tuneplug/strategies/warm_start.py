"""What the parents of a study tell its strategy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.strategies.base import Context
from tuneplug.surrogate.fitting import TrainingData
from tuneplug.surrogate.kernels import ColumnLayout
from tuneplug.surrogate.transfer import ParentModel, fit_parent
from tuneplug.trial import Observation, Parent, Trial

__all__ = ["believed_parents", "first_points", "known_results"]

#: Number of trials at which the offset of an identical parent is first estimated.  After that it is
#: estimated whenever their number has doubled: a new offset refits the processes.
MIN_OFFSET_TRIALS = 2


def known_results(context: Context) -> tuple[Observation, ...]:
    """Return the added observations and the results of identical parents, less their offsets.

    Splits, seeds and versions may move all losses of a search by the same amount.  The offset of a
    parent is the posterior mean of that amount, given the trials of this study.  Its prior has the
    mean 0 and, in units of the targets of the parent, the variance 1 + (estimate without prior)².

    A result that several parents have counts once: a copy is no measurement of the noise.
    """
    found = list(context.extra_observations)
    own = _offset_trials(context)
    seen: set[tuple[bytes, float]] = set()
    for parent in context.parents:
        if parent.identical:
            offset = _offset(parent, context, own) if own else 0.0
            new = [known for known in parent.observations if known.identity not in seen]
            found += [known._replace(loss=known.loss + offset) for known in new]
            seen |= {known.identity for known in new}
    return tuple(found)


def believed_parents(context: Context) -> list[ParentModel]:
    """Return the models of the parents with other data whose own trials they can rank."""
    if context.space.n_dimensions == 0:
        return []
    models = [_model(parent, context) for parent in context.parents if not parent.identical]
    return [model for model in models if model.believable]


def first_points(parents: Sequence[ParentModel], context: Context) -> list[FloatArray]:
    """Return the points to try first: the best one of each parent, without repeats."""
    points = [context.space.snap(parent.best_point()) for parent in parents]
    distinct = {context.space.keys(point)[0]: point for point in reversed(points)}
    return list(reversed(distinct.values()))


def _model(parent: Parent, context: Context, *, learn_curvature: bool = True) -> ParentModel:
    data = TrainingData(
        ColumnLayout.from_space(context.space),
        context.points(parent.observations),
        np.array([known.loss for known in parent.observations], dtype=np.float64),
        np.zeros(len(parent.observations)),
        learn_curvature=learn_curvature,
    )
    return fit_parent(data, parent.absent)


def _offset_trials(context: Context) -> list[Trial]:
    """Return the trials that offsets are estimated from: 2, 4, 8, ... of them, or none."""
    own = [t for t in context.history.full() if t.state.ended and t.value is not None]
    if len(own) < MIN_OFFSET_TRIALS or context.space.n_dimensions == 0:
        return []
    return own[: 1 << (len(own).bit_length() - 1)]


def _offset(parent: Parent, context: Context, own: Sequence[Trial]) -> float:
    """Return the loss of this study minus that of a parent, at the same configuration."""
    model = _model(parent, context, learn_curvature=False)
    losses = context.history.losses(own)
    mean, variance = model.gp.predict(context.points(own))
    targets = model.targets(losses)
    precision = 1.0 / (variance + model.gp.hyper.noise)
    total = float(precision.sum())
    estimate = float(precision @ (targets - mean)) / total
    shrinkage = total / (total + 1.0 / (1.0 + estimate**2))
    return shrinkage * estimate * model.loss_scale
