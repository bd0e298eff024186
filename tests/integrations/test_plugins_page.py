"""The examples of the page on plugins satisfy the contracts for plugin authors."""

from __future__ import annotations

import importlib
import re
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from sklearn.datasets import make_regression

from tuneplug import Float, Study
from tuneplug.testing import (
    CommandContract,
    ConverterContract,
    FitMonitorContract,
    ScalingContract,
    StoppingRuleContract,
    StorageContract,
    StrategyContract,
)

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


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


class TestCommandOfThePage(CommandContract):
    @pytest.fixture
    def command(self, page):
        return page.CountTrials()

    @pytest.fixture
    def arguments(self):
        return ["--state", "complete"]
