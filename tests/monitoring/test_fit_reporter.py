"""Metric selection, and fit reporters without a library."""

from __future__ import annotations

import copy
import pickle

import pytest

from tuneplug.monitoring import (
    Entry,
    FitReporter,
    MonitoredFit,
    SearchFitReporter,
    TrialReporter,
    select_metric,
)

TRAIN, LOSS, AUC = Entry("train", "loss"), Entry("valid", "loss"), Entry("valid", "auc")
NAMES = {"sep": "-", "training": ("train",), "hint": "pass a validation set"}
DIRECTIONS = {"loss": "minimize", "auc": "maximize"}


def direction_of(entry):
    return DIRECTIONS.get(entry.metric)


# ---------------------------------------------------------------- metric selection


@pytest.mark.parametrize(
    ("metric", "dataset", "selected"),
    [
        (None, None, AUC),
        ("loss", None, LOSS),
        ("valid-loss", None, LOSS),
        (None, "train", TRAIN),
        ("train-loss", None, TRAIN),
        ("loss", "train", TRAIN),
    ],
)
def test_the_last_matching_entry_is_selected(metric, dataset, selected):
    assert select_metric([TRAIN, LOSS, AUC], metric, dataset, **NAMES) == selected


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "nothing is evaluated: pass a validation set"),
        ([TRAIN], "choose from 'train-loss' .*reported only if dataset= names it"),
    ],
)
def test_an_error_names_the_cure_if_no_entry_matches(entries, message):
    with pytest.raises(ValueError, match=message):
        select_metric(entries, None, None, **NAMES)


# ---------------------------------------------------------------- fit reporters


def test_each_fit_opens_a_fold_unless_it_continues_the_last_one():
    reporter = FitReporter(TrialReporter(), "loss")
    for first_step in (0, 2, 0):
        assert reporter.begin([LOSS, AUC], direction_of, **NAMES) == LOSS == reporter.entry
        for step in (first_step, first_step + 1):
            reporter.report(0.5, step)
    reports = [(report.fold, report.step) for report in reporter.trial.reports]
    assert reports == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    assert (reporter.trial.metric, reporter.trial.direction) == ("valid-loss", "minimize")


def test_a_fit_ends_when_the_trial_ends():
    reporter = FitReporter(TrialReporter())
    assert not reporter.ended
    reporter.trial.deadline = 0.0
    assert reporter.ended


def test_the_direction_of_a_custom_metric_must_be_given_and_must_not_contradict():
    custom = Entry("valid", "custom")
    with pytest.raises(ValueError, match=r"maximize must be given .*'custom'"):
        FitReporter(TrialReporter()).begin([custom], direction_of, **NAMES)
    with pytest.raises(ValueError, match="maximize must be True for 'auc'"):
        FitReporter(TrialReporter(), maximize=False).begin([AUC], direction_of, **NAMES)
    reporter = FitReporter(TrialReporter(), maximize=True)
    reporter.begin([custom], direction_of, **NAMES)
    assert reporter.trial.direction == "maximize"


def test_copies_report_to_the_same_trial_and_share_no_fits():
    reporter = FitReporter(TrialReporter())
    reporter.begin([LOSS], direction_of, **NAMES)
    twin = copy.deepcopy(reporter)
    assert twin.trial is reporter.trial
    assert pickle.loads(pickle.dumps(reporter)).trial is not reporter.trial
    with pytest.raises(KeyError):
        _ = twin.entry


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": 3}, "metric must be a string or None, but got 3"),
        ({"dataset": 3}, "dataset must be a string or None, but got 3"),
        ({"maximize": 3}, "maximize must be True, False or None, but got 3"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        FitReporter(TrialReporter(), **arguments)


# ---------------------------------------------------------------- fits of a search


def monitored_fit(*, pruning):
    return MonitoredFit(None, None, None, TrialReporter(), pruning=pruning)


def test_reports_of_a_search_have_no_fold_and_warnings_become_notes():
    fit = monitored_fit(pruning=True)
    reporter = SearchFitReporter(fit)
    reporter.begin([LOSS], direction_of, **NAMES)
    reporter.report(0.5, 0)
    reporter.warn("careful")
    assert [(report.fold, report.value) for report in fit.reporter.reports] == [(None, 0.5)]
    assert fit.notes == ["careful"]


def test_a_fit_needs_a_metric_with_a_direction_only_if_a_rule_compares_its_reports():
    custom = Entry("valid", "custom")
    for entries, message in (([], "nothing is evaluated"), ([custom], "maximize must be given")):
        with pytest.raises(ValueError, match=message):
            SearchFitReporter(monitored_fit(pruning=True)).begin(entries, direction_of, **NAMES)
    fit = monitored_fit(pruning=False)
    assert SearchFitReporter(fit).begin([], direction_of, **NAMES) is None
    assert SearchFitReporter(fit).begin([custom], direction_of, **NAMES) == custom
    assert (fit.reporter.metric, fit.reporter.direction) == (None, None)
