"""tuneplug's own classes pass the contracts for plugin authors."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from scipy import stats

from tuneplug.execution import SerialExecutor
from tuneplug.plugins.converters import ScipyConverter
from tuneplug.space.scaling import Linear, Log, ReverseLog
from tuneplug.stopping import AsynchronousHalving, HyperbandRule, MedianRule
from tuneplug.storage import MemoryStorage, SqliteStorage
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch
from tuneplug.testing import (
    ConverterContract,
    ExecutorContract,
    ScalingContract,
    StoppingRuleContract,
    StorageContract,
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


class TestSerialExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self):
        return SerialExecutor()


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


class TestMemory(StorageContract):
    @pytest.fixture
    def storage(self):
        return MemoryStorage()


class TestSqlite(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        return SqliteStorage(tmp_path / "study.db")

    def reopened(self, storage):
        return SqliteStorage(storage.path)


class TestScipyConverter(ConverterContract):
    @pytest.fixture
    def converter(self):
        return ScipyConverter()

    @pytest.fixture
    def declarations(self):
        return [stats.uniform(0, 2), stats.loguniform(0.1, 9), stats.randint(1, 5), stats.norm()]


def test_contract_detects_a_strategy_that_repeats_itself():
    class Stuck(RandomSearch.__base__):
        name = "stuck"

        def suggest(self, context, n):
            from tuneplug.strategies import Suggestion

            return [Suggestion({"x": 0.5, "n": 10, "kind": "a"})]

    with pytest.raises(AssertionError):
        StrategyContract().test_no_configuration_is_suggested_twice(Stuck())
