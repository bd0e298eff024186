"""scikit-optimize's own tests of ``BayesSearchCV``, with WarpedBayesSearchCV behind its signature.

They are in its repository, ``skopt/tests/test_searchcv.py``, but not in its source archives since
0.8.1, and are not copied here: TUNEPLUG_SKOPT_TESTS names the file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).parent
SUITE = os.environ.get("TUNEPLUG_SKOPT_TESTS")
#: Tests of release 0.9; later ones have two more, of several metrics.
N_TESTS = 18


@pytest.mark.skipif(not SUITE, reason="TUNEPLUG_SKOPT_TESTS does not name skopt's test_searchcv.py")
def test_scikit_optimizes_own_tests_of_its_search_pass(tmp_path):
    pytest.importorskip("skopt")
    (tmp_path / "empty.ini").write_text("[pytest]\n", encoding="utf-8")
    report = tmp_path / "report.xml"
    search_path = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    options = "-q -W ignore -c empty.ini -p no:cacheprovider -p skopt_shim --junitxml report.xml"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split(), str(Path(SUITE).absolute())],
        cwd=tmp_path,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(search_path),
        },
        capture_output=True,
        text=True,
    )
    assert report.exists(), run.stdout + run.stderr
    outcomes = {
        test.attrib["name"]: [e.tag for e in test]
        for test in ElementTree.parse(report).iter("testcase")
    }
    assert {name: tags for name, tags in outcomes.items() if tags} == {}, run.stdout
    assert len(outcomes) >= N_TESTS
