"""For packages of adapters: names loaded when first used, frameworks that may be missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, final

from tuneplug.errors import MissingDependencyError

__all__ = ["OptionalDependency", "lazy_attributes"]


@final
@dataclass(frozen=True)
class OptionalDependency:
    """A package that need not be installed.

    Attributes
    ----------
    name : str
        What it is called.
    module : str
        The top of its modules.
    extra : str
        Of tuneplug, that brings it.
    """

    name: str
    module: str
    extra: str

    @contextmanager
    def required_by(self, what: str) -> Iterator[None]:
        """Say, where an import within does not find it, what needs it and how to get it.

        Raises
        ------
        MissingDependencyError
            In the place of that ``ModuleNotFoundError``.
        """
        try:
            yield
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != self.module:
                raise
            raise MissingDependencyError(
                f"{what} needs {self.name}: pip install 'tuneplug[{self.extra}]'"
            ) from error


def lazy_attributes(
    package: str, homes: Mapping[str, str], framework: OptionalDependency | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package that loads its names when asked.

    Parameters
    ----------
    package : str
        Its name.
    homes : mapping of str to str
        The module of the package that has a name.
    framework : OptionalDependency, optional
        What those modules import.

    Examples
    --------
    At the end of an ``__init__.py``::

        __getattr__, __dir__ = lazy_attributes(__name__, {"Thing": "things"})
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with framework.required_by(name) if framework else nullcontext():
            return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, listed
