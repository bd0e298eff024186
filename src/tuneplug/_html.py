"""Tables of HTML for notebooks, in which every text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from tuneplug.errors import printable

__all__ = ["html_table", "html_text"]

#: Maximum length of a text, and maximum number of rows.
MAX_TEXT, MAX_ROWS = 200, 60


def html_text(value: object) -> str:
    """Return a value as text for HTML: cut, escaped, and without control characters.

    >>> html_text("<b>" + chr(27))
    '&lt;b&gt;\\\\x1b'
    """
    text = str(value)
    cut = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    return html.escape(printable(cut))


def html_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a caption; rows beyond the maximum are only counted."""
    lines = ["".join(f"<td>{html_text(value)}</td>" for value in row) for row in rows]
    more = len(lines) - MAX_ROWS
    body = "".join(f"<tr>{line}</tr>" for line in lines[:MAX_ROWS])
    if more > 0:
        body += f'<tr><td colspan="{len(heads)}">and {more} more</td></tr>'
    names = "".join(f'<th scope="col">{html_text(head)}</th>' for head in heads)
    caption = f"<caption>{html_text(title)}</caption>"
    return f"<table>{caption}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"
