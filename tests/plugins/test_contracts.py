"""tuneplug's own classes keep the contracts that it gives to plugin authors."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from tuneplug.execution import Inline
from tuneplug.scaling import Linear, Log, ReverseLog
from tuneplug.stopping import AsynchronousHalving, HyperbandRule, MedianRule
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch
from tuneplug.testing import (
    ExecutorContract,
    ScalingContract,
    StoppingRuleContract,
    StrategyContract,
)


@pytest.mark.usefixtures("one_thread")
class TestStrategies(StrategyContract):
    @pytest.fixture(params=[BayesianSearch, GridSearch, HyperbandSearch, RandomSearch])
    def strategy(self, request):
        return request.param()


class TestScalings(ScalingContract):
    @pytest.fixture(params=[Linear, Log, ReverseLog])
    def scaling(self, request):
        return request.param()


class TestStoppingRules(StoppingRuleContract):
    @pytest.fixture(params=[MedianRule(), AsynchronousHalving(), HyperbandRule(1, 20)])
    def rule(self, request):
        return request.param


class TestInline(ExecutorContract):
    @pytest.fixture
    def executor(self):
        return Inline()


class TestThreads(ExecutorContract):
    @pytest.fixture
    def executor(self):
        with ThreadPoolExecutor(2) as pool:
            yield pool


class TestProcesses(ExecutorContract):
    @pytest.fixture
    def executor(self):
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            yield pool


def test_a_strategy_that_forgets_what_is_running_is_found_out():
    class Stuck(RandomSearch.__base__):
        name = "stuck"

        def suggest(self, context, n):
            from tuneplug.strategies import Suggestion

            return [Suggestion({"x": 0.5, "n": 10, "kind": "a"})]

    with pytest.raises(AssertionError):
        StrategyContract().test_no_setting_is_suggested_twice(Stuck())
