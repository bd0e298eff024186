"""Find the values of a metric in what a program prints, one line at a time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import Any

from tuneplug_sagemaker._compat import REGEX
from tuneplug_sagemaker.ranges import number_text

__all__ = ["MetricReader", "compile_expression"]

#: Bytes of a line that an expression sees.
MAX_LINE = 10_000
#: Seconds that an expression may take for a line.
MAX_SECONDS = 1.0
#: Lines and characters of each that a message shows.
N_LAST_LINES, MAX_SHOWN = 10, 300
#: A progress bar ends its lines by a carriage return.
LINE_END = re.compile(rb"[\r\n]")


@cache
def compile_expression(expression: str) -> Any:
    """Return a compiled expression, whose first group is the value.

    Raises
    ------
    ValueError
        If the expression is invalid, or has no group.
    MissingDependencyError
        If regex is not installed.
    """
    with REGEX.required_by("ProgramObjective"):
        import regex
    try:
        compiled = regex.compile(expression)
    except regex.error as error:
        raise ValueError(
            f"the expression of a metric must be a regular expression, but got {expression!r}: "
            f"{error}"
        ) from None
    if not compiled.groups:
        raise ValueError(
            f"the first group of an expression is the value of the metric, but {expression!r} has "
            "none: put parentheses around the number, such as 'loss=([0-9.]+)'"
        )
    return compiled


class MetricReader:
    """Finds the values of a metric in output that comes in pieces.

    Parameters
    ----------
    expression : str

    Attributes
    ----------
    expression : str
    last_lines : deque of str
        The last lines that are not empty.
    not_a_number : str or None
        The last text that the expression found and that is no number.
    """

    def __init__(self, expression: str) -> None:
        self.expression, self._compiled = expression, compile_expression(expression)
        self._line = b""
        self.last_lines: deque[str] = deque(maxlen=N_LAST_LINES)
        self.not_a_number: str | None = None

    def feed(self, chunk: bytes) -> Iterator[float]:
        """Yield the values in the lines that end in a piece of output.

        Raises
        ------
        ValueError
            If the expression takes too long.
        """
        *ended, rest = LINE_END.split(chunk)
        for part in ended:
            line, self._line = self._line + part, b""
            yield from self._values(line)
        self._line = (self._line + rest)[:MAX_LINE]

    def close(self) -> Iterator[float]:
        """Yield the value in the last line, if that has no end."""
        line, self._line = self._line, b""
        yield from self._values(line)

    def _values(self, line: bytes) -> Iterator[float]:
        text = line[:MAX_LINE].decode("utf-8", "replace")
        if not text.strip():
            return
        self.last_lines.append(text[:MAX_SHOWN])
        try:
            match = self._compiled.search(text, timeout=MAX_SECONDS, concurrent=True)
        except TimeoutError:
            raise ValueError(
                f"an expression may take {MAX_SECONDS:g} s for a line, but {self.expression!r} "
                f"takes longer for one of {len(text)} characters: avoid nested repetitions, such "
                "as (a+)+"
            ) from None
        if match is None or match[1] is None:
            return
        try:
            yield float(number_text(match[1]))
        except ValueError:
            self.not_a_number = match[1]
