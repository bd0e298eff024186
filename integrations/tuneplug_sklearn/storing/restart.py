"""Start a trial of a stored search again, unless another process may still run it."""

from __future__ import annotations

import time

from tuneplug import ConcurrentStudyError, Study, Trial
from tuneplug.plugins import warn_caller

__all__ = ["concurrent_search_error", "restart_trial"]

#: Seconds to wait until a process that may still run counts as dead, and between two looks: more
#: than the grace period of a study.
MAX_WAIT, WAIT = 75.0, 1.0


def restart_trial(study: Study, trial: Trial, *, lag: int) -> Trial:
    """Return a trial that has started again; wait if its process may still run.

    A process that runs is not disturbed: nothing is started once the trial has changed.

    Raises
    ------
    ConcurrentStudyError
        If the process of the trial runs, or may still run after the longest wait.
    """
    deadline, warned = time.monotonic() + MAX_WAIT, False
    while True:
        again = study.restart(trial.number, lag=lag)
        if again is not None:
            return again
        if _has_changed(trial, study.history[trial.number]):
            raise concurrent_search_error(study.name)
        if not warned:
            warned = True
            warn_caller(
                f"the process that ran study {study.name!r} may still run: the search waits up to "
                f"{MAX_WAIT:g} s for a sign of it",
                RuntimeWarning,
            )
        if time.monotonic() > deadline:
            raise concurrent_search_error(study.name)
        time.sleep(WAIT)


def concurrent_search_error(name: str | None) -> ConcurrentStudyError:
    """Return the error of a stored search that another process runs."""
    return ConcurrentStudyError(
        f"only one process at a time may run a stored search, but another process runs that of "
        f"study {name!r}, or has replaced it: end it and resume the search, or pass another "
        "study_name"
    )


def _has_changed(before: Trial, now: Trial) -> bool:
    """Return whether a process has gone on with a running trial."""
    new_results = now.attributes.keys() != before.attributes.keys()
    return now.state.ended or now.claim != before.claim or new_results
