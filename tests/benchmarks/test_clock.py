"""Real fits are made once, searches pay their seconds, and only full fits count."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import peers
import pytest
from _recorded_fits import Fit, RecordedFits
from _runs import Cell

clock = pytest.importorskip("clock")  # needs XGBoost and LightGBM

import _clock_report  # noqa: E402
import _clock_runs  # noqa: E402
import _clock_searches  # noqa: E402
import _timed_tasks  # noqa: E402
from _clock_report import Rules, curve, score  # noqa: E402
from _clock_runs import ClockRecord, Yardstick, simulate  # noqa: E402
from _clock_searches import Request  # noqa: E402
from _timed_tasks import TASKS, TimedTask  # noqa: E402

CELL = Cell("t", "s", 0, 10)
EPOCHS = TimedTask(SimpleNamespace(name="t"), "epochs", full=9)
SAMPLES = TimedTask(SimpleNamespace(name="t"), _timed_tasks.ROWS, full=9)


class PricedFits:
    """Fits that take as many seconds as they get resources, with the loss x."""

    def fit(self, task, configuration, resource, loss):
        return Fit(configuration["x"], float(resource))


def requests(answers, *asked):
    for x, resource in asked:
        answers.append((yield Request({"x": x}, resource)))


def paid(task, *asked, budget=1e9):
    answers: list[Fit] = []
    endless = (*asked, *[(float(i + 100), 9) for i in range(2000)])
    record = simulate(CELL, task, requests(answers, *endless), budget, PricedFits())
    assert [answer.seconds for answer in answers] == record.paid[: len(answers)]
    return record


# ---------------------------------------------------------------- recorded fits


def test_a_fit_is_made_once_and_kept_in_the_file(tmp_path):
    made = []

    def loss(configuration, resource):
        made.append((configuration, resource))
        return float(resource)

    for _ in range(2):
        with RecordedFits(tmp_path / "fits.sqlite") as fits:
            first = fits.fit("t", {"a": 1, "b": np.float64(0.5)}, 3, loss)
            assert fits.fit("t", {"b": 0.5, "a": np.int64(1)}, 3, loss) == first
            assert first.loss == 3.0
            assert first.seconds >= 0.0
    assert made == [({"a": 1, "b": 0.5}, 3)]
    with RecordedFits(tmp_path / "fits.sqlite") as fits:
        fits.fit("t", {"a": 1, "b": 0.5}, 9, loss)
        fits.fit("u", {"a": 1, "b": 0.5}, 3, loss)
        assert fits.full_losses("t", 3) == [3.0]
    assert len(made) == 3


# ---------------------------------------------------------------- the clock


def test_a_run_ends_when_its_time_is_spent():
    record = paid(SAMPLES, (0.1, 9), (0.2, 9), (0.3, 9), budget=20.0)
    assert record.losses == [0.1, 0.2]
    assert record.paid == [9.0, 9.0]
    assert record.budget == 20.0
    assert len(record.seconds) == 2


def test_a_run_ends_after_so_many_fits_however_cheap(monkeypatch):
    monkeypatch.setattr(_clock_runs, "MAX_FITS", 5)
    assert len(paid(SAMPLES, budget=1e9).losses) == 5


def test_more_epochs_cost_the_difference_and_more_rows_the_whole():
    asked = ((0.1, 1), (0.1, 3), (0.2, 3), (0.1, 9), (0.1, 9), (0.1, 3))
    assert paid(EPOCHS, *asked).paid[:6] == [1.0, 2.0, 3.0, 6.0, 9.0, 3.0]
    assert paid(SAMPLES, *asked).paid[:6] == [1.0, 3.0, 3.0, 9.0, 9.0, 3.0]


def test_the_expected_best_of_n_draws():
    losses = np.array([1.0, 2.0, 3.0, 6.0])
    assert _clock_runs.expected_best(losses, 1) == pytest.approx(3.0)
    assert _clock_runs.expected_best(losses, 4) == pytest.approx(1.0)
    # of six pairs, three have the smallest loss, two the second, one the third
    assert _clock_runs.expected_best(losses, 2) == pytest.approx((3 * 1 + 2 * 2 + 1 * 3) / 6)


# ---------------------------------------------------------------- scores


def record_of(losses, resources, seconds=0.0, budget=100.0):
    paid = [10.0] * len(losses)
    return ClockRecord(CELL, losses, [seconds] * len(losses), paid, resources, budget)


def rules(suggestions=False, target=0.2):
    losses = np.array([0.0, 1.0, 2.0])
    return Rules({SAMPLES: Yardstick(100.0, target, losses, 0.0, 0.1)}, "s", suggestions)


def test_only_full_fits_are_found():
    times, best = curve(record_of([0.0, 0.5, 0.7, 0.1], [3, 9, 9, 9]), 9, suggestions=False)
    assert times.tolist() == [20.0, 30.0, 40.0]
    assert best.tolist() == [0.5, 0.5, 0.1]
    share, regret = score(record_of([0.0, 0.5, 0.1], [3, 9, 9]), SAMPLES, rules())
    assert share == pytest.approx(0.3)
    assert regret.tolist() == pytest.approx([1.0, 0.5, 0.1, 0.1])


def test_a_target_that_is_missed_counts_twice_the_time():
    assert score(record_of([0.5], [9]), SAMPLES, rules())[0] == 2.0
    share, regret = score(record_of([0.1], [3]), SAMPLES, rules())
    assert share == 2.0
    assert regret.tolist() == [1.0] * 4


def test_suggestions_count_on_the_clock_if_they_are_asked_for():
    record = record_of([0.5, 0.1], [9, 9], seconds=30.0)
    assert score(record, SAMPLES, rules())[0] == pytest.approx(0.2)
    assert score(record, SAMPLES, rules(suggestions=True))[0] == pytest.approx(0.8)
    slow = record_of([0.5, 0.1], [9, 9], seconds=60.0)
    assert score(slow, SAMPLES, rules(suggestions=True))[0] == 2.0


def test_a_run_with_other_recorded_seconds_is_refused():
    with pytest.raises(ValueError, match="other recorded fits"):
        score(record_of([0.1], [9], budget=70.0), SAMPLES, rules())


def test_ratios_are_paired_and_missing_runs_drop_out_for_all():
    records = {}
    for name, at in (("a", 0), ("b", 1)):
        for seed in range(3):
            losses = [0.5] * 6
            losses[at + 2 * seed] = 0.0
            cell = Cell(SAMPLES.name, name, seed, 10)
            records[cell] = ClockRecord(cell, losses, [0.0] * 6, [10.0] * 6, [9] * 6, 100.0)
    del records[Cell(SAMPLES.name, "b", 2, 10)]
    found = _clock_report.collect(records, [SAMPLES], ["a", "b"], rules())
    assert np.exp(found["a"].share)[0, :2] == pytest.approx([0.1, 0.3])
    assert np.exp(found["b"].share)[0, :2] == pytest.approx([0.2, 0.4])
    assert np.isnan(found["a"].share[0, 2])
    assert np.isnan(found["b"].regret[0, 2]).all()


# ---------------------------------------------------------------- searches


def asked(name, task, n, loss=lambda request: request.resource / 100):
    """Return the first requests of a search."""
    search = _clock_searches.SEARCHES[name].make(task, 0)
    found = [next(search)]
    while len(found) < n:
        found.append(search.send(Fit(loss(found[-1]), float(found[-1].resource))))
    return found


def timed(name):
    return next(task for task in TASKS if task.name == name)


def test_halving_goes_on_with_the_best_third():
    task = timed("svm, all digits (rows)")
    found = asked("halving", task, 41, loss=lambda request: request.configuration["svc__C"])
    assert [request.resource for request in found] == [1] * 27 + [3] * 9 + [9] * 3 + [27] + [1]
    first = sorted(request.configuration["svc__C"] for request in found[:27])
    assert sorted(request.configuration["svc__C"] for request in found[27:36]) == first[:9]
    assert found[39].configuration["svc__C"] == first[0]


@pytest.mark.parametrize("name", _clock_searches.SEARCHES)
def test_a_search_asks_for_full_fits_unless_it_uses_the_resource(name):
    entry = _clock_searches.SEARCHES[name]
    if reason := entry.optimizer.unavailable_reason():
        pytest.skip(reason)
    task = timed("xgboost, cancer (n_estimators)")
    found = asked(name, task, 8)
    assert found == asked(name, task, 8)
    assert all("n_estimators" not in request.configuration for request in found)
    assert {request.resource for request in found} <= set(task.levels())
    assert ({request.resource for request in found} == {task.full}) != entry.uses_resource


def test_a_search_that_lacks_a_package_is_skipped_with_the_reason(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda module: None)
    usable, skipped = _clock_searches.usable(["tuneplug", "optuna-hyperband"])
    assert (usable, skipped) == (["tuneplug"], {"optuna-hyperband": "not installed: optuna"})
    with pytest.raises(ValueError, match=r"no search is called \['gues'\]"):
        _clock_searches.usable(["gues"])


# ---------------------------------------------------------------- tasks


def test_tasks_are_many_and_their_resource_is_not_searched():
    assert len({task.name for task in TASKS}) == len(TASKS) >= 10
    for task in TASKS:
        assert task.resource not in task.model.parameters
        assert (task.levels() == [1]) == (task.resource is None)
    assert timed("xgboost, cancer (n_estimators)").levels() == [3, 9, 27, 81]


def test_fewer_rows_are_a_stratified_part_of_more_rows():
    import models

    _, y = models.digits()
    shares = [models._folds(y, False, share) for share in (1 / 27, 1 / 3, 1.0)]
    for (few, test), (some, _), (whole, all_test) in zip(*shares, strict=True):
        assert set(few) < set(some) < set(whole)
        assert test.tolist() == all_test.tolist()
        assert np.bincount(y[some]).tolist() == pytest.approx(np.bincount(y[whole]) / 3, abs=0.6)
        assert set(y[few]) == set(range(10))


def test_a_network_that_gets_more_epochs_continues():
    task = timed("mlp, diabetes (max_iter)")
    configuration = task.space.sample(1, np.random.default_rng(0))[0]
    assert task.loss(configuration, 1) != task.loss(configuration, 9)
    assert task.loss(configuration, 9) == task.loss(configuration, 9)


# ---------------------------------------------------------------- the command


def test_a_benchmark_writes_resumes_and_reports(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_clock_runs, "N_REFERENCE", 8)
    monkeypatch.setattr(_clock_runs, "N_NINTH", 2)
    tasks = ["--tasks", "xgboost, diabetes", "mlp, diabetes (max_iter)"]
    searches = ["--searches", "tuneplug", "halving", "random"]
    command = [*tasks, *searches, "--jobs", "4", "--seeds", "1", "--out", str(tmp_path)]
    clock.main(command)
    runs = (tmp_path / "runs.jsonl").read_text()
    assert len(runs.splitlines()) == 5  # halving needs a resource
    assert "5 runs to make" in capsys.readouterr().out
    clock.main([*command, "--suggestions", "--against", "random"])
    assert (tmp_path / "runs.jsonl").read_text() == runs
    assert "0 runs to make, 5" in capsys.readouterr().out
    text = (tmp_path / "tables.md").read_text()
    everything, resource = text.split("### All tasks")[1].split("### A ninth")
    assert "ratio to random [95 %]" in everything
    assert "| halving |" not in everything
    assert "| halving |" in resource
    assert "suggestions=True" in text


def test_wrong_names_are_errors_that_list_the_right_ones(tmp_path):
    with pytest.raises(SystemExit, match=r"no task is called \['gues'\].*xgboost"):
        clock.main(["--tasks", "gues", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"no search is called \['gues'\].*halving"):
        clock.main(["--searches", "gues", "--out", str(tmp_path)])
