"""Run Optuna's test cases for samplers on ``TunePlugSampler``.

``MultiObjectiveSamplerTestCase`` does not apply: the sampler rejects studies with several
objectives, as ``SingleOnlySamplerTestCase`` requires.
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
