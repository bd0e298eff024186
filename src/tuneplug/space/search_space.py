"""SearchSpace: named parameters, and the unit cube that they span.

Notation: d is the number of dimensions of the cube, u a point of shape (d,), U points of shape
(n, d).  A configuration is a dict of parameter values.  Each configuration has one point in the
cube.

- Constants, which have one value, are part of every configuration and have no dimension.
- A conditional parameter is active if its condition ``when=`` holds.  If it is inactive, it is
  absent from the configuration, and its coordinate is 0.5.  It then adds no distance between
  configurations.
- A list of mappings is one space with several sub-spaces.  A hidden first dimension selects the
  sub-space.  Sub-spaces share the dimension of a parameter that they declare in the same way.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np

from tuneplug._html import html_table
from tuneplug._typing import BoolArray, FloatArray
from tuneplug.space.categorical import Categorical
from tuneplug.space.encoding import KEY_DIGITS, Column, ColumnCondition, SubspaceEncoder
from tuneplug.space.parameters import Parameter, ScalingRecord
from tuneplug.space.range_ends import end_advice
from tuneplug.space.validation import (
    INACTIVE_COORDINATE,
    condition_points,
    may_overlap,
    parents_first,
    parse_space,
)

__all__ = ["SearchSpace"]

#: Block size for the list of configurations of a finite space.
BLOCK_SIZE = 1024


@final
class SearchSpace:
    """The parameters of a search, and the unit cube that they span.

    Parameters
    ----------
    parameters : mapping of str to parameter, or a list of such mappings
        A parameter is a ``Float``, ``Int`` or ``Categorical``, a list or array of categories, or a
        frozen scipy distribution (an object with ``rvs``).  A list of mappings is one space with
        several sub-spaces.

    Raises
    ------
    SpaceError
        If a parameter is invalid.  The message lists the errors of all parameters.

    Examples
    --------
    >>> from tuneplug import Categorical, Float
    >>> space = SearchSpace({"eta": Float(1e-4, 1.0), "booster": Categorical(["gbtree", "dart"]),
    ...                      "rate_drop": Float(0, 1, when={"booster": ["dart"]})})
    >>> space.decode([0.5, 0.2, 0.9])
    {'eta': 0.0100..., 'booster': 'gbtree'}
    >>> space.encode({"eta": 0.01, "booster": "gbtree"})
    array([0.5 , 0.25, 0.5 ])
    """

    def __init__(
        self, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | SearchSpace
    ) -> None:
        if isinstance(parameters, SearchSpace):
            self.subspaces: list[dict[str, Parameter]] = parameters.subspaces
        else:
            self.subspaces = parse_space(parameters)
        # Strings, because numbers would be ordered.
        self._subspace = Categorical([f"subspace {i}" for i in range(len(self.subspaces))])
        self._entries: list[Column] = []
        self._columns: list[Parameter] = [self._subspace] if len(self.subspaces) > 1 else []
        for number, subspace in enumerate(self.subspaces):
            self._add_subspace(number, subspace)
        self._encoders = [self._encoder(number) for number in range(len(self.subspaces))]
        #: Earlier sub-spaces that may contain a configuration of a sub-space.
        self._overlapping = {
            k: earlier
            for k, subspace in enumerate(self.subspaces)
            if (earlier := [j for j in range(k) if may_overlap(subspace, self.subspaces[j])])
        }

    def _encoder(self, number: int) -> SubspaceEncoder:
        template = np.full(self.n_dimensions, INACTIVE_COORDINATE)
        if self.n_subspaces > 1:
            template[0] = self._subspace.points()[number]
        mine = {i: e for i, e in enumerate(self._entries) if number in e.subspaces}
        return SubspaceEncoder(template, mine)

    def _add_subspace(self, number: int, subspace: Mapping[str, Parameter]) -> None:
        placed: dict[str, int] = {}
        for name in parents_first(subspace):
            parameter = subspace[name]
            shared = self._shared(name, parameter)
            if shared is not None:
                entry = self._entries[shared]
                self._entries[shared] = Column(
                    name, entry.parameter, entry.column, (), (*entry.subspaces, number)
                )
                placed[name] = shared
                continue
            conditions = tuple(
                ColumnCondition(placed[parent], tuple(condition_points(subspace[parent], values)))
                for parent, values in (parameter.when or {}).items()
            )
            column = None
            if parameter.size > 1:
                column = len(self._columns)
                self._columns.append(parameter)
            placed[name] = len(self._entries)
            self._entries.append(Column(name, parameter, column, conditions, (number,)))

    def _shared(self, name: str, parameter: Parameter) -> int | None:
        """Return the entry of an earlier sub-space that declares the parameter in the same way."""
        for i, entry in enumerate(self._entries):
            same = entry.name == name and not entry.conditions and not parameter.when
            if same and entry.parameter.same_as(parameter):
                return i
        return None

    # ------------------------------------------------------------------ properties of the cube

    @property
    def names(self) -> list[str]:
        """Names of all parameters and constants, each once, in order of declaration."""
        return list(dict.fromkeys(name for subspace in self.subspaces for name in subspace))

    @property
    def dimensions(self) -> list[Parameter]:
        """Parameter of each of the d columns; the hidden one is a Categorical."""
        return list(self._columns)

    @property
    def column_names(self) -> list[str]:
        """Name of each of the d columns; the hidden one is ``(sub-space)``.

        A parameter that sub-spaces declare differently has several columns: ``name[subspace]``.
        """
        columns = [e for e in self._entries if e.column is not None]
        count = Counter(e.name for e in columns)
        names = {
            e.column: e.name if count[e.name] == 1 else f"{e.name}[{e.subspaces[0]}]"
            for e in columns
        }
        return [names.get(column, "(sub-space)") for column in range(self.n_dimensions)]

    @property
    def n_dimensions(self) -> int:
        """Number d of dimensions of the unit cube."""
        return len(self._columns)

    @property
    def n_subspaces(self) -> int:
        """Number of sub-spaces; 1 unless the space was declared as a list."""
        return len(self.subspaces)

    @property
    def bounds(self) -> FloatArray:
        """Bounds of the part of the cube that a model-guided strategy searches, shape (d, 2)."""
        return np.array([p.unit_bounds for p in self._columns], dtype=np.float64).reshape(-1, 2)

    @property
    def size(self) -> float:
        """Number of configurations; an upper bound if there are conditions or sub-spaces."""
        return sum(
            math.prod(float(p.size) for p in subspace.values()) for subspace in self.subspaces
        )

    def explain_scaling(self, best: Mapping[str, Any] | None = None) -> list[ScalingRecord]:
        """Return the scaling of each numeric parameter, with the reason and advice.

        Parameters
        ----------
        best : mapping of str to value, optional
            Best configuration.  The advice states which of its values lie at an end of their range
            that could be widened.  If None, there is no such advice.

        Raises
        ------
        TypeError, ValueError
            As ``encode`` does, for ``best``.
        """
        at_end = {} if best is None else self.ends_reached(best)
        records = []
        for entry in self._entries:
            if entry.column is None or (record := entry.parameter.explain(entry.name)) is None:
                continue
            pieces = (record["advice"], at_end.get(entry.column, ""))
            record["advice"] = "; ".join(filter(None, pieces))
            records.append(record)
        return records

    def ends_reached(self, params: Mapping[str, Any]) -> dict[int, str]:
        """Return advice to widen ranges, by column, for the best configuration.

        Raises
        ------
        TypeError, ValueError
            As ``encode`` does.
        """
        active = self.active_mask(self.locate(params))
        found = {
            entry.column: end_advice(entry.parameter, params[entry.name])
            for entry in self._entries
            if entry.column is not None and active[entry.column]
        }
        return {column: advice for column, advice in found.items() if advice is not None}

    # ------------------------------------------------------------------ configurations <-> cube

    def decode(self, u: Sequence[float] | FloatArray) -> dict[str, Any]:
        """Map a point of the cube, shape (d,), to its configuration.

        Raises
        ------
        ValueError
            If u does not have d coordinates, all in [0, 1].
        """
        row = np.asarray(u, dtype=np.float64)
        if row.shape != (self.n_dimensions,) or not np.all((row >= 0) & (row <= 1)):
            raise ValueError(
                f"u must hold {self.n_dimensions} coordinates in [0, 1], but got {u!r}: "
                "encode(params) gives them for a configuration"
            )
        return self._configurations(row[None, :])[0]

    def _configurations(self, U: FloatArray) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{} for _ in U]
        active = self._active(self._snap_columns(U))
        for i, entry in enumerate(self._entries):
            rows = np.flatnonzero(active[:, i])
            at = (
                np.full(len(rows), INACTIVE_COORDINATE)
                if entry.column is None
                else U[rows, entry.column]
            )
            for row, value in zip(rows, entry.parameter.from_unit(at), strict=True):
                found[row][entry.name] = value
        names = self.names
        return [
            {name: configuration[name] for name in names if name in configuration}
            for configuration in found
        ]

    def encode(self, params: Mapping[str, Any]) -> FloatArray:
        """Map a configuration to the cube, shape (d,), without snapping.

        Raises
        ------
        TypeError
            If the configuration is not a mapping.
        ValueError
            If a name is missing, unknown or inactive, or if a value is outside its parameter.  The
            message lists all errors.
        """
        if not isinstance(params, Mapping):
            raise TypeError(
                f"a configuration must map names to values, but got {params!r}: pass one dict, "
                "such as trial.params"
            )
        rows, errors = {}, []
        for encoder in self._encoders:
            try:
                rows[encoder] = encoder.encode(params)
            except ValueError as error:
                errors.append(str(error))
        if not rows:
            raise ValueError("; or ".join(dict.fromkeys(errors)))
        # Prefer the first sub-space with the same types: max_features=1 is one feature, 1.0 all.
        kept = (row for encoder, row in rows.items() if encoder.keeps_types(row, params))
        first = next(iter(rows.values()))
        return first if len(rows) == 1 else next(kept, first)

    def canonical(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a configuration in the order of the space, with its categories and types.

        Raises
        ------
        ValueError
            As ``encode`` does.
        """
        return self.restore([params])[0][0]

    def restore(
        self, configurations: Sequence[Mapping[str, Any]]
    ) -> tuple[list[dict[str, Any]], FloatArray]:
        """Return n configurations as ``canonical`` does, and their points, shape (n, d).

        Raises
        ------
        TypeError, ValueError
            As ``encode`` does, for the first configuration that is not in the space.
        """
        rows = [self.encode(params) for params in configurations]
        U = np.array(rows, dtype=np.float64).reshape(len(rows), self.n_dimensions)
        restored = [
            # Numbers are taken from params: encoding and decoding may change their last digit.
            {k: type(v)(params[k]) if type(v) in (int, float) else v for k, v in own.items()}
            for own, params in zip(self._configurations(U), configurations, strict=True)
        ]
        return restored, self._snap_rows(U)

    def locate(self, params: Mapping[str, Any]) -> FloatArray:
        """Return the point of a configuration in the cube, shape (d,).

        The point is the encoded configuration, snapped.  ``Trial.point`` is
        ``locate(trial.params)``.

        Raises
        ------
        TypeError, ValueError
            As ``encode`` does.
        """
        return self.snap(self.encode(params))

    def key(self, params: Mapping[str, Any]) -> bytes:
        """Return the hashable key of a configuration.  Equal configurations have equal keys.

        Raises
        ------
        TypeError, ValueError
            As ``encode`` does.
        """
        return self.keys(self.locate(params))[0]

    def snap(self, U: FloatArray) -> FloatArray:
        """Move points, shape (..., d), to the points of their configurations.

        ``snap(U)`` decodes to the same configurations as U, and is the encoding of them.
        """
        return self._snap_rows(self._as_rows(U)).reshape(np.shape(U))

    def _as_rows(self, U: FloatArray) -> FloatArray:
        """Return points of shape (..., d) as rows, shape (n, d)."""
        points = np.asarray(U, dtype=np.float64)
        return points.reshape(math.prod(points.shape[:-1]), self.n_dimensions)

    def _snap_rows(self, U: FloatArray) -> FloatArray:
        snapped = self._snap_columns(U)
        snapped = np.where(self._used(snapped), snapped, INACTIVE_COORDINATE)
        if self._overlapping:
            self._move_to_first(snapped)
        return snapped

    def _move_to_first(self, snapped: FloatArray) -> None:
        """Move points, in place, to the first sub-space that contains their configurations."""
        number = self._subspace.index(snapped[:, 0])
        rows = np.flatnonzero(np.isin(number, list(self._overlapping)))
        at: dict[bytes, list[int]] = {}
        for i in rows.tolist():
            at.setdefault(snapped[i].tobytes(), []).append(i)
        distinct = [same[0] for same in at.values()]
        configurations = self._configurations(snapped[distinct])
        for same, params in zip(at.values(), configurations, strict=True):
            first = self._encode_first(self._overlapping[number[same[0]]], params)
            if first is not None:
                snapped[same] = first

    def _encode_first(self, numbers: list[int], params: Mapping[str, Any]) -> FloatArray | None:
        """Encode a configuration in the first of some sub-spaces that has it, with its types."""
        for number in numbers:
            encoder = self._encoders[number]
            if encoder.may_contain(params):
                try:
                    row = encoder.encode(params)
                except ValueError:  # a parameter is active there, but not here
                    continue
                if encoder.keeps_types(row, params):
                    return row
        return None

    def active_mask(self, U: FloatArray) -> BoolArray:
        """Return whether each coordinate of points, shape (..., d), is active."""
        return self._used(self._snap_columns(self._as_rows(U))).reshape(np.shape(U))

    def _used(self, snapped: FloatArray) -> BoolArray:
        active = self._active(snapped)
        used = np.zeros(snapped.shape, dtype=bool)
        used[:, : self.n_subspaces > 1] = True
        for i, entry in enumerate(self._entries):
            if entry.column is not None:
                used[:, entry.column] |= active[:, i]
        return used

    def _snap_columns(self, U: FloatArray) -> FloatArray:
        columns = [p.snap(U[:, j]) for j, p in enumerate(self._columns)]
        return np.stack(columns, axis=1) if columns else np.empty((len(U), 0))

    def _active(self, snapped: FloatArray) -> BoolArray:
        """Return whether each entry is active in each row, shape (n, number of entries)."""
        active = np.zeros((len(snapped), len(self._entries)), dtype=bool)
        if self.n_subspaces > 1:
            subspace = self._subspace.index(snapped[:, 0])
        else:
            subspace = np.zeros(len(snapped), dtype=np.intp)
        for i, entry in enumerate(self._entries):
            on = np.isin(subspace, entry.subspaces)
            for condition in entry.conditions:
                on &= active[:, condition.entry]
                column = self._entries[condition.entry].column
                if column is not None:
                    near = np.abs(snapped[:, [column]] - np.array(condition.at)) < 10.0**-KEY_DIGITS
                    on &= near.any(axis=1)
            active[:, i] = on
        return active

    def keys(self, U: FloatArray) -> list[bytes]:
        """Return the hashable keys of snapped points, shape (..., d), as one flat list.

        Equal configurations have equal keys.  One point gives a list of one key.
        """
        rounded = np.ascontiguousarray(np.round(self._as_rows(U), KEY_DIGITS) + 0.0)
        return [row.tobytes() for row in rounded]

    # ------------------------------------------------------------------ lists of configurations

    def sample(self, n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
        """Sample n configurations independently and uniformly in the cube, with replacement."""
        return self._configurations(rng.random((n, self.n_dimensions)))

    def rows(self, levels: int | None = None) -> Iterator[FloatArray]:
        """Yield the point of each configuration once, in the order of ``ParameterGrid``.

        Parameters
        ----------
        levels : int or None
            Maximum number of values of each dimension.  If None, all values of a finite space.

        Raises
        ------
        ValueError
            If ``levels`` is None and the space is not finite.
        """
        if levels is None and math.isinf(self.size):
            raise ValueError("levels must be given for an infinite space, but got None")
        seen: set[bytes] = set()
        for number in range(self.n_subspaces):
            mine = [e for e in self._entries if number in e.subspaces]
            columns = [(e.name, e.column) for e in mine if e.column is not None]
            # ParameterGrid: names sorted, the last one changing fastest.
            order = [column for _, column in sorted(columns)]
            axes = [self._columns[j].levels(levels or int(self._columns[j].size)) for j in order]
            points = itertools.product(*axes)
            while block := list(itertools.islice(points, BLOCK_SIZE)):
                rows = np.full((len(block), self.n_dimensions), INACTIVE_COORDINATE)
                if self.n_subspaces > 1:
                    rows[:, 0] = self._subspace.points()[number]
                rows[:, order] = np.array(block)
                rows = self._snap_rows(rows)
                for key, row in zip(self.keys(rows), rows, strict=True):
                    if key not in seen:
                        seen.add(key)
                        yield row

    def weights(self, rows: FloatArray) -> FloatArray:
        """Return the probabilities of the configurations at snapped points, up to a common factor.

        Distributions give their values different probabilities; all other values, and sub-spaces,
        count as equally probable.
        """
        active = self.active_mask(rows)
        columns = [
            np.where(active[:, j], parameter.weights(rows[:, j]), 1.0)
            for j, parameter in enumerate(self._columns)
        ]
        return np.prod(columns, axis=0) if columns else np.ones(len(rows))

    def __repr__(self) -> str:
        return f"SearchSpace({self.subspaces[0] if self.n_subspaces == 1 else self.subspaces!r})"

    def _repr_html_(self) -> str:
        """Return a table of the parameters, for notebooks."""
        rows = []
        for number, subspace in enumerate(self.subspaces):
            where = "" if self.n_subspaces == 1 else f" of sub-space {number}"
            for name, parameter in subspace.items():
                record = parameter.explain(name)
                scaling = "" if record is None else record["scaling"]
                rows.append((f"{name}{where}", repr(parameter), scaling))
        return html_table("SearchSpace", ("parameter", "declared as", "scaling"), rows)
