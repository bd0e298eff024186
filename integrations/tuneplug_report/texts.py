"""Texts of strangers: without control characters and cut in length; data for a script element.

The template escapes what has a meaning in HTML.
"""

from __future__ import annotations

import json
import math
import numbers
from typing import Any

__all__ = ["cell", "json_for_script", "last_line", "number", "seconds", "shown"]

#: Maximum length of a text, of one in a cell, and of a traceback, whose end is kept.
MAX_TEXT, MAX_CELL, MAX_TRACEBACK = 300, 120, 4000
#: Largest integer that JavaScript has exactly.
MAX_INTEGER = 2**53 - 1
#: Characters that could end a script element, or a line of JavaScript, in JSON.
ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def shown(text: object, limit: int = MAX_TEXT, *, lines: bool = False) -> str:
    """Return text with its control characters escaped, cut to a length.

    Parameters
    ----------
    text : object
    limit : int, default 300
    lines : bool, default False
        Whether the text has lines, whose end is kept if it is cut.

    >>> shown("a" + chr(27) + "[2J")
    'a\\\\x1b[2J'
    """
    whole = str(text)
    cut = whole if len(whole) <= limit else whole[-limit:] if lines else whole[:limit]
    safe = "".join(
        c if c.isprintable() or (lines and c == "\n") else c.encode("unicode_escape").decode()
        for c in cut
    )
    if cut == whole:
        return safe
    return f"…{safe}" if lines else f"{safe}…"


def last_line(error: str | None) -> str:
    """Return the last line of a traceback, which says what was raised."""
    return shown((error or "").strip().rpartition("\n")[2])


def number(value: Any) -> str:
    """Return a number with six digits, other values as text."""
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return f"{float(value):.6g}"
    return shown(value)


def seconds(duration: float) -> str:
    """Return a duration in words.

    >>> seconds(3725.0), seconds(0.25)
    ('1 h 2 min', '0.25 s')
    """
    if duration < 60:
        return f"{duration:.3g} s"
    minutes = round(duration / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def cell(value: Any) -> Any:
    """Return a value as strict JSON: a number if JavaScript has it, else a short text."""
    if value is None:
        return None
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value) if abs(int(value)) <= MAX_INTEGER else shown(value, MAX_CELL)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else str(float(value))
    return shown(value, MAX_CELL)


def json_for_script(document: Any) -> str:
    """Return JSON that cannot end the script element that it is in.

    >>> json_for_script(["</script>"])
    '["\\\\u003c/script\\\\u003e"]'
    """
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.translate(ESCAPES)
