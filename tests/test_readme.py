"""The README has the examples that it needs, links lead somewhere, and CI runs its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.S | re.M)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([\w./-]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_architecture_lists_every_file_of_the_core():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    core = page.split("\n## The core\n")[1].split("\n## ")[0]
    listed, package = set(), Path()
    for line in core.splitlines():
        if heading := re.match(r"`(\w+)/`", line):
            package = Path(heading[1])
        elif line.startswith("    "):
            listed |= {package / name for name in re.findall(r"\w+\.py", line)}
    source = ROOT / "src" / "tuneplug"
    files = {path.relative_to(source) for path in source.rglob("*.py")}
    packages = {path for path in files if path.name == "__init__.py" and len(path.parts) > 1}
    assert listed == files - packages


def test_the_readme_has_the_drop_in_and_the_ask_tell_example():
    assert len(EXAMPLES) >= 2
    drop_in = next(e for e in EXAMPLES if "WarpedBayesSearchCV" in e)
    assert len(drop_in.strip().splitlines()) <= 8
    assert any("study.ask()" in example for example in EXAMPLES)


def test_ci_runs_the_commands_of_the_readme_and_of_contributing():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m pip .*$", README, re.M)
    assert len(commands) == 3
    core = re.findall(r"^    (python -m pip .*test-core.*)$", contributing, re.M)
    assert len(core) == 1
    test = (ROOT / ".ci" / "test").read_text(encoding="utf-8")
    for command in [*commands, *core]:
        assert f"\n{command}\n" in test


def test_the_workflow_runs_the_scripts_that_ci_runs():
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    scripts = re.findall(r"^bash \./(\w+)$", run, re.M)
    assert scripts == ["test", "check"]
    assert f"script: [{', '.join(scripts)}]" in workflow
    assert "bash .ci/${{ matrix.script }}" in workflow
