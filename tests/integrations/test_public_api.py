"""Every public name of an adapter exists and has a docstring."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import tuneplug

ADAPTERS = sorted((Path(__file__).parents[2] / "integrations").glob("tuneplug_*/__init__.py"))


@pytest.mark.parametrize("adapter", [path.parent.name for path in ADAPTERS])
def test_every_public_name_exists_and_has_a_docstring(adapter):
    module = importlib.import_module(adapter)
    public = {name: getattr(module, name) for name in module.__all__}
    assert [n for n, thing in public.items() if callable(thing) and not thing.__doc__] == []


@pytest.mark.parametrize("adapter", [path.parent.name for path in ADAPTERS])
def test_name_of_an_adapter_that_is_imported_from_tuneplug_raises_with_its_package(adapter):
    for name in importlib.import_module(adapter).__all__:
        with pytest.raises(ImportError, match=f"from .*import {name}$") as raised:
            exec(f"from tuneplug import {name}")
        packages = re.findall(r"tuneplug[_.]\w+", str(raised.value))
        assert all(hasattr(importlib.import_module(package), name) for package in packages)
        with pytest.raises(ImportError, match=f"{name} must be imported from its own package"):
            getattr(tuneplug, name)


@pytest.mark.parametrize("name", ["Target", "Plugins", "GridSearch", "Progress", "FitReporter"])
def test_name_of_a_module_of_the_core_that_is_imported_from_tuneplug_raises_with_its_module(name):
    with pytest.raises(ImportError) as raised:
        exec(f"from tuneplug import {name}")
    exec(str(raised.value).partition(": ")[2], namespace := {})
    assert name in namespace


def test_misspelled_name_raises_with_the_most_similar_one():
    with pytest.raises(AttributeError, match="has no attribute 'Studdy': did you mean 'Study'"):
        _ = tuneplug.Studdy
    assert not hasattr(tuneplug, "nothing_like_it")
