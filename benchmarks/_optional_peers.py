"""Peers with large dependencies: BoTorch and SMAC3."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _optimizers import (
    N_INITIAL,
    Optimizer,
    Proposal,
    active,
    declared,
    is_log,
    one_torch_thread,
    plain,
)
from _tasks import Configuration, FloatArray

from tuneplug import Categorical, Int, SearchSpace


class BoTorch(Optimizer):
    """BoTorch's own parts: SingleTaskGP and log expected improvement, after ten Sobol points.

    It searches the unit cube with one column for each category.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.torch, self.space = one_torch_thread(seed), space
        self.widths = [int(p.size) if not p.ordered else 1 for p in space.dimensions]
        self.sobol = self.torch.quasirandom.SobolEngine(sum(self.widths), scramble=True, seed=seed)
        self.rows: list[FloatArray] = []
        self.losses: list[float] = []
        self.open: dict[int, FloatArray] = {}

    def _spread(self, unit: FloatArray) -> FloatArray:
        parts = [
            np.array([u]) if k == 1 else np.eye(k)[min(int(u * k), k - 1)]
            for u, k in zip(unit, self.widths, strict=True)
        ]
        return np.concatenate(parts)

    def _configuration(self, row: FloatArray) -> Configuration:
        parts = np.split(row, np.cumsum(self.widths)[:-1])
        unit = [p[0] if len(p) == 1 else (np.argmax(p) + 0.5) / len(p) for p in parts]
        return self.space.decode(np.clip(unit, 0.0, 1.0))

    def ask(self) -> Proposal:
        started = len(self.rows) + len(self.open)
        if started < N_INITIAL or len(self.rows) < 2:
            row = self.sobol.draw(1)[0].double().numpy()
        else:
            row = self._guided()
        configuration = self._configuration(row)
        handle = max(self.open, default=len(self.rows)) + 1
        self.open[handle] = self._spread(self.space.encode(configuration))
        return Proposal(configuration, handle)

    def _guided(self) -> FloatArray:
        from botorch.acquisition.analytic import LogExpectedImprovement
        from botorch.acquisition.logei import qLogExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from botorch.models.transforms import Standardize
        from botorch.optim.optimize import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood

        X = self.torch.tensor(np.array(self.rows))
        Y = -self.torch.tensor(self.losses, dtype=self.torch.double)[:, None]
        model = SingleTaskGP(X, Y, outcome_transform=Standardize(1))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        if self.open:
            pending = self.torch.tensor(np.array(list(self.open.values())))
            goal: Any = qLogExpectedImprovement(model, best_f=Y.max(), X_pending=pending)
        else:
            goal = LogExpectedImprovement(model, best_f=Y.max())
        cube = self.torch.tensor([[0.0], [1.0]], dtype=X.dtype).expand(2, X.shape[1])
        point, _ = optimize_acqf(goal, bounds=cube, q=1, num_restarts=8, raw_samples=256)
        return np.asarray(point[0].detach().numpy())

    def tell(self, proposal: Proposal, loss: float) -> None:
        self.rows.append(self.open.pop(proposal.handle))
        self.losses.append(loss)

    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        self.rows += [
            self._spread(self.space.encode(configuration)) for configuration in configurations
        ]
        self.losses += losses


class Smac(Optimizer):
    """SMAC3's facade for hyperparameters: a random forest."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        import ConfigSpace
        import smac

        logging.getLogger("smac").setLevel(logging.ERROR)
        self.configspace, self.parameters = ConfigSpace, declared(space)
        self.config = self._config_space(seed)
        scenario = smac.Scenario(
            self.config,
            deterministic=True,
            n_trials=10**6,
            seed=seed,
            output_directory=Path(tempfile.mkdtemp(prefix="smac-")),
        )
        facade = smac.HyperparameterOptimizationFacade
        self.facade = facade(
            scenario,
            lambda config, seed=0: 0.0,
            initial_design=facade.get_initial_design(scenario, n_configs=N_INITIAL),
            overwrite=True,
            logging_level=logging.ERROR,
        )

    def _config_space(self, seed: int) -> Any:
        from ConfigSpace import AndConjunction, ConfigurationSpace, InCondition

        config = ConfigurationSpace(seed=seed)
        config.add([self._dimension(name, p) for name, p in self.parameters.items()])
        for name, parameter in self.parameters.items():
            conditions = [
                InCondition(config[name], config[parent], list(values))
                for parent, values in (parameter.when or {}).items()
            ]
            if conditions:
                config.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
        return config

    def _dimension(self, name: str, parameter: Any) -> Any:
        if isinstance(parameter, Categorical):
            return self.configspace.Categorical(name, parameter.values)
        kind = self.configspace.Integer if isinstance(parameter, Int) else self.configspace.Float
        return kind(name, (parameter.low, parameter.high), log=is_log(parameter))

    def ask(self) -> Proposal:
        info = self.facade.ask()
        configuration = active(self.parameters, lambda name, _: plain(info.config[name]))
        return Proposal(configuration, info)

    def tell(self, proposal: Proposal, loss: float) -> None:
        from smac.runhistory.dataclasses import TrialValue

        self.facade.tell(proposal.handle, TrialValue(cost=loss))

    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        from smac.runhistory.dataclasses import TrialInfo

        for configuration, loss in zip(configurations, losses, strict=True):
            config = self.configspace.Configuration(self.config, values=configuration)
            self.tell(Proposal(configuration, TrialInfo(config, seed=0)), loss)
