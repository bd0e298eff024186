"""The scripts of other packages, which the pages on coming from them port, run as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PEERS = {"bayes_search.md": "skopt", "optuna_search.md": "optuna_integration", "ray.md": "ray.tune"}


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


@pytest.mark.slow
@pytest.mark.parametrize("page", PEERS)
def test_the_script_before_runs(page, tmp_path):
    pytest.importorskip(PEERS[page])
    (script,) = blocks(page, "py")
    path = tmp_path / "before.py"
    path.write_text(script, "utf-8")
    command = [sys.executable, str(path)]  # in a process of its own, which ends Ray
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("page", PEERS)
def test_the_script_after_does_not_need_the_peer(page):
    after = blocks(page, "python")[-1]
    assert not re.search(rf"^(import|from) {PEERS[page].split('.')[0]}\b", after, re.M)
    before = blocks(page, "py")[0]
    # Both are whole scripts, which tune the same model on the same data.
    shared = set(re.findall(r"^from sklearn.*$", before, re.M))
    assert shared
    assert shared <= set(re.findall(r"^from sklearn.*$", after, re.M))
