"""What holds for searches whose fits a monitor watches, whatever the estimator is."""

from __future__ import annotations

from typing import Any

import numpy as np

from tuneplug import TrialState


def check_stopped(search: Any, plain: Any, at_least: int) -> None:
    """Check that some candidates were stopped, and that the scores of all others are unchanged."""
    states = [trial.state for trial in search.study_.trials]
    assert states.count(TrialState.STOPPED) >= at_least
    complete = np.array([state is TrialState.COMPLETE for state in states])
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"][complete],
        plain.cv_results_["mean_test_score"][complete],
    )


def check_last_reports(search: Any, n_folds: int) -> None:
    """Check that the last report of each fold is its score."""
    for number, trial in enumerate(search.study_.trials):
        for fold in range(n_folds):
            last = [report.value for report in trial.reports if report.fold == fold][-1]
            assert last == search.cv_results_[f"split{fold}_test_score"][number]
