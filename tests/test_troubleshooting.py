"""The page "When something goes wrong" has every error class and every warning of the packages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = " ".join((ROOT / "docs" / "troubleshooting.md").read_text("utf-8").split())
FILES = [
    path
    for package in ("src", "integrations")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "_template" not in path.parts
]
TREES = {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in FILES}
#: Functions whose first argument is the text of a warning.
WARNING = {"warn", "warn_caller", "append"}
#: Number of consecutive words of a warning that the page must quote.
N_WORDS = 4


def error_classes():
    """Return the names of the public classes that derive from an exception."""
    bases = {
        node.name: [ast.unparse(base) for base in node.bases]
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found: set[str] = set()
    while new := {
        name
        for name, parents in bases.items()
        if name not in found
        and any(p in found or re.search("(Error|Warning|Exception)$", p) for p in parents)
    }:
        found |= new
    return sorted(name for name in found if not name.startswith("_"))


def texts_of(node, constants):
    """Return the literal parts of a message."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.Constant)]
    if isinstance(node, ast.IfExp):
        return texts_of(node.body, constants) + texts_of(node.orelse, constants)
    if isinstance(node, ast.Name) and node.id in constants:
        return texts_of(constants[node.id], constants)
    if isinstance(node, ast.BinOp):
        return texts_of(node.left, constants) + texts_of(node.right, constants)
    return []


def called(call):
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def warnings_of(tree):
    """Yield the line and the literal parts of each warning, also of those that become notes."""
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in WARNING and node.args:
            notes = called(node) != "append" or "notes" in ast.unparse(node.func)
            if notes and (texts := texts_of(node.args[0], constants)):
                yield node.lineno, texts


CASES = [
    pytest.param(texts, id=f"{Path(name).name}:{line}")
    for name, tree in TREES.items()
    for line, texts in warnings_of(tree)
]


@pytest.mark.parametrize("name", error_classes())
def test_every_error_class_is_on_the_page(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("texts", CASES)
def test_every_warning_is_quoted_on_the_page(texts):
    windows = [
        " ".join(words[start : start + N_WORDS])
        for words in map(str.split, texts)
        for start in range(len(words) - N_WORDS + 1)
    ]
    in_order = ".{0,100}?".join(re.escape(" ".join(text.split())) for text in texts)
    assert any(window in PAGE for window in windows) or re.search(in_order, PAGE), texts


def test_errors_and_warnings_are_found():
    assert {"TuneplugError", "MetricError", "EvaluationDataError"} <= set(error_classes())
    assert len(CASES) >= 15
