"""What an executor promises."""

from __future__ import annotations

import os
import queue
from typing import Any

import pytest

from tuneplug.parameters import Float
from tuneplug.study import Study
from tuneplug.trial import Trial, TrialState

__all__ = ["ExecutorContract"]


def _double(x: int) -> int:
    return 2 * x


def _same(value: Any, k: int) -> tuple[Any, int]:
    return value, k


def _square(trial: Trial) -> float:
    if trial.number == 2:
        raise ArithmeticError("made to fail")
    trial.report(1.0, 0)
    return float(trial.params["x"]) ** 2


class ExecutorContract:
    """Tests of an executor; give the fixture ``executor``, which is running."""

    #: Seconds to wait for a result: the executor may have to start workers.
    patience = 120.0

    def test_it_runs_a_function_with_its_arguments(self, executor: Any) -> None:
        assert [executor.submit(_double, k).result() for k in range(3)] == [0, 2, 4]
        assert executor.submit(os.getpid).result() > 0

    def test_each_future_tells_when_it_is_done(self, executor: Any) -> None:
        landed: queue.SimpleQueue[int] = queue.SimpleQueue()
        futures = [executor.submit(_double, k) for k in range(8)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: landed.put(number))
        assert {landed.get(timeout=self.patience) for _ in futures} == set(range(8))
        assert [future.result() for future in futures] == [2 * k for k in range(8)]

    def test_what_is_put_arrives_as_the_value(self, executor: Any) -> None:
        if not hasattr(executor, "put"):
            pytest.skip("it has no put")
        for value in ([1, 2], {"a": 1}, "text", None):
            sent = executor.put(value)
            results = [executor.submit(_same, sent, k).result() for k in range(3)]
            assert results == [(value, k) for k in range(3)]

    def test_it_tells_how_many_it_runs_at_once(self, executor: Any) -> None:
        if not hasattr(executor, "n_workers"):
            pytest.skip("it has no n_workers")
        assert isinstance(executor.n_workers, int)
        assert executor.n_workers > 0

    def test_a_study_runs_on_it(self, executor: Any) -> None:
        study = Study({"x": Float(-1.0, 1.0)}, strategy="random", seed=0)
        study.optimize(_square, 8, executor=executor, n_jobs=2)
        states = [trial.state for trial in study.trials]
        assert states.count(TrialState.FAILED) == 1
        assert states.count(TrialState.COMPLETE) == 7
        assert "made to fail" in str(study.trials[2].error)
        assert all(t.reports for t in study.trials if t.state is TrialState.COMPLETE)
