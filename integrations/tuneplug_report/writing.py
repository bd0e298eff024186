"""Write a report: the page from its template, with a policy that lets only its own script run."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from tuneplug_report._compat import JINJA2
from tuneplug_report.charts import charts_of
from tuneplug_report.contents import (
    Source,
    ends_of,
    facts_of,
    failures_of,
    space_rows,
    stopped_of,
    time_facts,
    warp_rows,
)
from tuneplug_report.table import table_of
from tuneplug_report.texts import json_for_script, number, shown

__all__ = ["write_report"]


def write_report(source: Any, path: str | Path, *, metric: str | None = None) -> Path:
    """Write a report about a study or a fitted search: one page of HTML that needs no network.

    Parameters
    ----------
    source : Study or fitted search
        The search is a ``WarpedBayesSearchCV``, or one of scikit-learn or of its kind.
    path : str or Path
        File to write; one that exists is replaced.
    metric : str, default None
        Metric of a search.  If None, the only one, or the one that ``refit`` names.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError
        If ``source`` is no study and no search.
    NotFittedError
        If the search is not fitted.
    ValueError
        If the search has no such metric, or has several and ``metric`` is None.
    OSError
        If ``path`` is a folder, or in a folder that does not exist; before anything is drawn.
    MissingDependencyError
        If Jinja2 or matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from tuneplug import Float, Study
    >>> study = Study({"x": Float(0.0, 1.0)}, seed=0)
    >>> study.optimize(lambda trial: trial.params["x"] ** 2, 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(study, f"{folder}/report.html").read_text("utf-8")[:15]
    '<!DOCTYPE html>'
    """
    target = _checked_path(path)
    with JINJA2.required_by("write_report"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    environment = Environment(
        loader=PackageLoader("tuneplug_report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    page = environment.get_template("report.html").render(_context(Source.of(source, metric)))
    target.write_bytes(page.encode())
    return target


def _checked_path(path: str | Path) -> Path:
    """Return a path; raise if no file can be written there."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(
            f"path must be a file, but got the folder {str(target)!r}: name a file in it"
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path must be in a folder that exists, but got {str(target)!r}: make the folder first"
        )
    return target


def _context(source: Source) -> dict[str, Any]:
    """Return what the template shows."""
    from markupsafe import Markup

    style, script = _resource("report.css"), _resource("report.js")
    results, best = source.results, source.best_params or {}
    curves = {} if source.study is None else source.study.learned_warps()
    return {
        "style": Markup(style),  # noqa: S704  a file of this package
        "script": Markup(script),  # noqa: S704  a file of this package
        "style_hash": _digest(style),
        "script_hash": _digest(script),
        "data": Markup(json_for_script(table_of(source))),  # noqa: S704  escaped for a script
        "title": shown(source.name),
        "facts": facts_of(source),
        "best": [(shown(name), number(value)) for name, value in best.items()],
        "ends": ends_of(source),
        "parameters": space_rows(source),
        "charts": [] if results is None else charts_of(results, source.study),
        "warps": warp_rows(curves),
        "failures": failures_of(source.trials),
        "stopped": stopped_of(source.trials),
        "times": time_facts(source),
    }


def _breakable(name: object) -> str:
    """Return a name, escaped, that may go on in the next line after ``_``."""
    from markupsafe import Markup

    return Markup("_<wbr>").join(str(name).split("_"))


def _resource(name: str) -> str:
    return files("tuneplug_report").joinpath("templates", name).read_text("utf-8")


def _digest(text: str) -> str:
    """Return the source expression of an inline element in a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
