"""How the parameters of a space are shown in a storage of Optuna's: names and distributions.

Optuna has one kind of distribution and one list of choices under a name.  Sub-spaces of a space may
declare a name each in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from optuna.distributions import BaseDistribution, CategoricalDistribution

from tuneplug import Categorical, SearchSpace
from tuneplug.plugins import Parameter
from tuneplug_optuna.axes import shown

__all__ = ["Field", "fields_of"]


@final
@dataclass(frozen=True)
class Field:
    """A parameter under the name and the distribution that it has in the storage."""

    key: str
    distribution: BaseDistribution
    choices: Categorical | None

    def value(self, value: Any) -> Any:
        if self.choices is None or not isinstance(self.distribution, CategoricalDistribution):
            return value
        at = self.choices.position(value)
        assert at is not None, "a trial's configuration is one of the space"
        return self.distribution.choices[at]


def fields_of(space: SearchSpace) -> list[Mapping[str, Field]]:
    """Return the fields of each sub-space of a space, by the names of its parameters."""
    fields: list[dict[str, Field]] = [{} for _ in space.subspaces]
    for name in space.names:
        here = {k: branch[name] for k, branch in enumerate(space.subspaces) if name in branch}
        for k, field in _alike(name, here).items():
            fields[k][name] = field
    return list(fields)


def _alike(name: str, declared: Mapping[int, Parameter]) -> dict[int, Field]:
    """Return the field of one name in each sub-space: Optuna has one kind and one list of choices.

    Sub-spaces that declare choices share them all; what else they declare differently has a field
    each, named ``name[branch]``.
    """
    parameters = list(declared.values())
    first = parameters[0]
    if all(other.same_as(first) for other in parameters):
        return dict.fromkeys(declared, _field(name, first))
    if all(isinstance(one, Categorical) for one in parameters):
        every = [
            value for one in parameters if isinstance(one, Categorical) for value in one.values
        ]
        return dict.fromkeys(declared, _field(name, Categorical(every)))
    return {k: _field(f"{name}[{k}]", one) for k, one in declared.items()}


def _field(key: str, parameter: Parameter) -> Field:
    if isinstance(parameter, Categorical):
        return Field(key, shown(parameter), parameter)
    return Field(key, shown(parameter), None)
