"""The score of a fit after each of its portions."""

from __future__ import annotations

import pytest

from tuneplug.monitoring import MonitoredFit, ScoreReporter, Scoring, TrialReporter, portion_ends


def fit_with(score):
    scoring = None if score is None else Scoring("mine", None, score)
    return MonitoredFit(None, None, None, TrialReporter(), scoring=scoring)


@pytest.mark.parametrize(
    ("n_steps", "ends"),
    [
        (1, [1]),
        (3, [1, 2, 3]),
        (20, list(range(2, 21, 2))),
        (101, [11, 21, 31, 41, 51, 61, 71, 81, 91, 101]),
    ],
)
def test_a_fit_has_ten_portions_at_most(n_steps, ends):
    assert portion_ends(n_steps) == ends


def test_scores_are_reported_at_the_ends_of_portions_and_at_the_end():
    fit = fit_with(lambda: 0.5)
    scores = ScoreReporter(fit, 100)
    for n_steps in range(1, 34):
        scores.after(n_steps)
    scores.complete(33)
    scores.complete(33)
    assert [report.step for report in fit.reporter.reports] == [9, 19, 29, 32]
    assert (fit.reporter.metric, fit.reporter.direction) == ("mine", "maximize")


def test_a_scorer_that_raises_is_called_once():
    calls = []

    def score():
        calls.append(1)
        raise RuntimeError("no")

    fit = fit_with(score)
    scores = ScoreReporter(fit, 10)
    for n_steps in range(1, 11):
        scores.after(n_steps)
    scores.complete(10)
    assert (len(calls), fit.reporter.reports, len(fit.notes)) == (1, [], 1)


def test_scores_need_a_scoring():
    with pytest.raises(ValueError, match="need its scoring, but got scoring=None"):
        ScoreReporter(fit_with(None), 10)
