"""What is public is in ``__all__``, sorted, documented and in the reference; imports stay light."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PUBLIC_MODULES = [
    "tuneplug",
    "tuneplug.comparison",
    "tuneplug.plugins",
    "tuneplug.space",
    "tuneplug.strategies",
    "tuneplug.study",
    "tuneplug.trial",
    "tuneplug_sklearn",
    "tuneplug_xgboost",
    "tuneplug_lightgbm",
    "tuneplug_catboost",
    "tuneplug_configspace",
    "tuneplug_optuna",
    "tuneplug_dask",
    "tuneplug_matplotlib",
    "tuneplug_mlflow",
    "tuneplug_ray",
    "tuneplug_report",
    "tuneplug_rich",
    "tuneplug_sagemaker",
    "tuneplug_skorch",
    "tuneplug_sqlalchemy",
    "tuneplug.execution",
    "tuneplug.stopping",
    "tuneplug.storage",
    "tuneplug.monitoring",
    "tuneplug.optional",
    "tuneplug.testing",
]
FRAMEWORKS = [
    "sklearn",
    "joblib",
    "xgboost",
    "lightgbm",
    "catboost",
    "skorch",
    "torch",
    "pandas",
    "matplotlib",
    "jinja2",
    "optuna",
    "dask",
    "distributed",
    "ray",
    "mlflow",
    "rich",
    "botocore",
    "sqlalchemy",
]


CORE_MODULES = [name for name in PUBLIC_MODULES if name.partition(".")[0] == "tuneplug"]


def in_order(names):
    """Return names in the order that ruff requires: constants, classes, functions."""
    return sorted(names, key=lambda name: (not name.isupper(), name))


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_all_is_sorted(module_name):
    module = importlib.import_module(module_name)
    assert module.__all__ == in_order(module.__all__)


@pytest.mark.parametrize("module_name", CORE_MODULES)
def test_every_public_name_exists_and_has_a_docstring(module_name):
    module = importlib.import_module(module_name)
    public = {name: getattr(module, name) for name in module.__all__}
    defined = {
        n: thing
        for n, thing in public.items()
        if inspect.isclass(thing) or inspect.isroutine(thing)
    }
    assert [name for name, thing in defined.items() if not thing.__doc__] == []


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_every_public_name_is_in_the_reference_and_nothing_else_is(module_name):
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    section = re.search(rf"^## `{module_name}`\n(.*?)(?=^## |\Z)", reference, re.S | re.M)
    assert section is not None
    documented = re.findall(r"^\| `(\w+)`", section[1], re.M)
    assert documented == importlib.import_module(module_name).__all__


ADAPTERS = sorted(p.parent.name for p in (ROOT / "integrations").glob("*/__init__.py"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_pattern_of_the_wheel_matches_every_adapter_and_nothing_else():
    assert (
        "/integrations/tuneplug_*"
        in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]
    )
    assert sorted(p.name for p in (ROOT / "integrations").glob("tuneplug_*")) == ADAPTERS
    assert all((ROOT / "integrations" / name / "py.typed").is_file() for name in ADAPTERS)


def test_every_adapter_is_in_the_contracts_of_import_linter():
    linter = PYPROJECT["tool"]["importlinter"]
    assert linter["root_packages"] == ["tuneplug", *ADAPTERS]
    contracts = {contract["name"]: contract for contract in linter["contracts"]}
    for contract, key in [
        ("adapters use the core's public names only", "source_modules"),
        ("adapters do not import each other", "modules"),
    ]:
        assert contracts[contract][key] == ADAPTERS
    assert set(ADAPTERS) <= set(contracts["the core imports no framework"]["forbidden_modules"])


SOURCES = [
    path
    for top in ("src", "integrations")
    for path in sorted((ROOT / top).rglob("*.py"))
    if "_template" not in path.parts  # a distribution of its own
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_names_every_public_class_and_function_that_a_module_defines(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    definitions = (ast.ClassDef, ast.FunctionDef)
    defined = {n.name for n in tree.body if isinstance(n, definitions) and n.name[0] != "_"}
    assigned = [n for n in tree.body if isinstance(n, ast.Assign) and len(n.targets) == 1]
    named_all = [n for n in assigned if ast.unparse(n.targets[0]) == "__all__"]
    exported = [ast.literal_eval(n.value) for n in named_all]
    assert defined <= set(exported[0] if exported else [])
    assert all(names == in_order(names) for names in exported)


def examples_of(page: Path) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M))


USERS = {
    **{
        str(p.relative_to(ROOT)): p.read_text("utf-8")
        for p in (ROOT / "integrations").rglob("*.py")
    },
    **{str(p.relative_to(ROOT)): p.read_text("utf-8") for p in (ROOT / "examples").glob("*.py")},
    **{str(p.relative_to(ROOT)): examples_of(p) for p in (ROOT / "docs").glob("*.md")},
    "README.md": examples_of(ROOT / "README.md"),
}


@pytest.mark.parametrize("user", USERS)
def test_adapters_examples_and_docs_import_only_what_packages_export(user):
    imports = [
        node for node in ast.walk(ast.parse(USERS[user])) if isinstance(node, ast.ImportFrom)
    ]
    of_ours = [node for node in imports if re.match(r"tuneplug(\.|$)", node.module or "")]
    names = [(node.module, alias.name) for node in of_ours for alias in node.names]
    exported = {
        (module, name)
        for module in PUBLIC_MODULES
        for name in importlib.import_module(module).__all__
    }
    assert [name for name in names if name not in exported] == []


def test_an_unknown_attribute_is_an_attribute_error():
    import tuneplug

    with pytest.raises(AttributeError, match="no attribute 'Floaat'"):
        _ = tuneplug.Floaat


def test_the_version_is_the_distributions():
    from importlib.metadata import version

    import tuneplug

    assert version("tuneplug") == tuneplug.__version__


def loaded_after(statement: str) -> list[str]:
    """Return the top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return sorted({name.partition(".")[0] for name in json.loads(done.stdout)})


def test_import_tuneplug_loads_no_framework_and_no_scipy():
    loaded = loaded_after("import tuneplug")
    assert "tuneplug" in loaded
    assert set(loaded) & {"scipy", "pluggy", "threadpoolctl", "numpy", *FRAMEWORKS} == set()


def test_declaring_a_space_loads_no_framework_and_no_scipy():
    loaded = loaded_after("from tuneplug import Float, Int, Categorical, SearchSpace")
    assert set(loaded) & {"scipy", "pluggy", "threadpoolctl", *FRAMEWORKS} == set()


def test_a_study_loads_no_framework():
    loaded = loaded_after("from tuneplug import Study; Study({'x': [1, 2, 3]}).ask()")
    assert set(loaded) & set(FRAMEWORKS) == set()
