"""Limits on the size of functions: bodies of at most 40 lines, at most six parameters."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    path
    for top in ("src", "integrations")
    for path in sorted((ROOT / top).rglob("*.py"))
    if "_template" not in path.parts  # a distribution of its own
]
MAX_LINES, MAX_PARAMETERS = 40, 6
#: Public constructors and functions with more parameters.
MANY_PARAMETERS = {
    "Study.__init__",
    "Study.optimize",
    "WarpedBayesSearchCV.__init__",
    "compare",
    "compare_searches",
}


def functions(path):
    """Yield the qualified name and the node of each function of a module."""
    pending = [("", ast.parse(path.read_text(encoding="utf-8")))]
    while pending:
        prefix, node = pending.pop()
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            name = f"{prefix}{child.name}" if named else prefix
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield name, child
            pending.append((f"{name}." if named else prefix, child))


def parameters(function):
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def n_lines(function):
    """Return the number of lines of the body without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short_and_take_few_parameters(path):
    found = list(functions(path))
    long = [name for name, function in found if n_lines(function) > MAX_LINES]
    wide = [name for name, function in found if len(parameters(function)) > MAX_PARAMETERS]
    assert long == []
    assert [name for name in wide if name not in MANY_PARAMETERS] == []


def test_the_adapter_of_scikit_learn_passes_values_not_the_search():
    home = ROOT / "integrations" / "tuneplug_sklearn"
    untyped = [
        f"{path.name}: {name}"
        for path in sorted(home.glob("*.py"))
        if path.name != "_compat.py"
        for name, function in functions(path)
        for argument in (*function.args.args, *function.args.kwonlyargs)
        if argument.arg == "search" and ast.unparse(argument.annotation or ast.Constant(0)) == "Any"
    ]
    assert untyped == []
