"""The resource of a search: rows of the training parts, or a parameter that counts work.

A candidate below the maximum is tried on a share of the rows, or with a smaller value of the
parameter, and only the promising ones are tried in full.
"""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuneplug import SearchSpace, Trial
from tuneplug.plugins import did_you_mean, warn_caller
from tuneplug.strategies import (
    AsynchronousHyperband,
    BayesianSearch,
    MultiFidelitySearch,
    RandomSearch,
)
from tuneplug_sklearn.lag import is_deterministic
from tuneplug_sklearn.subsampling import Subsampling, class_labels

if TYPE_CHECKING:
    from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = ["N_SAMPLES", "Resources", "check_resource", "resolve_resources"]

#: The resource that counts rows of X.
N_SAMPLES = "n_samples"
#: The automatic minimum: a share of the maximum, rows of each class, and rows of each class and
#: fold, as in scikit-learn's halving searches.
MIN_SHARE, MIN_PER_CLASS, MIN_PER_FOLD = 27, 30, 2
#: Rows of the smallest subsamples, relative to the minimum, above which a warning says so.
MAX_EXCESS = 1.25


@dataclass(frozen=True)
class Resources:
    """The resource of a search, its range and its levels.

    Attributes
    ----------
    name : str
        ``"n_samples"`` or the name of a parameter of the estimator.
    strategy : AsynchronousHyperband or MultiFidelitySearch
        Suggests candidates and their resource.
    n_samples : int
        Number of rows of X.
    """

    name: str
    strategy: AsynchronousHyperband | MultiFidelitySearch
    n_samples: int

    @property
    def levels(self) -> tuple[int, ...]:
        """The resources of candidates, in ascending order."""
        return self.strategy.levels

    @property
    def minimum(self) -> int:
        """The smallest resource of a candidate."""
        return self.levels[0]

    @property
    def maximum(self) -> int:
        """The resource of a full candidate."""
        return self.levels[-1]

    @property
    def fitted(self) -> dict[str, Any]:
        """The fitted attributes of the search."""
        return {"min_resources_": self.minimum, "max_resources_": self.maximum}

    def amount(self, trial: Trial) -> int:
        """Return the resource of a trial."""
        return self.maximum if trial.resource is None else trial.resource

    def share(self, trial: Trial) -> float:
        """Return the share of each training part that the fits of a trial use."""
        return self.amount(trial) / self.n_samples if self.name == N_SAMPLES else 1.0

    def params(self, trial: Trial) -> dict[str, Any]:
        """Return the parameters that a fit of a trial sets: with the resource, if it is one."""
        params = trial.proposed_params
        return params if self.name == N_SAMPLES else {**params, self.name: self.amount(trial)}

    def columns(
        self, trials: Sequence[Trial], subsampling: Subsampling | None
    ) -> dict[str, NDArray[Any]]:
        """Return the columns ``n_resources`` and ``iter``, the level from 0, of ``cv_results_``.

        Where groups stay whole, subsamples have more rows than the level, and these are counted.
        """
        amounts = [self.amount(trial) for trial in trials]
        used = {amount: self._used(amount, subsampling) for amount in amounts}
        return {
            "iter": np.searchsorted(self.levels, amounts),
            "n_resources": np.array([used[amount] for amount in amounts], dtype=np.int64),
        }

    def _used(self, amount: int, subsampling: Subsampling | None) -> int:
        """Return the rows that subsamples of an amount have; without them, the amount."""
        if subsampling is None:
            return amount
        return round(subsampling.used_share(amount / self.n_samples) * self.n_samples)

    def warn_of_large_groups(self, subsampling: Subsampling) -> None:
        """Warn if whole groups make the smallest subsamples much larger than the minimum."""
        used = self._used(self.minimum, subsampling)
        if used > MAX_EXCESS * self.minimum:
            warn_caller(
                f"groups stay whole, so that the smallest candidates have n_resources={used} "
                f"instead of {self.minimum}, and the budget of n_iter full candidates may be "
                f"exceeded: give min_resources={used}",
                UserWarning,
            )

    def max_candidates(self, n_iter: int) -> int:
        """Return the number of candidates with the minimum resource that the budget pays for."""
        return n_iter * math.ceil(self.maximum / self.minimum)


def resolve_resources(
    search: WarpedBayesSearchCV, X: Any, y: Any, cv: Any, split_params: Mapping[str, Any]
) -> Resources | None:
    """Return the resource of a search; None without one.

    Parameters
    ----------
    search : WarpedBayesSearchCV
    X, y : array-like
    cv : cross-validation generator
    split_params : mapping
        Arguments of its methods.

    Raises
    ------
    ValueError
        If an argument is wrong, or the strategy cannot use a resource.
    """
    if search.resource is None:
        _check_unused(search)
        return None
    make = _strategy_maker(search)
    n = int(X.shape[0]) if hasattr(X, "shape") else len(X)
    maximum = _maximum(search, n)
    if search.min_resources != "auto":
        minimum = int(search.min_resources)
    elif search.resource == N_SAMPLES:
        n_splits = int(cv.get_n_splits(X, y, **split_params))
        minimum = min(maximum, _auto_minimum(maximum, class_labels(search.estimator, y), n_splits))
    else:
        minimum = max(1, maximum // MIN_SHARE)
    if minimum > maximum:
        raise ValueError(
            f"min_resources must be at most max_resources, but got min_resources={minimum} and "
            f"max_resources={maximum}: give a smaller min_resources"
        )
    resources = Resources(
        search.resource, make(minimum, maximum, int(search.factor), budget=search.n_iter), n
    )
    if len(resources.levels) == 1:
        warn_caller(
            f"resource={search.resource!r} saves nothing, because no level lies between "
            f"min_resources={minimum} and max_resources={maximum}: every candidate is tried in "
            "full; give a smaller min_resources",
            UserWarning,
        )
    return resources


def _check_unused(search: WarpedBayesSearchCV) -> None:
    """Raise ValueError if an argument is given that needs a resource."""
    if isinstance(search.strategy, (AsynchronousHyperband, MultiFidelitySearch)):
        name = "bayesian" if isinstance(search.strategy, MultiFidelitySearch) else "hyperband"
        raise ValueError(
            f"strategy={search.strategy!r} chooses a resource for each candidate, but resource is "
            f"None: give resource='n_samples' or the name of a parameter, with strategy={name!r}, "
            "min_resources and max_resources"
        )
    defaults = {"min_resources": "auto", "max_resources": "auto", "factor": 3}
    values = {name: getattr(search, name) for name in defaults}
    given = [f"{name}={values[name]!r}" for name in defaults if values[name] != defaults[name]]
    if given:
        raise ValueError(
            f"{' and '.join(given)} must be left out without a resource, but resource is None: "
            "give resource='n_samples' or the name of a parameter"
        )


def _strategy_maker(
    search: WarpedBayesSearchCV,
) -> Callable[..., AsynchronousHyperband | MultiFidelitySearch]:
    """Return a function that makes the counterpart of a strategy that also chooses the resource.

    The name ``"bayesian"`` stands for a strategy that learns costs, unless the search is
    deterministic.

    Raises
    ------
    ValueError
        If the strategy has none.
    """
    strategy = search.strategy
    if strategy in ("hyperband", "random") or strategy == RandomSearch():
        return AsynchronousHyperband
    own = strategy
    if strategy == "bayesian":
        own = BayesianSearch(cost_aware=not is_deterministic(search))
    if isinstance(own, BayesianSearch) and not own.allow_repeats:
        return functools.partial(
            MultiFidelitySearch,
            warping=own.warping,
            inference=own.inference,
            n_initial=own.n_initial,
            cost_aware=own.cost_aware,
        )
    raise ValueError(
        "resource needs a strategy that chooses the resource of each candidate, 'bayesian', "
        f"'hyperband' or 'random', but got strategy={strategy!r}: give one of them, or leave "
        "resource out"
    )


def _maximum(search: WarpedBayesSearchCV, n: int) -> int:
    """Return the maximum resource."""
    maximum = search.max_resources
    if search.resource != N_SAMPLES:
        if maximum == "auto":
            if search.resource not in (params := search.estimator.get_params()):
                raise _unknown(search.resource, params)
            raise ValueError(
                f"max_resources must be an integer if resource is a parameter, but got 'auto' with "
                f"resource={search.resource!r}: give the value of {search.resource} of a full fit"
            )
        return int(maximum)
    if maximum == "auto":
        return n
    maximum = int(maximum)
    if maximum > n:
        raise ValueError(
            f"max_resources must be at most the number of rows, {n}, with resource='n_samples', "
            f"but got {maximum}: give a smaller number, or 'auto' for all rows"
        )
    return maximum


def _auto_minimum(maximum: int, labels: NDArray[np.intp] | None, n_splits: int) -> int:
    """Return the automatic minimum number of rows."""
    n_classes = 1 if labels is None else len(np.unique(labels))
    return max(maximum // MIN_SHARE, MIN_PER_CLASS * n_classes, MIN_PER_FOLD * n_splits * n_classes)


def _unknown(name: str | None, params: Mapping[str, Any]) -> ValueError:
    return ValueError(
        "resource must be 'n_samples' or a parameter of the estimator, but got "
        f"{name!r}{did_you_mean(name, [N_SAMPLES, *sorted(params)])}: valid parameters are "
        f"{sorted(params)}"
    )


def check_resource(name: str, space: SearchSpace, configured: Sequence[Any]) -> None:
    """Check that a resource is not searched, and that it is an integer parameter of the estimator.

    Parameters
    ----------
    name : str
        The resource.
    space : SearchSpace
    configured : sequence of estimator
        The estimator with configurations of the space.

    Raises
    ------
    ValueError
        If it is not.
    """
    if name in space.names:
        raise ValueError(
            f"resource must be no parameter of param_distributions, but got {name!r}, which is one "
            "of them: leave it out there; min_resources and max_resources are its range"
        )
    if name == N_SAMPLES:
        return
    for estimator in configured:
        params = estimator.get_params()
        if name not in params:
            raise _unknown(name, params)
        value = params[name]
        integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not integer and value is not None:
            raise ValueError(
                f"resource must be a parameter with integer values, but {name!r} is {value!r}: "
                "name one that counts work, such as max_iter or n_estimators"
            )
