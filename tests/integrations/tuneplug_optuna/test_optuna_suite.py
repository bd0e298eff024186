"""Our sampler passes the tests that Optuna gives to the authors of samplers.

Left out is ``MultiObjectiveSamplerTestCase``: the sampler is for one objective, and refuses more,
as ``SingleOnlySamplerTestCase`` has it.
"""

from __future__ import annotations

import pytest

testing = pytest.importorskip("optuna.testing.pytest_samplers")

from tuneplug_optuna import TunePlugSampler  # noqa: E402


class TestBayesian(
    testing.BasicSamplerTestCase,
    testing.RelativeSamplerTestCase,
    testing.SingleOnlySamplerTestCase,
):
    @pytest.fixture
    def sampler(self):
        return TunePlugSampler
