"""What an executor promises."""

from __future__ import annotations

import os
import queue
from typing import Any

import pytest

from tuneplug.execution import SerialExecutor, n_workers
from tuneplug.space.parameters import Float
from tuneplug.study import Study
from tuneplug.trial import Trial, TrialState

__all__ = ["ExecutorContract"]


def _double(x: int) -> int:
    return 2 * x


def _square(trial: Trial) -> float:
    if trial.number == 2:
        raise ArithmeticError("made to fail")
    trial.report(1.0, 0)
    return float(trial.params["x"]) ** 2


def _length(values: list[int], extra: int) -> int:
    return len(values) + extra


class ExecutorContract:
    """Tests of an executor; give the fixture ``executor``, which is running and may be shut down.

    What an executor need not have, see ``tuneplug.execution.Executor``, is tested where it is
    there.
    """

    #: Seconds to wait for a result: the executor may have to start workers.
    patience = 120.0

    def test_it_runs_a_function_with_its_arguments(self, executor: Any) -> None:
        assert [executor.submit(_double, k).result() for k in range(3)] == [0, 2, 4]
        assert executor.submit(os.getpid).result() > 0

    def test_what_a_function_raises_its_future_raises(self, executor: Any) -> None:
        with pytest.raises(ValueError, match="no number"):
            executor.submit(int, "no number").result()

    def test_each_future_tells_when_it_is_done(self, executor: Any) -> None:
        landed: queue.SimpleQueue[int] = queue.SimpleQueue()
        futures = [executor.submit(_double, k) for k in range(8)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: landed.put(number))
        assert {landed.get(timeout=self.patience) for _ in futures} == set(range(8))
        assert [future.result() for future in futures] == [2 * k for k in range(8)]

    def test_a_study_runs_on_it(self, executor: Any) -> None:
        study = Study({"x": Float(-1.0, 1.0)}, strategy="random", seed=0)
        study.optimize(_square, 8, executor=executor, n_jobs=2)
        states = [trial.state for trial in study.trials]
        assert states.count(TrialState.FAILED) == 1
        assert states.count(TrialState.COMPLETE) == 7
        assert "made to fail" in str(study.trials[2].error)
        assert all(t.reports for t in study.trials if t.state is TrialState.COMPLETE)

    def test_it_tells_how_many_workers_it_has(self, executor: Any) -> None:
        told = n_workers(executor)
        if told is None:
            pytest.skip("it does not tell")
        assert isinstance(told, int)
        assert told >= 1

    def test_what_was_put_arrives_as_the_value(self, executor: Any) -> None:
        if not hasattr(executor, "put"):
            pytest.skip("it has no put")
        values = list(range(1000))
        sent = executor.put(values)
        futures = [executor.submit(_length, sent, k) for k in range(4)]
        assert [future.result() for future in futures] == [1000, 1001, 1002, 1003]
        assert executor.submit(_length, executor.put([]), 1).result() == 1
        del sent
        assert executor.submit(_length, values, 0).result() == 1000

    def test_from_framework_returns_none_for_other_objects(self, executor: Any) -> None:
        if not hasattr(executor, "from_framework"):
            pytest.skip("it has no from_framework")
        for other in (None, 1, "name", object(), SerialExecutor()):
            assert type(executor).from_framework(other) is None

    def test_it_is_shut_down_as_often_as_you_like(self, executor: Any) -> None:
        if not hasattr(executor, "shutdown"):
            pytest.skip("it has no shutdown")
        assert executor.submit(_double, 2).result() == 4
        executor.shutdown(wait=True, cancel_futures=False)
        executor.shutdown(wait=True, cancel_futures=True)
