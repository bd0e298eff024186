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
from tuneplug_matplotlib.fitted_search import (
    check_fitted,
    column_of_trials,
    feasible_rows,
    full_rows,
    metric_of,
    space_of,
)

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
    feasible : sequence of n bool, default None
        Whether the constraints of each trial hold.  If None, all do.
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
    feasible: Sequence[bool] | None = None
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
            feasible=[trial.is_feasible for trial in shown],
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
        check_fitted(search)
        results, main = search.cv_results_, metric_of(search, None, missing_ok=True)
        metric = metric_of(search, metric)
        rows, space = full_rows(search), space_of(search)
        folds = [results[f"split{i}_test_{metric}"] for i in range(search.n_splits_)]
        params = [dict(results["params"][row]) for row in rows]
        scoring = getattr(search, "scoring", None)
        return cls(
            values=np.asarray(results[f"mean_test_{metric}"])[rows],
            configurations=[{k: v for k, v in p.items() if k in space.names} for p in params],
            space=space,
            value_name=scoring if metric == "score" and isinstance(scoring, str) else metric,
            name=type(search).__name__,
            states=column_of_trials(search, "trial_state", rows),
            origins=column_of_trials(search, "origin", rows),
            numbers=rows.tolist(),
            fold_values=np.stack(folds, axis=1)[rows],
            feasible=feasible_rows(search, rows),
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
        """Whether each trial can be best: complete with a value and feasible, shape (n,)."""
        kinds = self.kinds
        others = ("failed", "stopped", "infeasible")
        return np.array([kind not in others for kind in kinds], dtype=bool)

    @cached_property
    def kinds(self) -> list[str]:
        """Kind of each trial: startup, model, exploration, infeasible, stopped, failed or trial."""
        known = self.origins if self.origins is not None else [""] * len(self)
        guided = any(origin in BY_MODEL for origin in known)
        found = []
        for row, origin in enumerate(known):
            state = None if self.states is None else self.states[row]
            if state == TrialState.STOPPED.value:
                found.append("stopped")
            elif np.isnan(self.y[row]):
                found.append("failed")
            elif self.feasible is not None and not self.feasible[row]:
                found.append("infeasible")
            elif origin in BY_MODEL:
                found.append(origin)
            else:
                found.append("startup" if guided else "trial")
        return found

    @cached_property
    def complete_losses(self) -> FloatArray:
        """Losses of the complete, feasible trials, NaN for all others, shape (n,)."""
        return np.where(self.complete, self.losses, np.nan)

    @property
    def best(self) -> int | None:
        """Row of the best complete, feasible trial; None without such a trial."""
        return self.best_among(self.complete)

    def best_among(self, rows: NDArray[np.bool_]) -> int | None:
        """Return the row of the best complete trial among ``rows``; None without a complete trial.

        Parameters
        ----------
        rows : ndarray of bool of shape (n,)
        """
        losses = np.where(rows, self.complete_losses, np.nan)
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
