"""Contracts: tests for plugin authors to inherit, which tuneplug's own classes pass.

The contracts need pytest.  Subclass one in a test file and define its fixture:

    import pytest
    from tuneplug.testing import StrategyContract

    class TestCorner(StrategyContract):
        @pytest.fixture
        def strategy(self):
            return Corner()
"""

import pytest

_CONTRACTS = (
    *("commands", "converters", "execution", "monitors", "rules", "scalings", "storages"),
    "strategies",
)
# Failed assertions of the contracts show the compared values.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _CONTRACTS))

from tuneplug.testing.commands import CommandContract  # noqa: E402
from tuneplug.testing.converters import ConverterContract  # noqa: E402
from tuneplug.testing.execution import ExecutorContract  # noqa: E402
from tuneplug.testing.monitors import FitMonitorContract  # noqa: E402
from tuneplug.testing.rules import StoppingRuleContract  # noqa: E402
from tuneplug.testing.scalings import ScalingContract  # noqa: E402
from tuneplug.testing.storages import StorageContract  # noqa: E402
from tuneplug.testing.strategies import StrategyContract  # noqa: E402

__all__ = [
    "CommandContract",
    "ConverterContract",
    "ExecutorContract",
    "FitMonitorContract",
    "ScalingContract",
    "StoppingRuleContract",
    "StorageContract",
    "StrategyContract",
]
