"""The contract of executors."""

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
    """Tests of an executor; define the fixture ``executor``, which the tests may shut down.

    The optional members of ``tuneplug.execution.Executor`` are tested if the executor has them.
    """

    #: Maximum wait for a result, in seconds; the executor may have to start workers.
    patience = 120.0

    def test_submit_runs_a_function_with_its_arguments(self, executor: Any) -> None:
        assert [executor.submit(_double, k).result() for k in range(3)] == [0, 2, 4]
        assert executor.submit(os.getpid).result() > 0

    def test_future_raises_the_exception_of_its_function(self, executor: Any) -> None:
        with pytest.raises(ValueError, match="no number"):
            executor.submit(int, "no number").result()

    def test_each_future_calls_back_when_it_is_done(self, executor: Any) -> None:
        completed: queue.SimpleQueue[int] = queue.SimpleQueue()
        futures = [executor.submit(_double, k) for k in range(8)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: completed.put(number))
        assert {completed.get(timeout=self.patience) for _ in futures} == set(range(8))
        assert [future.result() for future in futures] == [2 * k for k in range(8)]

    def test_study_runs_on_the_executor(self, executor: Any) -> None:
        study = Study({"x": Float(-1.0, 1.0)}, strategy="random", seed=0)
        with pytest.warns(RuntimeWarning, match="failed"):
            study.optimize(_square, 8, executor=executor, n_jobs=2)
        states = [trial.state for trial in study.trials]
        assert states.count(TrialState.FAILED) == 1
        assert states.count(TrialState.COMPLETE) == 7
        assert "made to fail" in str(study.trials[2].error)
        assert all(t.reports for t in study.trials if t.state is TrialState.COMPLETE)

    def test_n_workers_is_a_positive_integer(self, executor: Any) -> None:
        number = n_workers(executor)
        if number is None:
            pytest.skip("the executor has no number of workers")
        assert isinstance(number, int)
        assert number >= 1

    def test_put_reference_arrives_as_the_value(self, executor: Any) -> None:
        if not hasattr(executor, "put"):
            pytest.skip("the executor has no put")
        values = list(range(1000))
        sent = executor.put(values)
        futures = [executor.submit(_length, sent, k) for k in range(4)]
        assert [future.result() for future in futures] == [1000, 1001, 1002, 1003]
        assert executor.submit(_length, executor.put([]), 1).result() == 1
        del sent
        assert executor.submit(_length, values, 0).result() == 1000

    def test_from_framework_returns_none_for_other_objects(self, executor: Any) -> None:
        if not hasattr(executor, "from_framework"):
            pytest.skip("the executor has no from_framework")
        for other in (None, 1, "name", object(), SerialExecutor()):
            assert type(executor).from_framework(other) is None

    def test_repeated_shutdown_has_no_effect(self, executor: Any) -> None:
        if not hasattr(executor, "shutdown"):
            pytest.skip("the executor has no shutdown")
        assert executor.submit(_double, 2).result() == 4
        executor.shutdown(wait=True, cancel_futures=False)
        executor.shutdown(wait=True, cancel_futures=True)
