"""Failed fits and scorers of a search: the first warning, and the end if all fail alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import FitFailedWarning

from tuneplug import NoCompletedTrialError
from tuneplug.monitoring import MetricError
from tuneplug.plugins import warn_caller
from tuneplug.study import N_ALIKE, brief_exception, exception_of
from tuneplug_sklearn.candidate import Candidate

__all__ = ["FitFailures"]

#: Start of the error of a fit whose worker died; it differs between fits that failed alike.
WHERE = re.compile(r"candidate \d+, fold \d+: ")
#: Start of an exception that concerns every fit, as the user has declared the metric.
DECLARATION = f"{MetricError.__module__}.{MetricError.__qualname__}: "
ALIKE = (
    f"the first {N_ALIKE} had the same error in every fold: correct the estimator, the scorer, the "
    "data or the space, or pass fail_fast=False"
)
LOOKS_ALIKE = (
    f"the first {N_ALIKE} had the same error in every fold: correct the estimator, the scorer, the "
    "data or the space, give a larger min_resources if it comes from too small a resource, or pass "
    "fail_fast=False"
)
MISDECLARED = (
    "the metric of the monitor concerns every fit: correct it, or pass fail_fast=False if only "
    "some candidates lack it"
)
STORED = (
    ".  Study {!r} keeps the failed fits, which do not run again: pass another study_name once the "
    "cause is corrected"
)


class FitFailures:
    """Warns of the first failed fit, and ends a search whose first candidates all fail alike.

    A ``MetricError`` of the first candidate ends the search at once.

    A fit counts as failed also if the scorer raised and ``error_score`` is NaN.  Otherwise
    ``error_score`` is the score.

    Parameters
    ----------
    fail_fast : bool
        Whether the search ends if its first candidates fail in every fold with the same exception.
    n_chosen : int
        Number of first candidates that the user or a grid chose: their failures say little about
        other candidates.
    has_looks : bool, default False
        Whether candidates may have a part of a resource only.
    """

    def __init__(self, *, fail_fast: bool, n_chosen: int, has_looks: bool = False) -> None:
        self._alike = LOOKS_ALIKE if has_looks else ALIKE
        self._fail_fast, self._n_chosen = fail_fast, n_chosen
        self._first: list[str | None] = []
        self._n_ended = 0
        self._warned = False
        self._any_fitted = False
        self._misdeclared = False

    def record_fit(self, candidate: Candidate, fold: int) -> None:
        """Take note of a fit that ended; warn if it is the first one that failed."""
        error = _error_of(candidate, fold)
        if error is None:
            self._any_fitted = True
            return
        if candidate.trial.number == 0 and _cause_of(error).startswith(DECLARATION):
            self._misdeclared = True
        if not self._warned:
            self._warned = True
            what = "scoring" if fold in candidate.score_errors else "the fit"
            warn_caller(
                f"candidate {candidate.trial.number}, fold {fold}: {what} failed, and the search "
                f"continues: {brief_exception(_cause_of(error))}",
                FitFailedWarning,
            )

    def record_candidate(self, candidate: Candidate) -> None:
        """Take note of a candidate that ended."""
        self._n_ended += 1
        if len(self._first) < N_ALIKE:
            self._first.append(self._common_exception(candidate))

    def _common_exception(self, candidate: Candidate) -> str | None:
        """Return the exception that all folds raised.

        Returns None if the folds differ, or if the candidate is from the user or from a grid.
        """
        trial = candidate.trial
        if trial.number < self._n_chosen or trial.origin == "grid":
            return None
        folds = [fold for fold, result in enumerate(candidate.results) if result is not None]
        errors = [_error_of(candidate, fold) for fold in folds]
        exceptions = {None if e is None else _cause_of(e) for e in errors}
        complete = len(errors) == len(candidate.results)
        return exceptions.pop() if complete and len(exceptions) == 1 else None

    @property
    def all_alike(self) -> bool:
        """Whether no fit succeeded, and the first candidates failed with the same exception.

        One candidate is enough for an exception that concerns every fit.
        No fit starts while this is True.  If a fit that was running succeeds after all, the search
        continues.
        """
        if not self._fail_fast or self._any_fitted:
            return False
        if self._misdeclared:
            return True
        if len(self._first) < N_ALIKE:
            return False
        return self._first[0] is not None and len(set(self._first)) == 1

    @contextmanager
    def explained(self, n_candidates: int, study: str | None) -> Iterator[None]:
        """Context manager: add why the search ended early to the error that no fit succeeded.

        ``study`` is the name of the stored study, if there is one, which keeps the failed fits.

        Raises
        ------
        NoCompletedTrialError
            If the search ended early, and its body raises no error: for several metrics without
            ``refit``, a best candidate is not selected.
        """
        try:
            yield
            if self.all_alike:
                raise NoCompletedTrialError("no candidate has a score")
        except ValueError as error:
            if not self.all_alike:
                raise
            stored = "" if study is None else STORED.format(study)
            raise type(error)(
                f"{error}\nThe search ended after {self._n_ended} of {n_candidates} candidates, "
                f"because {MISDECLARED if self._misdeclared else self._alike}{stored}"
            ) from None


def _error_of(candidate: Candidate, fold: int) -> str | None:
    """Return the traceback of the fit of a fold or of its scorer; None if neither raised."""
    result = candidate.results[fold]
    error: str | None = None if result is None else result["fit_error"]
    return candidate.score_errors.get(fold) if error is None else error


def _cause_of(error: str) -> str:
    """Return the exception from a traceback, without the candidate and the fold."""
    return WHERE.sub("", exception_of(error), count=1)
