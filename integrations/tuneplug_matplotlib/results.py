"""The results that displays draw, from a study, a storage or a fitted search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tuneplug import SearchSpace, Study, TrialState
from tuneplug.storage import Storage
from tuneplug.strategies import LearnedModel, ParameterImportance
from tuneplug.trial import Direction

__all__ = ["FloatArray", "Results", "finite"]

FloatArray = NDArray[np.float64]
#: Origins of trials that the model suggested, or that explored a plateau of it.
BY_MODEL = ("model", "exploration")


def finite(values: ArrayLike) -> FloatArray:
    """Return values with NaN in place of infinite ones."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


@dataclass(kw_only=True, eq=False)
class Results:
    """The results of n trials or candidates, in order.

    Parameters
    ----------
    values : array-like of shape (n,)
        Value of the objective or mean test score; NaN for a missing one.
    configurations : sequence of n mappings, default ()
    space : SearchSpace, default None
        Needed by all displays of parameters.
    direction : {"minimize", "maximize"}, default "maximize"
    value_name : str, default "score"
        Name of the values on the axes.
    name : str, default None
        Name of the search in legends.
    states : sequence of n str, default None
        State of each trial, as ``TrialState`` spells it.  If None, a trial without a value has
        failed, and all others are complete.
    origins : sequence of n str, default None
        Source of each configuration, as ``Trial.origin`` spells it; unknown if None.
    numbers : sequence of n int, default None
        Numbers of the trials.  If None, 0 to n - 1.
    fold_values : array-like of shape (n, k), default None
        Values of k folds.
    study : Study, default None
        The study that the results are of, for its model, reports and times.
    """

    values: ArrayLike
    configurations: Sequence[Mapping[str, Any]] = ()
    space: SearchSpace | None = None
    direction: Direction = "maximize"
    value_name: str = "score"
    name: str | None = None
    states: Sequence[str] | None = None
    origins: Sequence[str] | None = None
    numbers: Sequence[int] | None = None
    fold_values: ArrayLike | None = None
    study: Study | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.y: FloatArray = finite(self.values)
        if self.configurations and len(self.configurations) != len(self.y):
            raise ValueError(
                f"configurations must be one for each of {len(self.y)} values, but got "
                f"{len(self.configurations)}"
            )
        self.trials: list[int] = list(range(len(self.y)) if self.numbers is None else self.numbers)

    @classmethod
    def from_study(cls, study: Study) -> Results:
        """Return the ended trials of full fidelity of a study.

        Raises
        ------
        ValueError
            If no trial has ended.
        """
        shown = [trial for trial in study.trials if trial.state.ended and trial.is_full]
        if not shown:
            raise ValueError("a display needs ended trials, but the study has none: run optimize()")
        return cls(
            values=[np.nan if trial.value is None else trial.value for trial in shown],
            configurations=[trial.params for trial in shown],
            space=study.space,
            direction=study.direction,
            value_name="value",
            name=study.name,
            states=[trial.state.value for trial in shown],
            origins=[trial.origin for trial in shown],
            numbers=[trial.number for trial in shown],
            study=study,
        )

    @classmethod
    def from_storage(cls, storage: str | Storage, name: str, **options: Any) -> Results:
        """Return the results of a stored study; ``options`` are those of ``Study.load``."""
        return cls.from_study(Study.load(storage, name, **options))

    @classmethod
    def from_estimator(cls, search: Any, metric: str | None = None) -> Results:
        """Return the results of a fitted search, from its attributes.

        Of a search with a resource, only candidates with the full resource are returned.

        Parameters
        ----------
        search : fitted search
            A ``WarpedBayesSearchCV``, or a search of scikit-learn or of its kind.
        metric : str, default None
            If None, the only metric, or the one that ``refit`` names.

        Raises
        ------
        NotFittedError
            If the search has no ``cv_results_``.
        ValueError
            If the search has no such metric, or if it has several and ``metric`` is None.
        """
        _check_fitted(search)
        results, main = search.cv_results_, _metric_of(search, None, missing_ok=True)
        metric = _metric_of(search, metric)
        rows, space = _full_rows(search), _space_of(search)
        folds = [results[f"split{i}_test_{metric}"] for i in range(search.n_splits_)]
        params = [dict(results["params"][row]) for row in rows]
        scoring = getattr(search, "scoring", None)
        return cls(
            values=np.asarray(results[f"mean_test_{metric}"])[rows],
            configurations=[{k: v for k, v in p.items() if k in space.names} for p in params],
            space=space,
            value_name=scoring if metric == "score" and isinstance(scoring, str) else metric,
            name=type(search).__name__,
            states=_column(search, "trial_state", rows),
            origins=_column(search, "origin", rows),
            numbers=rows.tolist(),
            fold_values=np.stack(folds, axis=1)[rows],
            study=getattr(search, "study_", None) if metric == main else None,
        )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sign(self) -> float:
        """1 if smaller values are better, -1 if larger ones are."""
        return 1.0 if self.direction == "minimize" else -1.0

    @cached_property
    def losses(self) -> FloatArray:
        """Values with the sign that makes smaller ones better, shape (n,)."""
        return self.sign * self.y

    @cached_property
    def complete(self) -> NDArray[np.bool_]:
        """Whether each trial has completed with a value, shape (n,)."""
        kinds = self.kinds
        return np.array([k not in ("failed", "stopped") for k in kinds], dtype=bool)

    @cached_property
    def kinds(self) -> list[str]:
        """Kind of each trial: startup, model, exploration, stopped, failed or trial."""
        known = self.origins if self.origins is not None else [""] * len(self)
        guided = any(origin in BY_MODEL for origin in known)
        found = []
        for row, origin in enumerate(known):
            state = None if self.states is None else self.states[row]
            if state == TrialState.STOPPED.value:
                found.append("stopped")
            elif np.isnan(self.y[row]):
                found.append("failed")
            elif origin in BY_MODEL:
                found.append(origin)
            else:
                found.append("startup" if guided else "trial")
        return found

    @property
    def best(self) -> int | None:
        """Row of the best complete trial; None if there is none."""
        losses = np.where(self.complete, self.losses, np.nan)
        return None if np.isnan(losses).all() else int(np.nanargmin(losses))

    def required_space(self) -> SearchSpace:
        """Return the space.

        Raises
        ------
        ValueError
            If it is not known, or there are no configurations.
        """
        if self.space is None or len(self.configurations) == 0:
            raise ValueError("results must have a space and configurations for this display")
        return self.space

    @cached_property
    def model(self) -> LearnedModel:
        """The model of the objective: that of the study, or one of the results alone.

        Raises
        ------
        ValueError
            If fewer than two trials have a value.
        """
        space, study = self.required_space(), self.study
        if study is None:
            study = Study(space, direction=self.direction, seed=0)
            for configuration, value in zip(self.configurations, self.y, strict=True):
                if np.isfinite(value):
                    study.add_observation(configuration, float(value))
        found = study.learned_model()
        if found is None:
            n = int(np.isfinite(self.y).sum())
            raise ValueError(
                "a model needs at least two trials with a value and one parameter that varies, but "
                f"got {n} values and {space.n_dimensions} parameters: try more"
            )
        return found

    @cached_property
    def importances(self) -> list[ParameterImportance]:
        """Importance of each parameter, most important first."""
        found = self.model.importances()
        return sorted(found, key=lambda share: -share.total)


def _check_fitted(search: Any) -> None:
    if hasattr(search, "cv_results_"):
        return
    if not hasattr(search, "fit"):
        raise TypeError(
            f"search must be a fitted search, but got a {type(search).__name__}: pass a Study to "
            "from_study"
        )
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(search, "cv_results_")


def _metric_of(search: Any, metric: str | None, *, missing_ok: bool = False) -> str:
    """Return ``metric``; if None, the only metric, or the one that ``refit`` names."""
    head = "mean_test_"
    names: list[str] = [
        key.removeprefix(head) for key in search.cv_results_ if key.startswith(head)
    ]
    refit = getattr(search, "refit", None)
    if metric is None and len(names) == 1:
        return names[0]
    if metric is None and isinstance(refit, str):
        metric = refit
    if metric is None and missing_ok:
        return ""
    if metric is None:
        raise ValueError(f"metric must be given if refit names none of several: one of {names}")
    if metric not in names:
        raise ValueError(f"metric must be one of {names}, but got {metric!r}")
    return metric


def _full_rows(search: Any) -> NDArray[np.int_]:
    """Return the rows of candidates with the full resource; all rows without a resource."""
    results = search.cv_results_
    full = np.ones(len(results["params"]), dtype=bool)
    if getattr(search, "resource", None) is not None and hasattr(search, "study_"):
        amounts = np.asarray(results["n_resources"])
        full = amounts >= min(search.max_resources_, amounts.max())  # more with whole groups
    return np.flatnonzero(full)


def _space_of(search: Any) -> SearchSpace:
    """Return the space of a search: that of its study, or what scikit-learn's declares."""
    study = getattr(search, "study_", None)
    if study is not None:
        space: SearchSpace = study.space
        return space
    for name in ("param_distributions", "param_grid"):
        if hasattr(search, name):
            return SearchSpace(getattr(search, name))
    raise ValueError(
        "the search must have a study_, param_distributions or param_grid, "
        f"but got a {type(search).__name__}"
    )


def _column(search: Any, name: str, rows: NDArray[np.int_]) -> list[str] | None:
    """Return the states or origins of candidates; None if the search does not know them."""
    results, study = search.cv_results_, getattr(search, "study_", None)
    if name in results:
        return [str(results[name][row]) for row in rows]
    if study is None or len(study.trials) != len(results["params"]):
        return None
    trials = [study.trials[row] for row in rows]
    return [t.state.value if name == "trial_state" else t.origin for t in trials]
