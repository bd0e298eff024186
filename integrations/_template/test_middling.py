"""Run the contract of strategies on the plugin's strategy."""

import pytest
from tuneplug_middling import Middling

from tuneplug.testing import StrategyContract


class TestMiddling(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return Middling()
