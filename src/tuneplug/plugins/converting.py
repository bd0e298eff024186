"""From what other packages declare to our parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tuneplug.errors import SpaceError
from tuneplug.parameters import Float, Int, Parameter
from tuneplug.scaling import AUTO_NAMES, NAMED, Scaling

__all__ = ["Converter", "translated"]

#: Packages whose objects a space understands by itself.
UNDERSTOOD = {"builtins", "numpy", "scipy", "tuneplug"}


class Converter(ABC):
    """Turns the declarations of one package into parameters."""

    name: ClassVar[str]

    @abstractmethod
    def accepts(self, declared: Any) -> bool:
        """Whether this is a declaration of the package; must not import it to find out."""

    @abstractmethod
    def convert(self, declared: Any) -> Parameter:
        """Return the parameter that means the same.

        Raises
        ------
        ValueError
            If there is none.
        """


def translated(
    space: Any,
    converters: Callable[[], Mapping[str, type[Converter]]],
    scalings: Callable[[], Mapping[str, type[Scaling]]],
) -> Any:
    """Return a declared space in tuneplug's words: plugins' scalings by name, foreign parameters.

    Parameters
    ----------
    space : mapping, list of mappings, or anything else, which is returned as it is
    converters, scalings : callable
        Return what plugins register, by name; called only where something is not understood.

    Raises
    ------
    SpaceError
        A ``ValueError`` that lists each foreign declaration without an equal here.
    """
    faults: list[str] = []

    def branch(declared: Mapping[Any, Any], prefix: str) -> Mapping[Any, Any]:
        new = {}
        for name, value in declared.items():
            try:
                new[name] = _parameter(value, converters, scalings)
            except ValueError as error:
                faults.append(f"{prefix}{name}: {error}")
                new[name] = value
        return new if any(new[name] is not declared[name] for name in new) else declared

    result = space
    if isinstance(space, Mapping):
        result = branch(space, "")
    elif isinstance(space, (list, tuple)):
        several = len(space) > 1
        parts = []
        for number, part in enumerate(space):
            prefix = f"[{number}] " if several else ""
            if isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], Mapping):
                faults.append(  # as scikit-optimize has it
                    f"{prefix}sub-spaces must share one budget, but got a tuple of a dict and "
                    f"n_iter={part[1]!r}: give the dict alone, and the sum of all budgets "
                    "as n_iter="
                )
            parts.append(branch(part, prefix) if isinstance(part, Mapping) else part)
        if any(new is not old for new, old in zip(parts, space, strict=True)):
            result = parts
    if faults:
        count = f"{len(faults)} fault" + "s" * (len(faults) > 1)
        raise SpaceError(f"the search space has {count}:\n" + "\n".join(f"  - {f}" for f in faults))
    return result


def _parameter(
    declared: Any,
    converters: Callable[[], Mapping[str, type[Converter]]],
    scalings: Callable[[], Mapping[str, type[Scaling]]],
) -> Any:
    if isinstance(declared, (Float, Int)):
        name = declared.scaling
        if isinstance(name, str) and name not in AUTO_NAMES and name not in NAMED:
            known = scalings()
            if name in known:
                return replace(declared, scaling=known[name]())
            if set(known) - set(NAMED):  # of plugins, of which the space itself does not know
                names = sorted(["auto", *known])
                raise ValueError(f"scaling must be one of {names}, but got {name!r}")
        return declared
    if type(declared).__module__.partition(".")[0] in UNDERSTOOD:
        return declared
    for cls in converters().values():
        converter = cls()
        if converter.accepts(declared):
            return converter.convert(declared)
    return declared
