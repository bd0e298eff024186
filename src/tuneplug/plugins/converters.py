"""From what other packages declare to our parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from tuneplug.errors import SpaceError
from tuneplug.optional import is_instance_of
from tuneplug.space.distributions import as_parameter
from tuneplug.space.parameters import Float, Int, Parameter
from tuneplug.space.scaling import AUTO_NAMES, NAMED

__all__ = [
    "ClassConverter",
    "Converter",
    "Offered",
    "ScipyConverter",
    "convert_space",
    "unsupported",
]

#: Packages whose objects a space understands by itself.
UNDERSTOOD = {"builtins", "numpy", "scipy", "tuneplug"}


class Converter(ABC):
    """Turns the declarations of one package into parameters, or its spaces into mappings."""

    name: ClassVar[str]

    @abstractmethod
    def accepts(self, declared: Any) -> bool:
        """Whether this is a declaration of the package; must not import it to find out."""

    @abstractmethod
    def convert(self, declared: Any) -> Parameter | Mapping[str, Any]:
        """Return what means the same: a parameter, or for a whole space a mapping of them.

        Raises
        ------
        ValueError
            If nothing does.
        """


class ClassConverter(Converter):
    """Converts by the class of what is declared, without importing the package.

    An object of a class exists only where the module of the class is loaded, so classes are looked
    up among the loaded modules.
    """

    #: The module that has the classes as public names.
    module: ClassVar[str]
    #: What converts, by the name of a class; a base class comes after those derived from it.
    conversions: ClassVar[Mapping[str, Callable[[Any], Any]]]

    def accepts(self, declared: Any) -> bool:
        return self._translation(declared) is not None

    def convert(self, declared: Any) -> Any:
        translate = self._translation(declared)
        assert translate is not None, "only what is accepted is converted"
        return translate(declared)

    def _translation(self, declared: Any) -> Callable[[Any], Any] | None:
        for name, translate in self.conversions.items():
            if is_instance_of(declared, self.module, name):
                return translate
        return None


def unsupported(declared: Any) -> Any:
    """Refuse a declaration: the translation of classes that have no equal here.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(
        f"{type(declared).__module__}.{type(declared).__qualname__} has no equal here: declare a "
        "tuneplug.Float, Int or Categorical, a list of choices or a scipy distribution"
    )


class ScipyConverter(Converter):
    """Frozen distributions of scipy; a space understands them by itself as well."""

    name: ClassVar[str] = "scipy"

    def accepts(self, declared: Any) -> bool:
        return _package(declared) == "scipy" and hasattr(declared, "rvs")

    def convert(self, declared: Any) -> Parameter:
        return as_parameter(declared)


class Offered(Protocol):
    """What plugins offer; they are asked only where something is not understood."""

    def providers(self, kind: str, /) -> Mapping[str, Any]: ...
    def create(self, kind: str, name: str, /) -> Any: ...
    def matching(self, kind: str, /, *things: Any) -> Sequence[Any]: ...


def convert_space(space: Any, offered: Offered) -> Any:
    """Return a declared space in tuneplug's words: plugins' scalings by name, foreign parameters.

    Parameters
    ----------
    space : mapping, list of mappings, or anything else, which is returned as it is
    offered : Offered
        What plugins offer.

    Raises
    ------
    SpaceError
        A ``ValueError`` that lists each foreign declaration without an equal here.
    """
    errors: list[str] = []

    def branch(declared: Any, prefix: str) -> Any:
        try:
            declared = _converted(declared, offered)  # a whole space of another package
        except ValueError as error:
            errors.append(f"{prefix}{error}")
            return declared
        if not isinstance(declared, Mapping):
            return declared
        new = {}
        for name, value in declared.items():
            try:
                new[name] = _parameter(value, offered)
            except ValueError as error:
                errors.append(f"{prefix}{name}: {error}")
                new[name] = value
        return new if any(new[name] is not declared[name] for name in new) else declared

    result = space
    if isinstance(space, (list, tuple)):
        several = len(space) > 1
        parts = []
        for number, part in enumerate(space):
            prefix = f"[{number}] " if several else ""
            if isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], Mapping):
                errors.append(  # as scikit-optimize has it
                    f"{prefix}sub-spaces must share one budget, but got a tuple of a dict and "
                    f"n_iter={part[1]!r}: give the dict alone, and the sum of all budgets "
                    "as n_iter="
                )
            parts.append(branch(part, prefix))
        if any(new is not old for new, old in zip(parts, space, strict=True)):
            result = parts
    else:
        result = branch(space, "")
    if errors:
        count = f"{len(errors)} error" + "s" * (len(errors) > 1)
        raise SpaceError(f"the search space has {count}:\n" + "\n".join(f"  - {f}" for f in errors))
    return result


def _parameter(declared: Any, offered: Offered) -> Any:
    if isinstance(declared, (Float, Int)):
        name = declared.scaling
        if isinstance(name, str) and name not in AUTO_NAMES and name not in NAMED:
            known = offered.providers("scaling")
            if name in known:
                return replace(declared, scaling=offered.create("scaling", name))
            if set(known) - set(NAMED):  # of plugins, of which the space itself does not know
                names = sorted(["auto", *known])
                raise ValueError(f"scaling must be one of {names}, but got {name!r}")
        return declared
    return _converted(declared, offered)


def _converted(declared: Any, offered: Offered) -> Any:
    """Return what the converter that accepts a declaration makes of it, or else the declaration."""
    if _package(declared) in UNDERSTOOD:
        return declared
    converters = offered.matching("converter", declared)
    return converters[0].convert(declared) if converters else declared


def _package(declared: Any) -> str:
    return type(declared).__module__.partition(".")[0]
