"""A pytest plugin: other classes in the place of scikit-learn's searches, for its own tests.

    STANDIN_RANDOMIZED=tuneplug_sklearn:WarpedBayesSearchCV STANDIN_REPORT=report.json \\
        python -m pytest --pyargs sklearn.model_selection.tests.test_search -p standin_plugin

``STANDIN_GRID`` replaces ``GridSearchCV``; ``STANDIN_BACKEND`` runs every test with two workers of
that backend of joblib.  Classes are replaced before a test module is imported, so importing this
file does nothing.  The report tells, for each test that ran, whether it passed and whether it built
a stand-in.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
from contextlib import nullcontext
from pathlib import Path

import joblib
import pytest
import sklearn.model_selection


class StandIn:
    """Counts, test by test, how often one of the classes was built."""

    def __init__(self, report):
        self.report, self.built, self.names, self.tests = report, 0, {}, {}

    def replace(self, name, cls):
        init = cls.__init__

        @functools.wraps(init)
        def counting_init(instance, *args, **kwargs):
            self.built += 1
            init(instance, *args, **kwargs)

        cls.__init__ = counting_init
        self.names[cls.__name__] = name
        setattr(sklearn.model_selection, name, cls)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        # Some names hold that of the class: they are to be the same for every class.
        name = f"{item.path.stem}::{item.nodeid.split('::', 1)[1]}"
        for ours, theirs in self.names.items():
            name = re.sub(rf"\[{ours}(?![A-Za-z])", f"[{theirs}", name)
        test = self.tests.setdefault(name, {"failed": False})
        test["failed"] |= report.failed
        if call.when == "call":
            test["skipped"] = report.skipped
            test["built"] = self.built > 0
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self):
        self.built = 0
        backend = os.environ.get("STANDIN_BACKEND")
        with joblib.parallel_config(backend, n_jobs=2) if backend else nullcontext():
            return (yield)

    def pytest_sessionfinish(self):
        Path(self.report).write_text(json.dumps(self.tests), encoding="utf-8")


def pytest_configure(config):
    stand_in = StandIn(os.environ["STANDIN_REPORT"])
    for name in ("RandomizedSearchCV", "GridSearchCV"):
        variable = f"STANDIN_{name.removesuffix('SearchCV').upper()}"
        if variable in os.environ:
            module, cls = os.environ[variable].split(":")
            stand_in.replace(name, getattr(importlib.import_module(module), cls))
    config.pluginmanager.register(stand_in)
