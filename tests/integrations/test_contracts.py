"""The converters and monitors of the adapters satisfy the contracts for plugin authors."""

from __future__ import annotations

import warnings

import ConfigSpace
import pytest
from lightgbm import LGBMClassifier
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier
from xgboost import XGBClassifier

from tuneplug.testing import ConverterContract, FitMonitorContract
from tuneplug_catboost import CatBoostMonitor
from tuneplug_configspace import ConfigSpaceConverter
from tuneplug_lightgbm import LightGBMMonitor
from tuneplug_optuna import OptunaConverter
from tuneplug_sklearn.gradient_boosting import GradientBoostingMonitor
from tuneplug_sklearn.hist_gradient_boosting import HistGradientBoostingMonitor
from tuneplug_sklearn.multilayer_perceptron import MultilayerPerceptronMonitor
from tuneplug_sklearn.skopt_converter import SkoptConverter
from tuneplug_xgboost import XGBoostMonitor


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
    "gradient_boosting": (
        GradientBoostingMonitor(),
        GradientBoostingClassifier(n_estimators=20, random_state=0),
    ),
    "multilayer_perceptron": (
        MultilayerPerceptronMonitor(),
        MLPClassifier(hidden_layer_sizes=(4,), max_iter=20, random_state=0),
    ),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # LightGBM 4.6 on arrays
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
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


class TestCatBoostMonitor(FitMonitorContract):
    @pytest.fixture
    def monitor(self):
        return CatBoostMonitor()

    @pytest.fixture
    def estimator(self):
        catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")
        quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
        return catboost.CatBoostClassifier(iterations=20, random_state=0, **quiet)

    @pytest.fixture
    def data(self):
        X, y = make_classification(300, n_informative=5, random_state=0)
        return X[:200], y[:200], X[200:], y[200:]
