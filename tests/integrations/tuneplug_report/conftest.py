"""The report of a large study."""

from __future__ import annotations

import pytest

from tuneplug import Categorical, Float, Int, Study
from tuneplug.plugins import Plugins
from tuneplug_report import write_report


@pytest.fixture(scope="package")
def large_report(tmp_path_factory):
    """Return the report of 2000 trials with 12 parameters."""
    space = {f"model__clf__p{i}": Float(1e-4, 1.0) for i in range(8)}
    space |= {f"model__n{i}": Int(1, 100) for i in range(2)}
    space |= {f"kind{i}": Categorical(["a", "b", "c"]) for i in range(2)}
    study = Study(space, strategy="random", seed=0, plugins=Plugins(installed=False))
    for trial in (study.ask() for _ in range(2000)):
        study.tell(trial, trial.params["model__clf__p0"] + trial.params["model__n0"] ** 0.5)
    return write_report(study, tmp_path_factory.mktemp("large") / "report.html")
