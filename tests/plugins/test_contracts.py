"""tuneplug's own classes keep the contracts that it gives to plugin authors."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import ConfigSpace
import pytest
from lightgbm import LGBMClassifier
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import HistGradientBoostingClassifier
from xgboost import XGBClassifier

from tuneplug import Float, Study
from tuneplug.execution import SerialExecutor
from tuneplug.plugins.converters import ScipyConverter
from tuneplug.space.scaling import Linear, Log, ReverseLog
from tuneplug.stopping import AsynchronousHalving, HyperbandRule, MedianRule
from tuneplug.storage import MemoryStorage, SqliteStorage
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch
from tuneplug.testing import (
    ConverterContract,
    ExecutorContract,
    FitMonitorContract,
    ScalingContract,
    StoppingRuleContract,
    StorageContract,
    StrategyContract,
)
from tuneplug_configspace import ConfigSpaceConverter
from tuneplug_lightgbm import LightGBMMonitor
from tuneplug_optuna import OptunaConverter
from tuneplug_sklearn.foreign import SkoptConverter
from tuneplug_sklearn.histogram import HistGradientBoostingMonitor
from tuneplug_xgboost import XGBoostMonitor

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


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


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The examples of the page on plugins, as a module."""
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    folder = tmp_path_factory.mktemp("page")
    (folder / "examples_of_the_page.py").write_text("\n".join(examples), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("examples_of_the_page")
        del sys.modules["examples_of_the_page"]


@pytest.mark.usefixtures("one_thread")
class TestStrategyOfThePage(StrategyContract):
    @pytest.fixture
    def strategy(self, page):
        return page.Neighbors()


class TestScalingOfThePage(ScalingContract):
    @pytest.fixture
    def scaling(self, page):
        return page.Square()


class TestStoppingRuleOfThePage(StoppingRuleContract):
    @pytest.fixture
    def rule(self, page):
        return page.WorstYet()

    def test_it_stops_something(self, rule):
        study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, seed=0)
        study.optimize(self.objective, 25)
        assert "stopped" in {trial.state.value for trial in study.trials}


class TestStorageOfThePage(StorageContract):
    @pytest.fixture
    def storage(self, page, tmp_path):
        return page.FolderStorage(tmp_path / "studies")


class TestMonitorOfThePage(FitMonitorContract):
    @pytest.fixture
    def monitor(self, page):
        return page.DescentMonitor()

    @pytest.fixture
    def estimator(self, page):
        return page.Descent()

    @pytest.fixture
    def data(self):
        X, y = make_regression(150, 4, noise=5.0, random_state=0)
        return X[:100], y[:100], X[100:], y[100:]

    def test_poor_fits_of_the_search_were_ended(self, page):
        assert page.search.cv_results_["stop_reason"].tolist() != [None] * 16


class TestConverterOfThePage(ConverterContract):
    @pytest.fixture
    def converter(self, page):
        return page.RangeConverter()

    @pytest.fixture
    def declarations(self):
        return [Fraction(2, 7), Fraction(3, 100)]


class TestScipyConverter(ConverterContract):
    @pytest.fixture
    def converter(self):
        return ScipyConverter()

    @pytest.fixture
    def declarations(self):
        return [stats.uniform(0, 2), stats.loguniform(0.1, 9), stats.randint(1, 5), stats.norm()]


class TestSkoptConverter(ConverterContract):
    package = "skopt"

    @pytest.fixture
    def space(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-optimize's own, with NumPy 2
            return pytest.importorskip("skopt.space")

    @pytest.fixture
    def converter(self):
        return SkoptConverter()

    @pytest.fixture
    def declarations(self, space):
        return [space.Real(0.1, 2, "log-uniform"), space.Integer(1, 9), space.Categorical("abc")]

    @pytest.fixture
    def refused(self, space):
        return [space.Categorical([1, 2], prior=[0.3, 0.7])]


class TestOptunaConverter(ConverterContract):
    package = "optuna"

    @pytest.fixture
    def converter(self):
        return OptunaConverter()

    @pytest.fixture
    def declarations(self):
        choices = CategoricalDistribution(["a", None, 1])
        return [FloatDistribution(0.1, 2, log=True), IntDistribution(1, 9, step=2), choices]

    @pytest.fixture
    def refused(self):
        return [IntDistribution(0, 10**9, step=5)]


class TestConfigSpaceConverter(ConverterContract):
    package = "ConfigSpace"

    @pytest.fixture
    def converter(self):
        return ConfigSpaceConverter()

    @pytest.fixture
    def declarations(self):
        ranges = [ConfigSpace.Float("x", (0.1, 2), log=True), ConfigSpace.Integer("n", (1, 9))]
        return [*ranges, ConfigSpace.Categorical("k", ["a", "b"])]

    @pytest.fixture
    def refused(self):
        return [ConfigSpace.Float("x", (0, 1), distribution=ConfigSpace.Normal(0.5, 1))]


MONITORED = {
    "xgboost": (XGBoostMonitor(), XGBClassifier(n_estimators=20, n_jobs=1, random_state=0)),
    "lightgbm": (
        LightGBMMonitor(),
        LGBMClassifier(n_estimators=20, n_jobs=1, random_state=0, verbose=-1),
    ),
    "hist_gradient_boosting": (
        HistGradientBoostingMonitor(),
        HistGradientBoostingClassifier(max_iter=20, random_state=0),
    ),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # LightGBM 4.6 on arrays
class TestMonitors(FitMonitorContract):
    @pytest.fixture(params=MONITORED.values(), ids=MONITORED)
    def monitored(self, request):
        return request.param

    @pytest.fixture
    def monitor(self, monitored):
        return monitored[0]

    @pytest.fixture
    def estimator(self, monitored):
        return monitored[1]

    @pytest.fixture
    def data(self):
        X, y = make_classification(300, n_informative=5, random_state=0)
        return X[:200], y[:200], X[200:], y[200:]


def test_a_strategy_that_forgets_what_is_running_is_found_out():
    class Stuck(RandomSearch.__base__):
        name = "stuck"

        def suggest(self, context, n):
            from tuneplug.strategies import Suggestion

            return [Suggestion({"x": 0.5, "n": 10, "kind": "a"})]

    with pytest.raises(AssertionError):
        StrategyContract().test_no_configuration_is_suggested_twice(Stuck())
