"""Results of a study: the best trial, the data frame, and reports on scaling and stopping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuneplug.errors import NoCompletedTrialError
from tuneplug.space import SearchSpace
from tuneplug.space.parameters import ScalingRecord
from tuneplug.stopping.savings import Savings
from tuneplug.study.dataframe import to_frame
from tuneplug.trial import History, OverallBest, Parent, Trial

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StudyResults", "no_feasible_message"]


class StudyResults:
    """The part of ``Study`` that only reads the history and the space.

    Attributes
    ----------
    space : SearchSpace
    history : History
        All trials, in the order in which they were started.
    """

    space: SearchSpace
    history: History
    parents: tuple[Parent, ...]

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order in which they were started."""
        return list(self.history)

    @property
    def best_trial(self) -> Trial:
        """The completed trial with the best value.

        Stopped and failed trials do not count, nor do trials of a fidelity below 1, and those whose
        constraints do not hold.

        Raises
        ------
        NoCompletedTrialError
            If no trial of fidelity 1 has completed, or none of them is feasible: the message names
            the one with the least violation.
        """
        best = self.history.best()
        if best is None and (complete := self.history.complete()):
            raise NoCompletedTrialError(no_feasible_message(complete))
        if best is None:
            states = Counter(
                t.state.value + " at a lower fidelity" * (not t.is_full) for t in self.history
            )
            counts = ", ".join(f"{n} {state}" for state, n in states.items()) or "no trials"
            raise NoCompletedTrialError(
                f"the best trial needs a completed one, but no trial has completed yet: {counts}; "
                "run optimize(...), or see the errors in trial.error"
            )
        return best

    @property
    def best_params(self) -> dict[str, Any]:
        """The configuration of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """The value of the best trial, in the user's units and direction."""
        value = self.best_trial.value
        assert value is not None, "a completed trial has a value"
        return value

    @property
    def overall_best(self) -> OverallBest:
        """The best result of this study and of its identical parents, as each of them saw it.

        Parents with other data do not count, nor do parents without the constraints of this study,
        or results whose constraints do not hold.  Of equal values, that of this study is taken.

        Raises
        ------
        NoCompletedTrialError
            If no feasible trial of fidelity 1 has completed, here or in an identical parent.
        """
        first = next(iter(self.history.complete()), None)
        n = 0 if first is None else len(first.constraints or ())
        parents = [p for p in self.parents if p.identical and n in (0, p.n_constraints)]
        found = [parent.best for parent in parents if parent.best is not None]
        if not found or self.history.best() is not None:
            found.insert(0, OverallBest(self.best_params, self.best_value, None))
        return min(found, key=lambda best: self.history.sign * best.value)

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with one row per trial and one column per parameter.

        The index is the number of the trial.  Parameters have columns ``param_<name>``; further
        columns are state, value, fidelity, origin, expected_improvement, stop_reason, n_reports,
        error, started, duration and cost.  ``frame.attrs["direction"]`` is the direction.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        return to_frame(self.history, self.space)

    def explain_scaling(self) -> list[ScalingRecord]:
        """Return one record per numeric parameter: its scaling, who chose it, why, and advice.

        Advice includes to widen a range at whose end the best trial lies.
        """
        best = self.history.best()
        return self.space.explain_scaling(None if best is None else best.params)

    def ends_reached(self) -> dict[str, str]:
        """Return advice to widen each range at whose end the best trial lies, by parameter.

        A value is at an end if it is at most 0.025 from it, on the unit interval of the scaling.
        Natural limits do not count: ends of the scaling's domain, 0, the count 1 as the low end of
        integers, and 1 as the high end of a fraction.  Empty if no trial has completed.
        """
        best = self.history.best()
        found = {} if best is None else self.space.ends_reached(best.params)
        names = self.space.column_names
        return {names[column]: advice for column, advice in found.items()}

    def savings(self) -> Savings:
        """Return how many steps and seconds early stopping has saved."""
        return Savings.of(self.history)


def no_feasible_message(trials: Sequence[Trial]) -> str:
    """Return the message if the constraints of no completed trial hold."""

    def violation(trial: Trial) -> tuple[float, int]:
        return max(trial.constraints or (0.0,)), trial.number

    least = min(trials, key=violation)
    values = least.constraints or ()
    worst = max(range(len(values)), key=lambda i: values[i])
    return (
        f"the best trial must be feasible, but none of {len(trials)} completed trials is: the "
        f"least violation is that of trial {least.number}, whose constraint {worst} is "
        f"{values[worst]:.6g} and must be at most 0; run more trials, or relax the constraints"
    )
