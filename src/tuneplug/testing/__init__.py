"""Contracts: tests that a plugin author inherits, and that tuneplug's own classes pass.

Subclass one in a test file and give its fixture:

    import pytest
    from tuneplug.testing import StrategyContract

    class TestCorner(StrategyContract):
        @pytest.fixture
        def strategy(self):
            return Corner()
"""

from tuneplug.testing.execution import ExecutorContract
from tuneplug.testing.rules import StoppingRuleContract
from tuneplug.testing.scalings import ScalingContract
from tuneplug.testing.strategies import StrategyContract

__all__ = ["ExecutorContract", "ScalingContract", "StoppingRuleContract", "StrategyContract"]
