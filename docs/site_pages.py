"""Pages of the site that are not in this folder: the reference and the pages of other folders.

They are written into ``docs/reference`` and ``docs/project`` before each build.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import tuneplug

HERE = Path(__file__).parent
ROOT = HERE.parent
#: Pages of other folders, by their name in the site.
PROJECT = {
    "benchmarks": "benchmarks/README.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "integrations": "integrations/README.md",
}
#: The examples that are run, in the order of the gallery; the others follow by name.
GALLERY = [
    "mixed_data",
    "scaling",
    "several_metrics",
    "groups_and_time",
    "nested_cv",
    "xgboost_stopping",
    "lightgbm_native",
    "fidelity",
    "warm_start",
    "resume",
    "own_scaling",
    "own_stopping_rule",
]
_LINK = re.compile(r"\]\(([\w./-]+\.\w+)")


def connect(app: Any) -> None:
    """Write the pages when a build starts, and redirect links to the pages of other folders."""
    answer_hasattr()
    app.connect("config-inited", lambda app, config: write_pages())
    app.connect("source-read", redirect_links)


class GalleryOrder:
    """Sort key of the gallery: first the examples that are run, from common to special tasks."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> tuple[int, str]:
        stem = Path(name).stem.removeprefix("plot_")
        return (GALLERY.index(stem) if stem in GALLERY else len(GALLERY), name)


def answer_hasattr() -> None:
    """Let ``hasattr(tuneplug, name)`` be False for names of its packages, while the site is built.

    The gallery looks for the shortest path of each name, but ``getattr`` of such a name raises an
    ImportError that tells the right package.
    """
    get = tuneplug.__getattr__

    def get_or_lack(name: str) -> Any:
        try:
            return get(name)
        except ImportError as error:
            raise AttributeError(str(error)) from error

    tuneplug.__getattr__ = get_or_lack


def write_pages() -> None:
    """Write the pages of the reference and of other folders."""
    for name, source in PROJECT.items():
        path = ROOT / source
        _write(
            HERE / "project" / f"{name}.md", _redirected(path.read_text("utf-8"), path.parent, 1)
        )
    modules = re.findall(r"^## `([\w.]+)`$", (HERE / "api.md").read_text("utf-8"), re.M)
    documented: dict[int, str] = {}
    for module in modules:
        _write(HERE / "reference" / f"{module}.rst", reference_page(module, documented))
    _write(HERE / "reference" / "index.rst", _reference_index(modules))


def redirect_links(app: Any, name: str, source: list[str]) -> None:
    """Event handler: redirect the links of a page of this folder."""
    if "/" not in name:
        source[0] = _redirected(source[0], HERE, 0)


def reference_page(module: str, documented: dict[int, str]) -> str:
    """Return the page of a module; what an earlier page documents is only linked there."""
    package = importlib.import_module(module)
    sections, elsewhere = [], []
    for name in package.__all__:
        value = getattr(package, name)
        if id(value) in documented:
            elsewhere.append(f"- ``{name}``: :py:obj:`{documented[id(value)]}`")
            continue
        documented[id(value)] = f"{module}.{name}"
        sections.append(_section(f"{module}.{name}", value))
    lines = [module, "=" * len(module), "", f".. currentmodule:: {module}", ""]
    lines += [(inspect.getdoc(package) or "").split("\n\n")[0], "", *sections]
    if elsewhere:
        lines += [".. rubric:: Also exported", "", *elsewhere]
    return "\n".join(lines) + "\n"


def _section(name: str, value: object) -> str:
    if inspect.isclass(value):
        kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
        return f".. {kind}:: {name}\n   :members:\n   :show-inheritance:\n"
    if inspect.isroutine(value):
        return f".. autofunction:: {name}\n"
    # A constant or a type has no docstring.
    return f".. py:data:: {name}\n\n   {_described(*name.rsplit('.', 1))}\n"


def _described(module: str, name: str) -> str:
    """Return the description of a name in the table of a module in ``api.md``."""
    table = (HERE / "api.md").read_text("utf-8").split(f"## `{module}`\n")[1].split("\n## ")[0]
    row = re.search(rf"^\| `{name}` \| (.*) \|$", table, re.M)
    if row is None:
        raise ValueError(f"api.md describes no {module}.{name}")
    return row[1].replace("`", "``")


def _reference_index(modules: list[str]) -> str:
    title = "Docstrings"
    entries = "\n".join(f"   {module}" for module in modules)
    return f"{title}\n{'=' * len(title)}\n\n.. toctree::\n   :maxdepth: 2\n\n{entries}\n"


def _redirected(text: str, folder: Path, depth: int) -> str:
    """Redirect relative links of a page of a folder to where the site has their targets."""
    pages = {(ROOT / source).resolve(): f"project/{name}.md" for name, source in PROJECT.items()}

    def replace(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        if target in pages:
            return f"]({'../' * depth}{pages[target]}"
        if depth and target.is_relative_to(HERE):
            return f"]({'../' * depth}{target.relative_to(HERE)}"
        return match[0]

    return _LINK.sub(replace, text)


def _write(path: Path, text: str) -> None:
    """Write a file if its text is new, so that a build reads what has changed only."""
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
