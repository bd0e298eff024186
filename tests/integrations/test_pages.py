"""The examples of the README and of every page run as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Pages whose examples start clusters or run many fits; tests of the adapters cover what they show.
SLOW = {
    "bayes_search.md",
    "boosting.md",
    "clusters.md",
    "optuna_search.md",
    "ray.md",
    "stopping.md",
}


def param(page):
    return pytest.param(page, id=page.name, marks=[pytest.mark.slow] if page.name in SLOW else [])


@pytest.mark.parametrize("page", [*map(param, PAGES)])
def test_the_examples_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what they write
    namespace: dict[str, object] = {"__name__": page.stem}
    text = page.read_text("utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    assert len(examples) == text.count("```python"), "an example is indented or never ends"
    for example in examples:
        exec(compile(example, f"example of {page.name}", "exec"), namespace)
