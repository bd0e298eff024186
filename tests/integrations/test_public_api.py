"""Every public name of an adapter exists and has a docstring."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ADAPTERS = sorted((Path(__file__).parents[2] / "integrations").glob("tuneplug_*/__init__.py"))


@pytest.mark.parametrize("adapter", [path.parent.name for path in ADAPTERS])
def test_every_public_name_exists_and_has_a_docstring(adapter):
    module = importlib.import_module(adapter)
    public = {name: getattr(module, name) for name in module.__all__}
    assert [n for n, thing in public.items() if callable(thing) and not thing.__doc__] == []
