"""Declare the packages that a report needs as optional dependencies."""

from __future__ import annotations

from tuneplug.optional import OptionalDependency

__all__ = ["JINJA2", "MATPLOTLIB"]

JINJA2 = OptionalDependency("Jinja2", "jinja2", "report", ("markupsafe",))
MATPLOTLIB = OptionalDependency("matplotlib", "matplotlib", "report")
