"""Model of full losses that learns from looks, and the rates of new looks and full trials."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuneplug._typing import FloatArray
from tuneplug.strategies.base import Context
from tuneplug.strategies.bayesian import BayesianSearch, FittedModel, fit_model
from tuneplug.strategies.costs import cost_weight, observed_costs
from tuneplug.strategies.look_record import LookRecord
from tuneplug.surrogate.acquisition import Acquisition
from tuneplug.surrogate.cost import fit_cost_model
from tuneplug.surrogate.fitting import TrainingData, fit_with_transforms
from tuneplug.surrogate.kernels import ColumnLayout
from tuneplug.surrogate.looks import LookNoise, Outlook, fit_look_noise
from tuneplug.surrogate.output_transform import LossScaling
from tuneplug.trial import Trial

__all__ = ["LookModel"]


@dataclass(frozen=True)
class LookModel:
    """Processes of the full loss, given full trials and looks.

    Attributes
    ----------
    context : Context
    record : LookRecord
    search : BayesianSearch
        The search with full trials whose processes these are.
    levels : sequence of float
        Fidelities of new looks, in ascending order.
    slope : float
        Exponent of the fidelity in the cost of a trial.
    n_startup : int
        Number of looks of the initial design.
    """

    context: Context
    record: LookRecord
    search: BayesianSearch
    levels: Sequence[float]
    slope: float
    n_startup: int

    @functools.cached_property
    def fitted(self) -> FittedModel | None:
        """The processes; None if there are fewer than two results."""
        if self._data is None:
            return None
        record = self.record
        ended = [t for t in record.ended.values() if t.is_full or not record.looks_fail]
        model = fit_model(self._data, self.context, ended)
        if not self.search.cost_aware:
            return model
        costs = observed_costs(self.context, self.slope)
        weight = cost_weight(self.context, self.n_startup)
        cost = fit_cost_model(self._data.layout, costs, weight=weight)
        return dataclasses.replace(model, cost=cost)

    def acquisition(self, model: FittedModel, number: int) -> Acquisition:
        """Return the acquisition at fidelity 1; looks are no incumbents."""
        space, tried = self.context.space, self.record.tried
        looks = {key for key, s in tried.items() if s < 1.0}

        def is_full(points: FloatArray) -> NDArray[np.bool_]:
            return np.array([key not in looks for key in space.keys(points)])

        pending = [point for point, _ in self.record.pending]
        return model.acquisition(pending, self.context.rng(number), is_full)

    def rates(
        self, acquisition: Acquisition, U: FloatArray, lowest: FloatArray, *, full_only: bool
    ) -> dict[float, FloatArray]:
        """Return the rates at points of the cube for each fidelity, shape (m,).

        The rate of a fidelity that is not above ``lowest`` is minus infinity.
        """
        outlook = Outlook.at(acquisition, U)
        price = np.zeros(len(U)) if acquisition.cost is None else acquisition.cost.log_price(U)
        costs = np.exp(price)
        rates = {1.0: outlook.full_rates(costs)}
        for s in () if full_only else self.levels:
            share = s**self.slope
            found = outlook.look_rates(self._target_variance(s), share * costs, costs)
            rates[s] = np.where(lowest < s, found, -np.inf)
        return rates

    @functools.cached_property
    def _noises(self) -> dict[float, LookNoise]:
        """What looks of each fidelity observe."""
        context, history = self.context, self.context.history
        valued = [t for t in history if t.state.ended and t.value is not None]
        scaling = LossScaling.from_losses(history.losses(valued))
        by_level: dict[float, dict[bytes, Trial]] = {}
        for key, trial in zip(context.space.keys(context.points(valued)), valued, strict=True):
            by_level.setdefault(trial.fidelity, {})[key] = trial
        full = by_level.get(1.0, {})
        noises = {}
        for s in sorted({*self.levels, *by_level} - {1.0}):
            low = by_level.get(s, {})
            both = [key for key in _better_half(low, history.sign) if key in full]
            pairs = [history.losses([low[key], full[key]]) for key in both]
            looks = history.losses(list(low.values()) if len(low) > 2 else valued)
            noises[s] = fit_look_noise(s, looks, np.reshape(pairs, (-1, 2)), scaling)
        return noises

    @functools.cached_property
    def _data(self) -> TrainingData | None:
        """Full losses, and what the highest looks of the other configurations say about them."""
        context, history = self.context, self.context.history
        prior = self.record.known
        full = [t for t in history.full() if t.state.ended and t.value is not None]
        ended = self.record.ended.values()
        looks = [t for t in ended if not t.is_full and t.value is not None]
        noise = [self._noises[t.fidelity] for t in looks]
        if len(prior) + len(full) + len(looks) < 2 or context.space.n_dimensions == 0:
            return None
        seen = [
            float(one.full_losses(history.losses([t]))[0])
            for one, t in zip(noise, looks, strict=True)
        ]
        variances = [one.loss_variance for one in noise]
        return TrainingData(
            ColumnLayout.from_space(context.space),
            context.points([*prior, *full, *looks]),
            np.concatenate([[one.loss for one in prior], history.losses(full), seen]),
            np.array([0.0] * len(prior) + [t.variance or 0.0 for t in full] + variances),
            warping=self.search.warping,
            inference=self.search.inference,
            seed=context.seed,
        )

    def _target_variance(self, s: float) -> float:
        """Return the noise of a look in units of the targets, at the better quarter of losses."""
        assert self._data is not None
        loss = np.array([np.quantile(self._data.losses, 0.25)])
        variance = np.array([self._noises[s].loss_variance])
        fits = fit_with_transforms(self._data)
        return float(np.mean([transform(loss, variance)[1] for _, transform in fits]))


def _better_half(trials: Mapping[bytes, Trial], sign: float) -> list[bytes]:
    """Return the keys of the trials with losses up to the median.

    Bad configurations say little about the noise among good ones.
    """
    losses = {key: sign * (trial.value or 0.0) for key, trial in trials.items()}
    median = np.median(list(losses.values())) if losses else 0.0
    return [key for key, loss in losses.items() if loss <= median]
