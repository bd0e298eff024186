"""Search classes that the benchmark compares, with the search spaces translated for each peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any

from sklearn.model_selection import RandomizedSearchCV

from tuneplug.strategies import BayesianSearch

PARTS = ("time", "racing")
RANDOM, TUNEPLUG, RACING = "random", "tuneplug", "tuneplug, racing"

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


def halving(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    # Halving scores training rows by default; the other classes do not.
    own = {"n_candidates": n, "min_resources": "exhaust", "return_train_score": False}
    return HalvingRandomSearchCV(estimator, space, **own, **shared)


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


def _tuneplug(estimator: Any, space: Any, n: int, *, own: Any = None, **shared: Any) -> Any:
    from tuneplug_sklearn import WarpedBayesSearchCV

    return WarpedBayesSearchCV(estimator, space, n_iter=n, **shared, **(own or {}))


def _cost_aware(estimator: Any, space: Any, n: int, **shared: Any) -> Any:
    own = {"lag": None, "strategy": BayesianSearch(cost_aware=True)}
    return _tuneplug(estimator, space, n, own=own, **shared)


@dataclass(frozen=True)
class Entry:
    """Factory of a search, the distributions it needs, and the parts it belongs to."""

    make: Callable[..., Any]
    needs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("time",)

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
    "halving": Entry(halving),
    "skopt": Entry(_skopt, ("scikit-optimize",)),
    "optuna": Entry(_optuna, ("optuna-integration",)),
    TUNEPLUG: Entry(_tuneplug, parts=PARTS),
    "tuneplug, arrival": Entry(partial(_tuneplug, own={"lag": None})),
    "tuneplug, cost-aware": Entry(_cost_aware),
    RACING: Entry(partial(_tuneplug, own={"racing": True}), parts=("racing",)),
}
