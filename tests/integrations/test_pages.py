"""The examples of the README and of every page run as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what they write
    namespace: dict[str, object] = {"__name__": page.stem}
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M):
        exec(compile(example, f"example of {page.name}", "exec"), namespace)
