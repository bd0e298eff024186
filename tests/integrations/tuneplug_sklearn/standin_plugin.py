"""A pytest plugin: another class in the place of ``RandomizedSearchCV``, for scikit-learn's tests.

    STANDIN=tuneplug_sklearn:WarpedBayesSearchCV STANDIN_REPORT=report.json \\
        python -m pytest --pyargs sklearn.model_selection.tests.test_search -p standin_plugin

The class is replaced before a test module is imported, so importing this file does nothing.  The
report tells, for each test that ran, whether it passed and whether it built the stand-in.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
from pathlib import Path

import pytest


class StandIn:
    """Counts, test by test, how often the class was built."""

    def __init__(self, cls, report):
        self.cls, self.report, self.built = cls, report, 0
        self.tests = {}
        init = cls.__init__

        @functools.wraps(init)
        def counting_init(instance, *args, **kwargs):
            self.built += 1
            init(instance, *args, **kwargs)

        cls.__init__ = counting_init

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        # Some names hold that of the class: they are to be the same for every class.
        name = item.nodeid.split("::", 1)[1].replace(self.cls.__name__, "RandomizedSearchCV")
        test = self.tests.setdefault(name, {"failed": False})
        test["failed"] |= report.failed
        if call.when == "call":
            test["skipped"] = report.skipped
            test["built"] = self.built > 0
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self):
        self.built = 0

    def pytest_sessionfinish(self):
        Path(self.report).write_text(json.dumps(self.tests), encoding="utf-8")


def pytest_configure(config):
    import sklearn.model_selection

    module, name = os.environ["STANDIN"].split(":")
    cls = getattr(importlib.import_module(module), name)
    sklearn.model_selection.RandomizedSearchCV = cls
    config.pluginmanager.register(StandIn(cls, os.environ["STANDIN_REPORT"]))
