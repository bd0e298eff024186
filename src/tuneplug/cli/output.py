"""What the command prints: aligned tables without control characters, and strict JSON."""

from __future__ import annotations

import io
import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from tuneplug.errors import printable

__all__ = ["aligned", "as_json", "show", "table", "write"]


def show(text: str, stream: TextIO | None) -> None:
    """Print text, escaping unencodable characters and ignoring a closed pipe.

    Raises
    ------
    OSError
        If the text cannot be written, or the process was started without this stream.
    """
    if stream is None:
        raise OSError("the output is closed")
    encoding = stream.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:  # from "| head"
        _discard(stream)
    except OSError:
        _discard(stream)
        raise


def _discard(stream: TextIO) -> None:
    """Send what a stream has not written to nowhere; Python would write it again at exit."""
    with suppress(io.UnsupportedOperation):  # it is in memory
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write(output: Path, content: bytes) -> None:
    """Write a file; one that is there keeps its content until the new one is complete.

    What no new file can replace is written in place: a pipe, a device, or a file in a folder
    without write permission.

    Raises
    ------
    OSError
        If the file cannot be written.  It names the file.
    """
    target = output.resolve()  # a link remains one
    replaceable = target.is_file() and os.access(target.parent, os.W_OK)
    if target.exists() and not replaceable:
        output.write_bytes(content)
        return
    beside = target.with_name(f".tuneplug-{uuid4().hex}")
    try:
        if target.exists():
            target.open("r+b").close()  # a file without write permission remains as it is
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        beside.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(output)) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def as_json(document: Any) -> str:
    """Return strict JSON; the numbers that it does not have become text, such as ``"NaN"``."""
    return json.dumps(_strict(document), indent=2, allow_nan=False)


def _strict(document: Any) -> Any:
    if isinstance(document, Mapping):
        return {key: _strict(value) for key, value in document.items()}
    if isinstance(document, (list, tuple)):
        return list(map(_strict, document))
    if isinstance(document, float) and not math.isfinite(document):
        return "NaN" if math.isnan(document) else "Infinity" if document > 0 else "-Infinity"
    return document


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows, which have the same keys, as aligned columns."""
    return aligned([*rows[0]] if rows else [], [[*row.values()] for row in rows])


def aligned(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as aligned columns, with a dash for an empty value or None."""
    if not rows:
        return "none"
    lines = [[*map(_cell, columns)], *([*map(_cell, row)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None:
        return "-"
    return printable(", ".join(value) if isinstance(value, tuple) else str(value)) or "-"
