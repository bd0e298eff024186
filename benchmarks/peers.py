"""Optimizers of the comparison, each behind the same ask and tell and with its own defaults.

``catalogue`` returns the optimizers that can run here, and a reason for each of the others. Peers
get one thread, as tuneplug does, a seed, and ten initial trials if they take their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from typing import Any, ClassVar

from _optimizers import (
    N_INITIAL,
    Optimizer,
    Proposal,
    Random,
    TunePlug,
    active,
    declared,
    is_log,
    one_torch_thread,
    plain,
)
from _optional_peers import BoTorch, Smac
from _tasks import Configuration

from tuneplug import Categorical, Int, SearchSpace
from tuneplug.strategies import BayesianSearch


class Optuna(Optimizer):
    """Optuna's study; a subclass picks the sampler, ``arguments`` go to ``create_study``."""

    sampler: ClassVar[str]

    def __init__(self, space: SearchSpace, seed: int, **arguments: Any) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna, self.parameters = optuna, declared(space)
        sampler = getattr(optuna.samplers, self.sampler)(seed=seed)
        self.study = optuna.create_study(sampler=sampler, **arguments)

    def ask(self) -> Proposal:
        trial = self.study.ask()

        def suggest(name: str, parameter: Any) -> Any:
            if isinstance(parameter, Categorical):
                return trial.suggest_categorical(name, parameter.values)
            whole = isinstance(parameter, Int)
            draw = trial.suggest_int if whole else trial.suggest_float
            return draw(name, parameter.low, parameter.high, log=is_log(parameter))

        return Proposal(active(self.parameters, suggest), trial)

    def tell(self, proposal: Proposal, loss: float) -> None:
        self.study.tell(proposal.handle, loss)

    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        ranges = {name: self._distribution(p) for name, p in self.parameters.items()}
        for configuration, loss in zip(configurations, losses, strict=True):
            own = {name: ranges[name] for name in configuration}
            trial = self.optuna.trial.create_trial(
                params=configuration, distributions=own, value=loss
            )
            self.study.add_trial(trial)

    def _distribution(self, parameter: Any) -> Any:
        kinds = self.optuna.distributions
        if isinstance(parameter, Categorical):
            return kinds.CategoricalDistribution(parameter.values)
        whole = isinstance(parameter, Int)
        kind = kinds.IntDistribution if whole else kinds.FloatDistribution
        return kind(parameter.low, parameter.high, log=is_log(parameter))


class OptunaTPE(Optuna):
    """Optuna's default: tree-structured Parzen estimators."""

    sampler = "TPESampler"


class OptunaGP(Optuna):
    """Optuna's Gaussian process."""

    sampler = "GPSampler"

    def __init__(self, space: SearchSpace, seed: int) -> None:
        one_torch_thread(seed)
        super().__init__(space, seed)


class Skopt(Optimizer):
    """scikit-optimize's Gaussian process; ignores pending proposals, so one worker only."""

    parallel = False

    def __init__(self, space: SearchSpace, seed: int) -> None:
        import skopt

        self.dimensions, self.parameters = skopt.space, declared(space)
        self.optimizer = skopt.Optimizer(
            [self._dimension(p) for p in self.parameters.values()],
            base_estimator="GP",
            n_initial_points=N_INITIAL,
            random_state=seed,
        )

    def _dimension(self, parameter: Any) -> Any:
        if isinstance(parameter, Categorical):
            return self.dimensions.Categorical(parameter.values)
        kind = self.dimensions.Integer if isinstance(parameter, Int) else self.dimensions.Real
        prior = "log-uniform" if is_log(parameter) else "uniform"
        return kind(parameter.low, parameter.high, prior=prior)

    def ask(self) -> Proposal:
        point = [plain(value) for value in self.optimizer.ask()]
        by_name = dict(zip(self.parameters, point, strict=True))
        return Proposal(active(self.parameters, lambda name, _: by_name[name]), point)

    def tell(self, proposal: Proposal, loss: float) -> None:
        self.optimizer.tell(proposal.handle, loss)

    def observe(self, configurations: Sequence[Configuration], losses: Sequence[float]) -> None:
        points = [
            [configuration[name] for name in self.parameters] for configuration in configurations
        ]
        self.optimizer.tell(points, list(losses))


@dataclass(frozen=True)
class Entry:
    """Class of an optimizer, its arguments, and the modules it needs."""

    kind: type[Optimizer]
    needs: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)

    def make(self, space: SearchSpace, seed: int) -> Optimizer:
        """Return a fresh optimizer."""
        return self.kind(space, seed, **self.arguments)

    def unavailable_reason(self, workers: int = 1) -> str | None:
        """Return why the optimizer cannot run with this many workers, or None if it can."""
        if missing := [module for module in self.needs if find_spec(module) is None]:
            return f"not installed: {', '.join(missing)}"
        known = {f.name for f in fields(BayesianSearch)}
        if self.kind is TunePlug and (unknown := sorted(set(self.arguments) - known)):
            return f"this tuneplug has no {', '.join(unknown)}"
        if workers > 1 and not self.kind.parallel:
            return "does not see running trials"
        return None


OPTIMIZERS = {
    "tuneplug": Entry(TunePlug),
    "tuneplug-nowarp": Entry(TunePlug, arguments={"warping": False}),
    "tuneplug-mcmc": Entry(TunePlug, arguments={"inference": "mcmc"}),
    "random": Entry(Random),
    "optuna-tpe": Entry(OptunaTPE, ("optuna",)),
    "optuna-gp": Entry(OptunaGP, ("optuna", "torch", "scipy")),
    "skopt-gp": Entry(Skopt, ("skopt",)),
    "botorch": Entry(BoTorch, ("botorch",)),
    "smac": Entry(Smac, ("smac",)),
}


def catalogue(names: Iterable[str], workers: int = 1) -> tuple[list[str], dict[str, str]]:
    """Return the optimizers that can run, and the reason of each skipped one.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    names = list(names)
    if unknown := [name for name in names if name not in OPTIMIZERS]:
        raise ValueError(f"no optimizer is called {unknown}; there are {list(OPTIMIZERS)}")
    reasons = {name: OPTIMIZERS[name].unavailable_reason(workers) for name in names}
    skipped = {name: reason for name, reason in reasons.items() if reason is not None}
    return [name for name in names if name not in skipped], skipped
