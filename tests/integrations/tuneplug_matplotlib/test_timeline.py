"""Timeline: as many lanes as trials ran at once."""

from __future__ import annotations

import pytest

from tuneplug import Float, Study, TrialResult, TrialState
from tuneplug_matplotlib import TimelineDisplay

pytest.importorskip("matplotlib")

TIMES = [(0.0, 4.0), (1.0, 2.0), (2.5, 6.0), (5.0, 5.5), (5.0, 8.0)]


@pytest.fixture
def study():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    for number, (start, end) in enumerate(TIMES):
        study.ask()
        state = TrialState.FAILED if number == 3 else TrialState.COMPLETE
        value = None if number == 3 else 1.0
        times = {"started": 1e9 + start, "finished": 1e9 + end}
        study.finish(number, TrialResult(state, value, **times))
    return study


def test_trials_of_one_lane_do_not_overlap_and_lanes_are_few(study):
    bars = TimelineDisplay.from_study(study).bars
    assert [bar.lane for bar in bars] == [0, 1, 1, 0, 2]
    assert [(bar.start, bar.end) for bar in bars] == TIMES


def test_states_differ_in_hatches(study):
    drawn = TimelineDisplay.from_study(study)
    hatches = {state: bars[0].get_hatch() for state, bars in drawn.bars_.items()}
    assert set(hatches) == {"complete", "failed"}
    assert hatches["complete"] != hatches["failed"]
    assert drawn.busy == pytest.approx((4 + 1 + 3.5 + 0.5 + 3) / (8 * 3))
    assert "seconds" in drawn.ax_.get_xlabel()


def test_long_searches_are_shown_in_hours(study):
    trial = study.ask()
    times = {"started": 1e9 + 9.0, "finished": 1e9 + 40_000.0}
    study.finish(trial.number, TrialResult(TrialState.COMPLETE, 1.0, **times))
    drawn = TimelineDisplay.from_study(study)
    assert drawn.ax_.get_xlabel() == "hours since the first start"
    assert drawn.ax_.get_xlim()[1] == pytest.approx(11.2, abs=0.1)


def test_a_clock_that_was_set_back_gives_no_negative_bar():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    study.ask()
    study.finish(0, TrialResult(TrialState.COMPLETE, 1.0, started=1e9, finished=1e9 - 5))
    drawn = TimelineDisplay.from_study(study)
    assert (drawn.bars[0].end, drawn.busy) == (0.0, 1.0)
    drawn.figure_.canvas.draw()


def test_a_search_without_a_study_has_no_timeline(with_failures):
    with pytest.raises(ValueError, match="needs trials with a start and an end"):
        TimelineDisplay.from_estimator(with_failures)
