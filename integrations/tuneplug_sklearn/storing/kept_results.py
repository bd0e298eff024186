"""Keep the results of the fits of a candidate with its trial, and read them again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tuneplug import StorageError, Study, Trial
from tuneplug_sklearn.storing.stored_evaluations import decode_result, encode_result

__all__ = ["keep_result", "keep_stopped_after", "kept_results", "kept_stopped_after"]

#: Names of the attributes of a trial: the result of each fold, and how many folds count.
FOLD = re.compile(r"fold(\d+)")
STOPPED_AFTER = "stopped_after"


def keep_result(study: Study, trial: Trial, fold: int, result: Mapping[str, Any]) -> None:
    """Store the result of a fold with its running trial.

    Raises
    ------
    ValueError
        If a score is no number that a float can hold.
    """
    study.set_trial_attribute(trial, f"fold{fold}", encode_result(result))


def kept_results(trial: Trial, n_folds: int) -> dict[int, dict[str, Any]]:
    """Return the stored results of a trial by fold, in the order of the folds.

    Raises
    ------
    StorageError
        If they cannot be right.
    """
    found: dict[int, dict[str, Any]] = {}
    for name, document in trial.attributes.items():
        matched = FOLD.fullmatch(name)
        if matched is None:
            continue
        fold = int(matched[1])
        try:
            if fold >= n_folds:
                raise ValueError(f"there are {n_folds} folds")
            found[fold] = decode_result(document)
        except ValueError as error:
            raise _unusable(trial, f"the result of fold {fold}", error) from None
    return dict(sorted(found.items()))


def keep_stopped_after(study: Study, trial: Trial, n_folds: int) -> None:
    """Store after how many folds racing or a stopping rule has ended the running trial."""
    study.set_trial_attribute(trial, STOPPED_AFTER, n_folds)


def kept_stopped_after(trial: Trial, n_folds: int) -> int | None:
    """Return after how many folds racing or a stopping rule ended the trial; None if none did.

    Raises
    ------
    StorageError
        If it cannot be right.
    """
    found = trial.attributes.get(STOPPED_AFTER)
    if found is None or (type(found) is int and 1 <= found <= n_folds):
        return found
    raise _unusable(trial, STOPPED_AFTER, ValueError(f"got {found!r} of {n_folds} folds"))


def _unusable(trial: Trial, what: str, error: Exception) -> StorageError:
    return StorageError(
        f"{what} of stored trial {trial.number} cannot be used: {error}; restore the storage from "
        "a copy, or pass another study_name"
    )
