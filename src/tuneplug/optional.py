"""Tools for packages of adapters: lazy names, optional dependencies, checks without imports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, final

from tuneplug.errors import MissingDependencyError, did_you_mean

__all__ = ["OptionalDependency", "is_instance_of", "lazy_attributes"]


@final
@dataclass(frozen=True)
class OptionalDependency:
    """A package that may be missing.

    Attributes
    ----------
    name : str
        Name of the package in messages.
    module : str
        Name of its top-level module.
    extra : str
        Extra of tuneplug that installs it.
    companions : tuple of str
        Names of other top-level modules that the extra installs.
    """

    name: str
    module: str
    extra: str
    companions: tuple[str, ...] = ()

    @contextmanager
    def required_by(self, what: str) -> Iterator[None]:
        """Context manager for imports: name the user of a missing package and its extra.

        Raises
        ------
        MissingDependencyError
            If an import of the package or a companion raises ``ModuleNotFoundError``.
        """
        try:
            yield
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in (self.module, *self.companions):
                raise
            raise MissingDependencyError(
                f"{what} needs {self.name}: pip install 'tuneplug[{self.extra}]'"
            ) from error


def is_instance_of(obj: Any, module: str, *class_names: str) -> bool:
    """Return whether an object is an instance of a class of a module, without importing it.

    An instance exists only if the module of its class is loaded.  The result is therefore False if
    the module is not loaded.  Names that are not classes of the module are ignored.

    Parameters
    ----------
    obj : object
    module : str
        Full name of the module.
    *class_names : str
        Public names of classes in the module.

    Examples
    --------
    >>> from fractions import Fraction
    >>> is_instance_of(Fraction(1, 2), "fractions", "Fraction")
    True
    >>> is_instance_of(0.5, "a_module_that_is_not_loaded", "Fraction")
    False
    """
    loaded = sys.modules.get(module)
    named = (getattr(loaded, name, None) for name in class_names)
    return isinstance(obj, tuple(cls for cls in named if isinstance(cls, type)))


def lazy_attributes(
    package: str,
    homes: Mapping[str, str],
    framework: OptionalDependency | None = None,
    elsewhere: Mapping[str, str] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package that imports its modules on first use.

    Parameters
    ----------
    package : str
        Name of the package.
    homes : mapping of str to str
        Module of the package that defines each public name.
    framework : OptionalDependency, optional
        Package that the modules import.  If it is missing, accessing a name raises
        ``MissingDependencyError``.
    elsewhere : mapping of str to str, optional
        Where users find names of other packages: ``"tuneplug_sklearn"``.  Accessing such a name
        raises an ``ImportError`` that says so.

    Examples
    --------
    At the end of an ``__init__.py``::

        __getattr__, __dir__ = lazy_attributes(__name__, {"Thing": "things"})
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise _unknown(package, name, homes, elsewhere or {})
        with framework.required_by(name) if framework else nullcontext():
            return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, listed


def _unknown(
    package: str, name: str, homes: Mapping[str, str], elsewhere: Mapping[str, str]
) -> Exception:
    """Return the error for a name that a package does not have.

    ``from package import name`` discards the message of an ``AttributeError``, but not that of an
    ``ImportError``.
    """
    if name in elsewhere:
        return ImportError(
            f"{name} must be imported from its own package, but got {package!r}: "
            f"from {elsewhere[name]} import {name}",
            name=package,
        )
    message = f"module {package!r} has no attribute {name!r}{did_you_mean(name, homes)}"
    return AttributeError(message, name=name)
