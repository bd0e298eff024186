"""What looks and full trials cost, and how much looks may cost together."""

from __future__ import annotations

import math

from tuneplug.strategies.base import Context
from tuneplug.surrogate.looks import squared_correlation
from tuneplug.trial import Trial, TrialState

__all__ = ["DESIGN_FIDELITY", "PRIOR_SLOPE", "Spending", "cost_slope", "looks_are_expensive"]

#: Largest fidelity of the looks of an initial design.
DESIGN_FIDELITY = 0.2
#: Once a full trial is complete: largest share of the spending that looks may have, and number of
#: looks in a row after which a full trial follows.
MAX_LOOK_SPENDING, MAX_LOOKS_IN_A_ROW = 0.5, 9
#: Range of the exponent of the fidelity in the cost of a trial; its prior mean, and the number of
#: pairs of trials that the prior counts as.
MIN_SLOPE, MAX_SLOPE, PRIOR_SLOPE, PRIOR_PAIRS = 0.0, 1.5, 1.0, 0.25


class Spending:
    """What looks and full trials have cost; running trials count as predicted."""

    def __init__(self, context: Context, slope: float, *, measured: bool) -> None:
        self._slope = slope
        ended = [trial for trial in context.history if trial.state.ended]
        known = [t for t in ended if t.cost is not None]
        self._full_cost = 1.0
        self._measured = measured and bool(known) and len(known) == len(ended)
        if self._measured:
            shares = sum(trial.fidelity**slope for trial in known)
            self._full_cost = sum(t.cost or 0.0 for t in known) / shares or 1.0
        self._any_full = bool(context.history.complete())
        self._low, self._total, self._in_a_row = 0.0, 0.0, 0
        for trial in context.history:
            is_known = self._measured and trial.state.ended
            cost = (trial.cost or 0.0) if is_known else self._predicted(trial.fidelity)
            self._count(trial.fidelity, cost)

    def _predicted(self, fidelity: float) -> float:
        return float(self._full_cost * fidelity**self._slope)

    def _count(self, fidelity: float, cost: float) -> None:
        self._total += cost
        self._low += cost if fidelity < 1.0 else 0.0
        self._in_a_row = self._in_a_row + 1 if fidelity < 1.0 else 0

    def add(self, fidelity: float) -> None:
        """Count a trial that starts now."""
        self._count(fidelity, self._predicted(fidelity))

    def allows(self, fidelity: float) -> bool:
        """Whether a trial of the fidelity keeps the limits of looks."""
        if fidelity == 1.0 or not self._any_full:
            return True
        cost = self._predicted(fidelity)
        within = self._low + cost <= MAX_LOOK_SPENDING * (self._total + cost)
        return within and self._in_a_row < MAX_LOOKS_IN_A_ROW


def cost_slope(context: Context) -> float:
    """Return p of costs proportional to s^p, from configurations tried at several fidelities."""
    ratio = math.log(1.0 / DESIGN_FIDELITY)
    below = PRIOR_PAIRS * ratio**2
    above = PRIOR_SLOPE * below
    for first, later in _cost_pairs(context):
        ratio = math.log(later.fidelity / first.fidelity)
        above += ratio * math.log((later.cost or 1.0) / (first.cost or 1.0))
        below += ratio**2
    return min(max(above / below, MIN_SLOPE), MAX_SLOPE)


def looks_are_expensive(context: Context, fidelity: float) -> bool:
    """Whether looks of a fidelity tell less for their cost than full trials do.

    Before any evidence, a look tells the share ``squared_correlation`` of the variance of the full
    loss, and may cost at most that share of a full trial.  Its cost is known once a configuration
    was looked at and tried in full.
    """
    if not any(later.is_full for _, later in _cost_pairs(context)):
        return False
    return bool(fidelity ** cost_slope(context) > squared_correlation(fidelity))


def _cost_pairs(context: Context) -> list[tuple[Trial, Trial]]:
    """Return the trials of configurations with known costs at their first and a higher fidelity."""
    known = [t for t in context.history if t.state is TrialState.COMPLETE and (t.cost or 0.0) > 0.0]
    firsts: dict[bytes, Trial] = {}
    keys = context.space.keys(context.points(known))
    pairs = [(firsts.setdefault(key, t), t) for key, t in zip(keys, known, strict=True)]
    return [(first, later) for first, later in pairs if first.fidelity < later.fidelity]
