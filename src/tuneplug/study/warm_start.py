"""Read the earlier searches that a study starts from."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypeGuard, get_args

import numpy as np

from tuneplug.errors import check_choice, safe_repr, warn_caller
from tuneplug.space import Categorical, SearchSpace
from tuneplug.study.file_categories import FileCategories
from tuneplug.study.results import StudyResults
from tuneplug.trial import Observation, OverallBest, Parent, TrialState

__all__ = ["WarmStartType", "read_parents"]

WarmStartType = Literal["identical", "transfer"]

#: Maximum number of parents, as in SageMaker Automatic Model Tuning.
MAX_PARENTS = 5
#: Maximum number of different errors of rows in the warning.
MAX_ERRORS = 10
#: State of rows that are learned from, in ``to_frame`` and in ``cv_results_``.
COMPLETE = TrialState.COMPLETE.value


@dataclass(frozen=True)
class _Row:
    """A result of a parent; the loss is smaller for better values."""

    params: Mapping[str, Any]
    loss: float
    cost: float | None = None
    constraints: tuple[float, ...] | None = None


def read_parents(
    sources: Any,
    warm_start_type: Any,
    space: SearchSpace,
    sign: float,
    *,
    metric: str | None = None,
    resource: str | None = None,
) -> tuple[Parent, ...]:
    """Return the parents of a study.

    Parameters
    ----------
    sources : sequence or None
        One to five studies, fitted searches, ``cv_results_`` or data frames; None for no parent.
    warm_start_type : {"identical", "transfer"}
    space : SearchSpace
        The space of the study.
    sign : float
        1 if the study minimizes, -1 if it maximizes.  A data frame of ``Study.to_frame`` that does
        not tell its direction is read with that of the study.
    metric : str or None, default None
        Metric to read from ``cv_results_`` with several.
    resource : str or None, default None
        Parameter that is the resource of the study's trials, and not in its space.

    Raises
    ------
    TypeError
        If a parent, or the list of them, is something else, or a result is no number.
    ValueError
        If there are no parents or more than five, if the type is unknown, or if a parent has no
        usable result.  The message lists the mistakes of all parents.
    """
    check_choice("warm_start_type", warm_start_type, get_args(WarmStartType))
    if sources is None:
        if warm_start_type != "identical":
            warn_caller(
                f"warm_start_type={warm_start_type!r} has no effect without earlier searches: give "
                "them as warm_start_from=[...], or leave it out",
                UserWarning,
            )
        return ()
    if not isinstance(sources, (list, tuple)):
        raise TypeError(
            f"warm_start_from must be a list of earlier searches, but got {safe_repr(sources)}: "
            "put brackets around it"
        )
    if not 1 <= len(sources) <= MAX_PARENTS:
        raise ValueError(
            f"warm_start_from must have one to {MAX_PARENTS} earlier searches, but got "
            f"{len(sources)}: {'leave it out' if not sources else 'choose the most similar ones'}"
        )
    reader = _Reader(space, warm_start_type == "identical", sign, metric, resource)
    parents: list[Parent] = []
    mistakes: list[str] = []
    kinds: set[type[Exception]] = set()
    for number, source in enumerate(sources):
        try:
            parents.append(reader.read(number, source))
        except (TypeError, ValueError) as error:
            mistakes.append(f"number {number}: {error}")
            kinds.add(TypeError if isinstance(error, TypeError) else ValueError)
    if mistakes:
        kind = TypeError if kinds == {TypeError} else ValueError
        raise kind(
            "warm_start_from must hold studies, fitted searches, cv_results_ or data frames with "
            "results for this space, but " + "; ".join(mistakes)
        )
    reader.warn()
    return tuple(parents)


class _Reader:
    """Reads parents, and counts the rows that are left out."""

    def __init__(
        self,
        space: SearchSpace,
        identical: bool,
        sign: float,
        metric: str | None,
        resource: str | None,
    ) -> None:
        self.space, self.identical, self.sign = space, identical, sign
        self.metric, self.resource = metric, resource
        self.n_rows = 0
        self.errors: list[str] = []

    def read(self, number: int, source: Any) -> Parent:
        """Return the parent of that position."""
        rows = list(self._rows(source))
        if not rows:
            raise ValueError("it has no finite result: leave it out")
        self.n_rows += len(rows)
        placing = _Placing.of(self.space, rows, identical=self.identical)
        known, errors = [], []
        for row in rows:
            try:
                point = self.space.locate(placing.place(row.params))
            except ValueError as error:
                errors.append(str(error))
            else:
                cost = row.cost if self.identical else None
                known.append(Observation(point, row.loss, cost, row.constraints))
        if not known:
            raise ValueError(
                f"none of its {len(rows)} configurations is in the space: {_distinct(errors)}"
            )
        self.errors += errors
        best = _best(rows)
        overall = None
        if best is not None:
            params = placing.restored(best.params) if self.identical else dict(best.params)
            overall = OverallBest(params, self.sign * best.loss, number)
        distinct = {one.identity: one for one in reversed(known)}  # the first of each
        return Parent(tuple(reversed(distinct.values())), self.identical, placing.absent, overall)

    def warn(self) -> None:
        """Warn once of all rows that are left out."""
        if self.errors:
            warn_caller(
                f"{len(self.errors)} of {self.n_rows} earlier configurations are not in the space "
                f"and are left out: {_distinct(self.errors)}",
                UserWarning,
            )

    def _rows(self, source: Any) -> Iterator[_Row]:
        if isinstance(source, StudyResults):
            return _study_rows(source)
        if hasattr(source, "cv_results_"):
            return self._search_rows(source.cv_results_)
        table = source
        if hasattr(source, "columns") and hasattr(source, "to_dict"):
            table = {str(name): source[name].to_list() for name in source.columns}
            if "value" in table:
                direction = getattr(source, "attrs", {}).get("direction")
                return _frame_rows(table, _sign_of(direction, self.sign))
        if not isinstance(table, Mapping):
            raise TypeError(
                f"got {safe_repr(source)}: pass a study, a fitted search, its cv_results_, or "
                "study.to_frame()"
            )
        return self._search_rows(table)

    def _search_rows(self, results: Mapping[str, Any]) -> Iterator[_Row]:
        """Yield the rows of ``cv_results_`` that have a score, of the maximum resource only."""
        scores = _scores(results, self.metric)
        configurations = _configurations(results, len(scores))
        if len(configurations) != len(scores):
            raise ValueError(
                f"got {len(configurations)} configurations and {len(scores)} scores: pass "
                "search.cv_results_ unchanged"
            )
        kept = _full_rows(results, len(scores))
        costs = _costs(results, len(scores))
        constraints = _constraints(results, "mean_constraint_", len(scores))
        _check_numbers({row: score for row, score in enumerate(scores) if row in kept})
        for row, (params, score) in enumerate(zip(configurations, scores, strict=True)):
            loss = _number(score)
            if row not in kept or not math.isfinite(loss):
                continue
            if not isinstance(params, Mapping):
                raise TypeError(
                    f"a configuration must map names to values, but got {safe_repr(params)}: pass "
                    "search.cv_results_"
                )
            own = {name: value for name, value in params.items() if name != self.resource}
            yield _Row(own, -loss, costs[row], constraints[row])


@dataclass(frozen=True)
class _Placing:
    """How to make configurations of a space from those of a parent.

    Attributes
    ----------
    fill : dict
        Values of parameters that the parent did not have.
    dropped : frozenset of str
        Parameters of the parent that the space does not have.
    absent : tuple of int
        Columns of parameters that the parent did not have, apart from constants.
    categories : FileCategories
        What values that went through a file stand for.
    """

    space: SearchSpace
    fill: dict[str, Any]
    dropped: frozenset[str]
    absent: tuple[int, ...]
    categories: FileCategories

    @classmethod
    def of(cls, space: SearchSpace, rows: Sequence[_Row], *, identical: bool) -> _Placing:
        """Compare the names of a parent with those of the space.

        A constant of the space is filled in.  With other data a missing parameter is filled in as
        well, and an unknown one is dropped, if neither decides which parameters are active.
        """
        names = {name for row in rows for name in row.params}
        unknown = frozenset(names - set(space.names))
        fill = {
            name: parameter.from_unit(np.array([0.5]))[0]
            for subspace in space.subspaces
            for name, parameter in subspace.items()
            if name not in names and not parameter.when and parameter.size == 1
        }
        plain = space.n_subspaces == 1 and not any(p.when for p in space.subspaces[0].values())
        if identical or not plain or not names & set(space.column_names):
            return cls(space, fill, frozenset(), (), FileCategories(space))
        absent = [i for i, name in enumerate(space.column_names) if name not in names]
        middle = space.decode(np.full(space.n_dimensions, 0.5))
        fill |= {space.column_names[i]: middle[space.column_names[i]] for i in absent}
        return cls(space, fill, unknown, tuple(absent), FileCategories(space))

    def place(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration of the space; ``locate`` says whether it is one."""
        kept = {name: value for name, value in params.items() if name not in self.dropped}
        given = {name: self.categories.of(name, value) for name, value in kept.items()}
        own = self.fill | given
        present = {name: value for name, value in own.items() if not _is_missing(value)}
        if len(present) == len(own):
            return own
        # A table cannot tell the category None from an inactive parameter.
        none = {name: None for name in own if name not in present and self._has_none(name)}
        for guess in (own, own | none, present | none):
            try:
                self.space.encode(guess)
            except ValueError:
                continue
            return guess
        return present | none

    def restored(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration with the categories and types of the space, if it is in it."""
        placed = self.place(params)
        try:
            return self.space.canonical(placed)
        except ValueError:
            return placed

    def _has_none(self, name: str) -> bool:
        """Whether None is a category of a parameter."""
        found = [subspace[name] for subspace in self.space.subspaces if name in subspace]
        return any(None in p.values for p in found if isinstance(p, Categorical))


# ------------------------------------------------------------------ rows of each kind of parent


def _study_rows(study: StudyResults) -> Iterator[_Row]:
    sign = study.history.sign
    for trial in study.history.in_state(TrialState.COMPLETE, fidelity=1.0):
        assert trial.value is not None, "a completed trial has a value"
        yield _Row(trial.params, sign * trial.value, trial.cost, trial.constraints)


def _frame_rows(table: Mapping[str, list[Any]], sign: float) -> Iterator[_Row]:
    """Yield the complete rows of ``Study.to_frame``."""
    names = [name for name in table if name.startswith("param_")]
    if not names:
        raise ValueError(f"its columns are {sorted(table)}: pass study.to_frame() unchanged")
    n = len(table["value"])
    states, shares = table.get("state", [COMPLETE] * n), table.get("fidelity", [1.0] * n)
    costs = table.get("cost", [None] * n)
    constraints = _constraints(table, "constraint_", n)
    full = [row for row in range(n) if states[row] == COMPLETE and shares[row] == 1.0]
    _check_numbers({row: table["value"][row] for row in full})
    for row in full:
        loss = sign * _number(table["value"][row])
        if math.isfinite(loss):
            params = {name.removeprefix("param_"): table[name][row] for name in names}
            yield _Row(params, loss, _cost(costs[row]), constraints[row])


def _check_numbers(results: Mapping[int, Any]) -> None:
    """Check that the results of complete rows are numbers or missing."""
    wrong = [
        f"{safe_repr(value)} in row {row}"
        for row, value in results.items()
        if not _is_number(value) and not _is_missing(value)
    ]
    if wrong:
        n_more = len(wrong) - MAX_ERRORS
        more = [f"and {n_more} more"] if n_more > 0 else []
        raise TypeError(
            f"its results must be numbers, but got {', '.join(wrong[:MAX_ERRORS] + more)}: convert "
            "them, for example by pandas.to_numeric"
        )


def _best(rows: Sequence[_Row]) -> _Row | None:
    """Return the best feasible row; None if no row is feasible."""
    constrained = any(row.constraints is not None for row in rows)
    none = (math.inf if constrained else 0.0,)
    feasible = [row for row in rows if max(row.constraints or none) <= 0.0]
    return min(feasible, key=lambda row: row.loss, default=None)


def _constraints(
    table: Mapping[str, Any], prefix: str, n_rows: int
) -> list[tuple[float, ...] | None]:
    """Return the constraints of each row; None where one is unknown, or without constraints."""
    names: list[str] = []
    while f"{prefix}{len(names)}" in table:
        names.append(f"{prefix}{len(names)}")
    rows = [tuple(_number(table[name][row]) for name in names) for row in range(n_rows)]
    return [values if values and all(map(math.isfinite, values)) else None for values in rows]


def _sign_of(direction: object, own: float) -> float:
    """Return the sign of a direction; the study's own if it is unknown."""
    return {"minimize": 1.0, "maximize": -1.0}.get(str(direction), own)


def _scores(results: Mapping[str, Any], metric: str | None) -> Any:
    """Return the mean test scores of the metric, or of the only one."""
    names = [n.removeprefix("mean_test_") for n in map(str, results) if n.startswith("mean_test_")]
    only = len(names) == 1 and (metric is None or names == ["score"])
    name = names[0] if only else metric or "score"
    if name not in names and metric is None and len(names) > 1:
        raise ValueError(
            f"cv_results_ must have one metric, but has {names}: name one of them as "
            "objective_metric of the search, or leave out the columns of the others"
        )
    if name not in names:
        raise ValueError(
            f"cv_results_ must have 'params' and 'mean_test_{name}', but got the keys "
            f"{sorted(map(str, results))}: pass search.cv_results_"
        )
    return results[f"mean_test_{name}"]


def _configurations(results: Mapping[str, Any], n_rows: int) -> Sequence[Any]:
    """Return the configurations; from the columns of single parameters in a table from a file."""
    found = results.get("params")
    if found is not None and not any(isinstance(params, str) for params in found):
        return list(found)
    names = [str(name) for name in results if str(name).startswith("param_")]
    if not names:
        raise ValueError(
            "cv_results_ must have 'params', but got the keys "
            f"{sorted(map(str, results))}: pass search.cv_results_"
        )
    columns = {name.removeprefix("param_"): results[name] for name in names}
    return [{name: column[row] for name, column in columns.items()} for row in range(n_rows)]


def _full_rows(results: Mapping[str, Any], n_rows: int) -> set[int]:
    """Return the rows of complete candidates with the maximum resource."""
    amounts = np.asarray(results.get("n_resources", np.zeros(n_rows)))
    states = results.get("trial_state", [COMPLETE] * n_rows)
    full = np.flatnonzero(amounts == amounts.max(initial=0)).tolist()
    return {row for row in full if states[row] == COMPLETE}


def _costs(results: Mapping[str, Any], n_rows: int) -> list[float | None]:
    """Return the seconds of fits and scores of each row over all folds; None where unknown."""
    folds = {found[0] for name in results if (found := re.match(r"split\d+(?=_test_)", str(name)))}
    times = [results.get(f"mean_{kind}_time") for kind in ("fit", "score")]
    if not folds or any(column is None or len(column) != n_rows for column in times):
        return [None] * n_rows
    seconds = len(folds) * np.sum(np.asarray(times, dtype=np.float64), axis=0)
    return [_cost(cost) for cost in seconds.tolist()]


def _cost(value: Any) -> float | None:
    cost = _number(value)
    return cost if 0.0 <= cost < math.inf else None


def _number(value: Any) -> float:
    """Return a real number as a float; NaN for anything else."""
    return float(value) if _is_number(value) else math.nan


def _is_number(value: Any) -> TypeGuard[Real]:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_missing(value: object) -> bool:
    """Whether a value is what a table has in an empty cell."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "MaskedConstant")
    )


def _distinct(errors: Sequence[str]) -> str:
    """Return the different errors with their counts, the most frequent ones first."""
    counts = Counter(errors).most_common(MAX_ERRORS)
    n_more = len(set(errors)) - len(counts)
    more = [f"and {n_more} other errors"] if n_more else []
    return "; ".join([f"{error} ({count}x)" for error, count in counts] + more)
