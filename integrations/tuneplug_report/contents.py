"""Facts about a study or a fitted search, as the texts and rows of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneplug import Categorical, SearchSpace, Study, TrialState
from tuneplug.strategies import WarpCurve
from tuneplug.trial import Trial
from tuneplug_matplotlib import Results
from tuneplug_report.texts import MAX_TRACEBACK, last_line, number, seconds, shown

__all__ = [
    "Group",
    "Source",
    "ends_of",
    "facts_of",
    "failures_of",
    "space_rows",
    "stopped_of",
    "time_facts",
    "warp_rows",
]

#: Maximum number of groups of failures or of stopped trials, and of trial numbers of each.
N_GROUPS, N_NUMBERS = 50, 20
#: Number of categories that are listed.
N_CATEGORIES = 12


@dataclass(frozen=True)
class Source:
    """The study or the fitted search of a report.

    Attributes
    ----------
    name : str
    study : Study or None
    search : fitted search or None
    results : Results or None
        None if no trial has ended.
    """

    name: str
    study: Study | None
    search: Any
    results: Results | None

    @classmethod
    def of(cls, source: Any, metric: str | None = None) -> Source:
        """Return a study or a fitted search as the source of a report.

        Raises
        ------
        TypeError
            If it is neither.
        NotFittedError
            If the search is not fitted.
        ValueError
            If the search has no such metric, or has several and ``metric`` is None.
        """
        if isinstance(source, Study):
            if metric is not None:
                raise ValueError(f"metric must be None for a study, but got {metric!r}")
            ended = any(trial.state.ended and trial.is_full for trial in source.trials)
            results = Results.from_study(source) if ended else None
            return cls(source.name or "Study", source, None, results)
        if not hasattr(source, "fit"):
            raise TypeError(
                f"a report needs a Study or a fitted search, but got a {type(source).__name__}"
            )
        results = Results.from_estimator(source, metric)
        return cls(type(source).__name__, results.study, source, results)

    @property
    def space(self) -> SearchSpace | None:
        """The space; None if it is not known."""
        if self.study is not None:
            return self.study.space
        return None if self.results is None else self.results.space

    @property
    def trials(self) -> list[Trial]:
        """The trials of the study; empty without one."""
        return [] if self.study is None else self.study.trials

    @property
    def value_name(self) -> str:
        """Name of the values."""
        return "value" if self.results is None else self.results.value_name

    @property
    def best_params(self) -> Mapping[str, Any] | None:
        """The best configuration; None if no trial has completed."""
        row = None if self.results is None else self.results.best
        if row is None or self.results is None or not self.results.configurations:
            return None
        return self.results.configurations[row]


@dataclass(frozen=True)
class Group:
    """Trials that ended for the same reason.

    Attributes
    ----------
    reason, numbers : str
        The reason, and the numbers of the trials as text.
    count : int
    detail : str
        The traceback of the first trial; empty without one.
    """

    reason: str
    numbers: str
    count: int
    detail: str = ""


def facts_of(source: Source) -> list[tuple[str, str]]:
    """Return what was searched, how, and what was found, as names and values."""
    study, results = source.study, source.results
    facts: list[tuple[str, str]] = []
    if results is not None and results.best is not None:
        facts.append((f"best {source.value_name}", number(float(results.y[results.best]))))
        facts.append(("best trial", str(results.trials[results.best])))
    else:
        infeasible = "infeasible" in _kinds(results)
        reason = "no completed trial is feasible" if infeasible else "no trial has completed"
        facts.append((f"best {source.value_name}", reason))
    if study is not None:
        counts = Counter(trial.state.value for trial in study.trials)
        states = ", ".join(f"{n} {state}" for state, n in counts.items())
        facts += [("direction", study.direction), ("strategy", str(study.strategy.name))]
        if study.completion_reason:
            facts.append(("ended", study.completion_reason))
    else:
        states = ", ".join(f"{n} {kind}" for kind, n in _kinds(results).items())
        facts.append(("direction", "maximize"))
    facts.append(("trials", f"{_n_trials(source)} ({states})" if states else "none"))
    if source.search is not None:
        facts.append(("search", type(source.search).__name__))
        facts.append(("estimator", repr(getattr(source.search, "estimator", None))))
    return [(shown(name), shown(value)) for name, value in facts]


def _n_trials(source: Source) -> int:
    if source.study is not None:
        return len(source.study.trials)
    return 0 if source.results is None else len(source.results)


def _kinds(results: Results | None) -> Counter[str]:
    found = [] if results is None else results.kinds
    return Counter("complete" if kind == "trial" else kind for kind in found)


def space_rows(source: Source) -> list[dict[str, str]]:
    """Return a row for each parameter: its range, when it is active, and its scaling."""
    space = source.space
    if space is None:
        return []
    if source.study is not None:
        explained = source.study.explain_scaling()
    else:
        explained = space.explain_scaling(source.best_params)
    scalings = {record["parameter"]: record for record in explained}
    columns = dict(zip(space.column_names, space.dimensions, strict=True))
    constants = {
        name: parameter
        for subspace in space.subspaces
        for name, parameter in subspace.items()
        if parameter.size == 1
    }
    rows = []
    for name, parameter in {**constants, **columns}.items():
        record = scalings.get(name)
        rows.append(
            {
                "name": shown(name),
                "range": _range(parameter),
                "when": _condition(getattr(parameter, "when", None)),
                "scaling": "" if record is None else f"{record['scaling']} ({record['chosen_by']})",
                "reason": "" if record is None else shown(record["reason"]),
                "advice": "" if record is None else shown(record["advice"]),
            }
        )
    return rows


def _range(parameter: Any) -> str:
    if isinstance(parameter, Categorical):
        choices = [shown(choice, 60) for choice in parameter.choices[:N_CATEGORIES]]
        more = len(parameter.choices) - len(choices)
        return ", ".join(choices) + (f" and {more} more" if more > 0 else "")
    low, high = getattr(parameter, "low", None), getattr(parameter, "high", None)
    if low is None or high is None:
        return shown(parameter)
    kind = "integers" if isinstance(low, int) else "numbers"
    return f"{kind} from {number(low)} to {number(high)}"


def _condition(when: Mapping[str, Sequence[Any]] | None) -> str:
    if not when:
        return ""
    return shown(
        " and ".join(f"{name} is {' or '.join(map(str, vs))}" for name, vs in when.items())
    )


def ends_of(source: Source) -> list[tuple[str, str]]:
    """Return the parameters whose best value is at an end of the range, with advice."""
    if source.study is not None:
        found = source.study.ends_reached()
    elif source.space is not None and source.best_params is not None:
        names = source.space.column_names
        reached = source.space.ends_reached(source.best_params)
        found = {names[column]: advice for column, advice in reached.items()}
    else:
        found = {}
    return [(shown(name), shown(advice)) for name, advice in found.items()]


def warp_rows(curves: Mapping[str, WarpCurve]) -> list[dict[str, str]]:
    """Return a row for each learned warp: its effect, its shape and the advice."""
    return [
        {
            "name": shown(name),
            "effect": f"{curve.effect:.2f}",
            "shape": curve.shape or "as declared",
            "advice": shown(curve.advice or ""),
        }
        for name, curve in curves.items()
    ]


def failures_of(trials: Sequence[Trial]) -> list[Group]:
    """Return the failed trials by the last line of their error, the most frequent first."""
    failed = [t for t in trials if t.state is TrialState.FAILED]
    return _groups((t, last_line(t.error) or "without an error", t.error or "") for t in failed)


def stopped_of(trials: Sequence[Trial]) -> list[Group]:
    """Return the stopped trials by the reason, the most frequent first."""
    stopped = [t for t in trials if t.state is TrialState.STOPPED]
    return _groups((t, shown(t.stop_reason or "by the objective"), "") for t in stopped)


def _groups(found: Iterable[tuple[Trial, str, str]]) -> list[Group]:
    by_reason: dict[str, list[tuple[Trial, str]]] = {}
    for trial, reason, detail in found:
        by_reason.setdefault(reason, []).append((trial, detail))
    groups = []
    for reason, members in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        numbers = ", ".join(str(trial.number) for trial, _ in members[:N_NUMBERS])
        more = "" if len(members) <= N_NUMBERS else f" and {len(members) - N_NUMBERS} more"
        detail = shown(members[0][1].strip(), MAX_TRACEBACK, lines=True)
        groups.append(Group(reason, numbers + more, len(members), detail))
    rest = groups[N_GROUPS:]
    if rest:
        n = sum(group.count for group in rest)
        groups[N_GROUPS:] = [Group(f"{len(rest)} other reasons", "see the table", n)]
    return groups


def time_facts(source: Source) -> list[tuple[str, str]]:
    """Return how long the search took, and what was spent in its trials."""
    if source.study is None:
        return _time_of_search(source.search)
    ended = [t for t in source.trials if t.started is not None and t.finished is not None]
    if not ended:
        return []
    spans = np.array([(t.started, t.finished) for t in ended], dtype=np.float64)
    durations = spans[:, 1] - spans[:, 0]
    facts = [
        ("from the first start to the last end", seconds(float(np.ptp(spans)))),
        ("in all trials together", seconds(float(durations.sum()))),
        ("in the median trial", seconds(float(np.median(durations)))),
        ("in the longest trial", seconds(float(durations.max()))),
    ]
    for state in (TrialState.STOPPED, TrialState.FAILED):
        own = [d for t, d in zip(ended, durations, strict=True) if t.state is state]
        if own:
            trials = "trial" if len(own) == 1 else "trials"
            facts.append((f"in {len(own)} {state.value} {trials}", seconds(float(sum(own)))))
    savings = source.study.savings()
    if savings.steps_saved:
        facts.append(("saved by stopping, estimated", seconds(savings.seconds_saved)))
    return facts


def _time_of_search(search: Any) -> list[tuple[str, str]]:
    results = search.cv_results_
    means = np.asarray(results["mean_fit_time"]) + np.asarray(results["mean_score_time"])
    facts = [("in all fits together", seconds(float(np.nansum(means) * search.n_splits_)))]
    if hasattr(search, "refit_time_"):
        facts.append(("in the refit", seconds(float(search.refit_time_))))
    return facts
