"""The scripts of other packages, which the pages on coming from them port, run as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PEERS = {"bayes_search.md": "skopt", "optuna_search.md": "optuna_integration", "ray.md": "ray.tune"}


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


@pytest.mark.slow
@pytest.mark.parametrize("page", PEERS)
@pytest.mark.filterwarnings("ignore")  # those of the peer
def test_the_script_before_runs(page, tmp_path, monkeypatch):
    pytest.importorskip(PEERS[page])
    monkeypatch.chdir(tmp_path)  # for what it writes
    (script,) = blocks(page, "py")
    exec(compile(script, f"script of {page}", "exec"), {"__name__": "before"})


@pytest.mark.parametrize("page", PEERS)
def test_the_script_after_does_not_need_the_peer(page):
    after = blocks(page, "python")[-1]
    assert not re.search(rf"^(import|from) {PEERS[page].split('.')[0]}\b", after, re.M)
    before = blocks(page, "py")[0]
    # Both are whole scripts, which tune the same model on the same data.
    shared = set(re.findall(r"^from sklearn.*$", before, re.M))
    assert shared
    assert shared <= set(re.findall(r"^from sklearn.*$", after, re.M))
