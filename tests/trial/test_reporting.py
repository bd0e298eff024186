"""TrialReporter: reports and stop thresholds on a worker, and the record of an ended trial."""

from __future__ import annotations

import pickle

import numpy as np

from tuneplug import Float, Study
from tuneplug.monitoring import TrialReporter
from tuneplug.stopping import Report, StopThresholds


def thresholds_at(step):
    return StopThresholds("test", "x", np.array([step]), np.array([0.5]), np.array([1]), 1.0)


def test_reporter_stops_at_the_first_report_beyond_its_threshold():
    reporter = TrialReporter({("loss", None): thresholds_at(1)})
    reporter.set_metric("loss", "minimize")
    stops = []
    for step, value in enumerate([0.9, 0.8, 0.1]):
        reporter.report(value, step)
        stops.append(reporter.should_stop())
    assert stops == [False, True, True]
    assert reporter.stop_reason.startswith("test: 0.8 at step 1 is worse than")
    assert reporter.reports == [Report(0, 0.9), Report(1, 0.8), Report(2, 0.1)]


def test_reporter_stops_at_its_deadline():
    reporter = TrialReporter(deadline=0.0)
    assert reporter.should_stop()
    assert reporter.stop_reason == "timeout"
    assert not TrialReporter().should_stop()


def test_pickled_reporter_continues_independently():
    reporter = TrialReporter({("loss", None): thresholds_at(1)}, direction="minimize")
    reporter.set_metric("loss", "minimize")
    reporter.report(0.9, 0)
    again = pickle.loads(pickle.dumps(reporter))
    again.report(0.8, 1)
    assert again.should_stop()
    assert (len(again.reports), len(reporter.reports)) == (2, 1)


def test_trial_has_the_attributes_of_its_reporter():
    trial = Study({"x": Float(0.0, 1.0)}, seed=0).ask()
    trial.reporter.set_metric("loss", "minimize")
    trial.reporter.report(1.0, trial.start_fold(), fold=0)
    trial.reporter.deadline = 0.0
    assert trial.should_stop()
    assert (trial.metric, trial.direction) == ("loss", "minimize")
    assert (trial.reports, trial.stop_reason) == ([Report(0, 1.0, 0)], "timeout")
    assert trial.deadline == 0.0


def test_ended_trial_keeps_its_reports_but_no_stop_thresholds():
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    trial = study.ask()
    trial.reporter.stop_thresholds = {(None, None): thresholds_at(5)}
    trial.report(1.0, 0)
    study.tell(trial, 1.0)
    assert trial.reports == [Report(0, 1.0)]
    assert not trial.reporter.stop_thresholds
