"""Search classes that the benchmark compares, with the search spaces translated for each peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from sklearn.model_selection import RandomizedSearchCV

from tuneplug.strategies import BayesianSearch

PARTS = ("time", "racing")
RANDOM, TUNEPLUG, RACING = "random", "tuneplug", "tuneplug, racing"
#: Halving scores training rows by default; the other classes do not.
HALVING = {"min_resources": "exhaust", "return_train_score": False}
#: Measured costs depend on the clock, so they need ``lag=None``.
COST_AWARE = {"strategy": BayesianSearch(cost_aware=True), "lag": None}

# ---------------------------------------------------------------- search spaces of peers


def skopt_dimension(declared: Any) -> Any:
    from skopt.space import Categorical, Integer, Real

    if isinstance(declared, list):
        return Categorical(declared)
    low, high = declared.support()
    if declared.dist.name == "randint":
        return Integer(int(low), int(high))
    return Real(low, high, "log-uniform" if declared.dist.name == "loguniform" else "uniform")


def optuna_distribution(declared: Any) -> Any:
    from optuna import distributions as kinds

    if isinstance(declared, list):
        return kinds.CategoricalDistribution(declared)
    low, high = declared.support()
    if declared.dist.name == "randint":
        return kinds.IntDistribution(int(low), int(high))
    return kinds.FloatDistribution(low, high, log=declared.dist.name == "loguniform")


# ---------------------------------------------------------------- searches


def _random(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    return RandomizedSearchCV(estimator, space, n_iter=n, **shared)


def _halving(estimator: Any, space: Any, n: int, **own: Any) -> Any:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    return HalvingRandomSearchCV(estimator, space, n_candidates=n, **own)


def _skopt(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    from skopt import BayesSearchCV

    dimensions = {name: skopt_dimension(declared) for name, declared in space.items()}
    return BayesSearchCV(estimator, dimensions, n_iter=n, **shared)


def _optuna(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    import optuna
    from optuna_integration import OptunaSearchCV

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    translated = {name: optuna_distribution(declared) for name, declared in space.items()}
    return OptunaSearchCV(estimator, translated, n_trials=n, **shared)


def _tuneplug(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    from tuneplug_sklearn import WarpedBayesSearchCV

    return WarpedBayesSearchCV(estimator, space, n_iter=n, **shared)


@dataclass(frozen=True)
class Entry:
    """Factory of a search, the distributions it needs, its parts, and its own arguments."""

    factory: Callable[..., Any]
    needs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("time",)
    own: Mapping[str, Any] = field(default_factory=dict)

    def make(self, estimator: Any, space: Any, n: int, **shared: Any) -> Any:
        """Return a search of ``n`` candidates."""
        return self.factory(estimator, space, n, **shared, **self.own)

    def described(self) -> str:
        """Return the arguments that the other searches do not have."""
        return ", ".join(f"{name}={value!r}" for name, value in self.own.items())

    def unavailable_reason(self) -> str | None:
        """Return why the search cannot run here, or None if it can."""
        missing = [package for package in self.needs if not installed(package)]
        return f"not installed: {', '.join(missing)}" if missing else None


def installed(package: str) -> bool:
    """Return whether a distribution is installed (``find_spec`` fails for optuna_integration)."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


SEARCHES = {
    RANDOM: Entry(_random, parts=PARTS),
    "halving": Entry(_halving, own=HALVING),
    "skopt": Entry(_skopt, ("scikit-optimize",)),
    "optuna": Entry(_optuna, ("optuna-integration",)),
    TUNEPLUG: Entry(_tuneplug, parts=PARTS),
    "tuneplug, arrival": Entry(_tuneplug, own={"lag": None}),
    "tuneplug, cost-aware": Entry(_tuneplug, own=COST_AWARE),
    RACING: Entry(_tuneplug, parts=PARTS, own={"racing": True}),
    "tuneplug, racing, cost-aware": Entry(_tuneplug, own={"racing": True, **COST_AWARE}),
}
