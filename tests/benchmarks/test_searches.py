"""Stamps become a curve, curves become shares of time, spans become a share of busy workers."""

from __future__ import annotations

import json
import warnings
from itertools import product
from typing import Any

import _clock
import _search_classes
import _search_report
import _search_runs
import _utilization
import numpy as np
import pytest
import searches
import workers
from _clock import Stamp, curve, time_to
from _runs import Cell as LagCell
from _runs import record_log
from _search_report import Results
from _search_runs import Cell, Run
from _search_tasks import TASKS, distributions
from scipy import stats
from sklearn.dummy import DummyClassifier, DummyRegressor

from tuneplug import Categorical, Float, Int

TASK = "boosting, diabetes"


def stamps(*fields):
    return [Stamp(*f) for f in fields]


# ---------------------------------------------------------------- the curve


def test_a_candidate_counts_when_its_last_fold_is_scored():
    mixed = stamps(
        (11.0, "a", 0.5, 10), (12.0, "b", 0.9, 10), (14.0, "a", 0.7, 10), (13.0, "b", 0.7, 10)
    )
    assert curve(mixed, folds=2, least_rows=10, start=10.0) == [(3.0, 0.8), (4.0, 0.6)]
    assert curve(mixed, folds=3, least_rows=10) == []


def test_folds_of_fewer_rows_do_not_count():
    small = stamps((1.0, "a", 1.0, 3), (2.0, "a", 0.5, 10), (3.0, "a", 1.0, 3), (4.0, "a", 0.7, 10))
    assert curve(small, folds=2, least_rows=10) == [(4.0, 0.6)]


def test_a_configuration_tried_again_is_another_candidate():
    again = stamps(*((float(t), "a", 0.5, 10) for t in range(4)))
    assert [seconds for seconds, _ in curve(again, folds=2, least_rows=10)] == [1.0, 3.0]


def test_time_to_target_is_that_of_the_first_as_good():
    found = [(1.0, 0.2), (2.0, 0.5), (3.0, 0.4), (4.0, 0.9)]
    assert time_to(found, 0.5) == 2.0
    assert time_to(found, 0.5 + 1e-12) == 2.0  # the same folds, summed in another order
    assert time_to(found, 0.6) == 4.0
    assert time_to(found, 1.0) is None
    assert time_to([], 0.0) is None


def test_a_target_not_reached_costs_twice_the_longer_time():
    assert _clock.counted(3.0, 5.0, 4.0) == 3.0
    assert _clock.counted(None, 5.0, 4.0) == 10.0
    assert _clock.counted(None, 1.0, 4.0) == 8.0  # to end early without success is no merit


# ---------------------------------------------------------------- spaces and rounds


def test_every_search_has_the_same_ranges():
    space = distributions(
        {
            "rate": Float(1e-3, 1.0, scaling="log"),
            "share": Float(0.3, 0.9, scaling="linear"),
            "size": Int(2, 9),
            "kind": Categorical(["a", "b"]),
        }
    )
    assert space["kind"] == ["a", "b"]
    ends = {"rate": (1e-3, 1.0), "share": (0.3, 0.9), "size": (2, 9)}
    for name, (low, high) in ends.items():
        assert space[name].support() == pytest.approx((low, high))

    pytest.importorskip("optuna")
    theirs = {name: _search_classes.optuna_distribution(space[name]) for name in ends}
    for name, (low, high) in ends.items():
        assert (theirs[name].low, theirs[name].high) == pytest.approx((low, high))
    assert (theirs["rate"].log, theirs["share"].log) == (True, False)

    pytest.importorskip("skopt")
    theirs = {name: _search_classes.skopt_dimension(space[name]) for name in ends}
    for name, (low, high) in ends.items():
        assert (theirs[name].low, theirs[name].high) == pytest.approx((low, high))
    assert (theirs["rate"].prior, theirs["share"].prior) == ("log-uniform", "uniform")


@pytest.mark.parametrize("task", TASKS)
def test_the_last_round_of_halving_has_all_rows(task):
    X, y = TASKS[task].data()
    estimator: Any = DummyClassifier(strategy="stratified")
    space = {"random_state": stats.randint(0, 10**6)}
    if len(set(y)) > 10:
        estimator, space = DummyRegressor(), {"constant": stats.uniform(0, 1)}
    for candidates in (60, searches.QUICK_CANDIDATES):
        search = _search_classes.SEARCHES["halving"].make(
            estimator, space, candidates, cv=5, refit=False, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(X[:, :1], y)
        assert search.n_resources_[-1] == len(y)
        assert search.n_candidates_[0] == candidates


# ---------------------------------------------------------------- tables


def made(search: str, points, seconds: float, seed: int = 0, **more) -> Run:
    return Run(Cell("t", search, seed, 3), seconds, 15, 0.0, tuple(points), **more)


def results(*runs: Run) -> Results:
    return Results({run.cell: run for run in runs}, [run.cell for run in runs])


RANDOM = made("random", [(2.0, 0.1), (6.0, 0.5), (8.0, 0.3)], 10.0)


def test_shares_are_of_the_time_of_random_search():
    good = made("tuneplug", [(3.0, 0.2), (4.0, 0.9)], 20.0)
    bad = made("halving", [(1.0, 0.4)], 2.0)
    found = results(RANDOM, good, bad)
    shares = {n: found.over_all(n, _search_report.share_counted)[0, 0] for n in found.searches}
    assert shares == {"random": 0.6, "tuneplug": 0.4, "halving": 2.0}
    assert np.isnan(found.over_all("halving", _search_report.share_reached)).all()
    assert found.over_all("tuneplug", _search_report.candidates_reached) == 2
    # 0 is the best known, 0.9; 1 the median of random configurations, 0.3.
    regrets = [found.over_all(n, _search_report.final_regret)[0, 0] for n in found.searches]
    assert regrets == pytest.approx([0.4 / 0.6, 0.0, 0.5 / 0.6])
    line = next(row for row in _search_report.time_table(found).splitlines() if "tuneplug" in row)
    assert line.startswith("| tuneplug | 1 / 1 | 1 / 1 | 0.40 [0.40, 0.40] | 0.40 | 2 | 2.00 |")
    assert "| t | 0.60 (1/1) | 0.40 (1/1) | 2.00 (0/1) |" in _search_report.by_task(found)


def test_regret_over_time_starts_at_one_and_ends_at_the_end():
    values = _search_report.regret_at(RANDOM, RANDOM, (0.5, 0.3))
    assert values[0] == 1.0
    assert values[np.searchsorted(_search_report.SHARES, 0.61)] == 0.0
    assert (np.diff(values) <= 0).all()


def test_a_failed_run_is_shown_with_its_reason(tmp_path):
    failed = made("skopt", [], 0.0, error="ValueError: Input contains NaN.")
    path = tmp_path / "runs.jsonl"
    for run in (RANDOM, failed):
        _search_runs.run_log(path).append(run)
    searches.report(tmp_path, ["time"], [RANDOM.cell, failed.cell], {"optuna": "not installed"})
    text = (tmp_path / "tables.md").read_text()
    assert "- skopt failed on t, seed 0: ValueError: Input contains NaN." in text
    assert "Skipped: optuna: not installed." in text
    assert "| random | 1 / 1 |" in text


def test_the_arguments_of_each_search_are_printed(tmp_path):
    raced = made(_search_report.RACING, [(1.0, 0.9)], 5.0)
    path = tmp_path / "runs.jsonl"
    for run in (RANDOM, raced):
        _search_runs.run_log(path).append(run)
    searches.report(tmp_path, ["time"], [RANDOM.cell, raced.cell], {})
    text = (tmp_path / "tables.md").read_text()
    assert "- tuneplug, racing: racing=True\n" in text
    assert "- random:" not in text  # it has none of its own


def test_racing_is_compared_run_by_run():
    plain = made("tuneplug", [(1.0, 0.9)], 10.0)
    raced = Run(Cell("t", _search_report.RACING, 0, 3), 5.0, 12, 0.9, ((1.0, 0.9),))
    table = _search_report.racing_table(results(RANDOM, plain, raced))
    assert "| fits saved, share | 0.2000 | [0.2000, 0.2000] |" in table
    assert "| difference in regret | +0.0000 |" in table


# ---------------------------------------------------------------- runs


@pytest.mark.filterwarnings("ignore")
def test_random_search_runs_and_its_curve_is_that_of_its_results(tmp_path, monkeypatch):
    monkeypatch.setattr(_search_runs, "N_JOBS", 1)
    cells, skipped = _search_runs.plan([TASK], ["random"], seeds=1, candidates=2)
    _search_runs.run_all(cells, tmp_path / "runs.jsonl", _search_runs.run_here)
    (run,) = _search_runs.run_log(tmp_path / "runs.jsonl").read().values()
    assert (run.error, run.fits, skipped) == (None, 10, {})
    assert max(score for _, score in run.curve) == pytest.approx(run.best)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_searches_run_resume_and_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_search_runs, "N_JOBS", 1)
    names = [
        name
        for name, entry in _search_classes.SEARCHES.items()
        if entry.unavailable_reason() is None
    ]
    cells, _ = _search_runs.plan([TASK], names, seeds=1, candidates=6)
    path = tmp_path / "runs.jsonl"
    _search_runs.run_all(cells, path, _search_runs.run_here)
    runs = _search_runs.run_log(path).read()
    for run in runs.values():
        assert run.error is None
        # What the stamps say is what the search itself says.
        assert max(score for _, score in run.curve) == pytest.approx(run.best)
        assert run.curve[-1][0] <= run.seconds
    for name in {"random", "tuneplug"} & set(names):
        assert runs[Cell(TASK, name, 0, 6)].fits == 30
    first = path.read_text()
    path.write_text(first + json.dumps({"cell": 1})[:5])  # interrupted while writing
    assert _search_runs.run_log(path).read() == runs
    path.write_text(first)

    command = ["--tasks", TASK, "--seeds", "1", "--candidates", "6", "--out", str(tmp_path)]
    capsys.readouterr()
    searches.main([*command, "--report-only"])
    table = (tmp_path / "tables.md").read_text()
    assert "| random | 1 / 1 | 1 / 1 |" in table
    assert "### Racing" in table
    assert (tmp_path / "searches.png").stat().st_size > 1000


def test_a_run_that_fails_is_kept_with_its_reason_and_tried_again(tmp_path):
    cell, made_so_far = Cell(TASK, "random", 0, 6), []

    def make(cell):
        made_so_far.append(cell)
        return Run(cell, error="no luck")

    for _ in range(2):
        _search_runs.run_all([cell], tmp_path / "runs.jsonl", make)
    assert made_so_far == [cell, cell]
    assert _search_runs.run_log(tmp_path / "runs.jsonl").read()[cell].error == "no luck"


# ---------------------------------------------------------------- workers


def test_busy_is_the_share_of_workers_time():
    full = [_utilization.Span(0.0, 2.0), _utilization.Span(2.0, 4.0), _utilization.Span(0.0, 4.0)]
    assert _utilization.busy(full, 2) == 1.0
    assert _utilization.busy(full, 4) == 0.5
    late = [_utilization.Span(s.start + 100, s.end + 100) for s in full]
    assert _utilization.busy(late, 2) == 1.0


def test_a_sleeping_fit_has_a_length_of_its_configuration():
    lengths = [
        _utilization.Sleeper(a=a, b=b, varied=True).seconds()
        for a, b in product(np.linspace(0, 1, 30), repeat=2)
    ]
    assert len(set(lengths)) > 700
    # 900 exponential draws have a standard error of 0.017; cutting them off moves the mean less.
    assert np.mean(lengths) == pytest.approx(0.5, abs=0.06)
    again = _utilization.Sleeper(a=0.25, b=0.75, varied=True).seconds()
    assert again == _utilization.Sleeper(a=0.25, b=0.75, varied=True).seconds()
    assert _utilization.Sleeper(a=0.25, mean=0.3).seconds() == 0.3


def test_scenes_are_read_back_from_their_names():
    scene = _utilization.Scene("loky", 5, "varied", 0.25)
    assert _utilization.Scene.named(str(scene)) == scene


@pytest.mark.parametrize("name", _utilization.DISPATCHERS)
def test_a_dispatcher_makes_every_fit_and_its_share_is_a_share(name):
    if reason := _utilization.unavailable_reason(name):
        pytest.skip(reason)
    task = str(_utilization.Scene("threading", 1, "constant", 0.02))
    record = _utilization.busy_run(LagCell(task, name, 0, 6, 2))
    assert len(record.seconds) == 6
    assert 0 <= record.losses[0] < 1


def test_what_lag_costs_is_paired_with_no_lag(tmp_path):
    command = ["--part", "lag", "--tasks", "branin", "--jobs", "12", "--seeds", "1"]
    workers.main([*command, "--lags", "0", "3", "--out", str(tmp_path)])
    table = (tmp_path / "tables.md").read_text()
    assert "| 0 |" in table
    assert "| 3 |" in table
    runs = record_log(tmp_path / "lag.jsonl").read()
    lagged = [cell for cell in runs if cell.optimizer == "lag 3"]
    assert len(lagged) == 1
    assert len(runs[lagged[0]].losses) == 12
