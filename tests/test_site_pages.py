"""The pages that the site adds: the reference, pages of other folders, and links between them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import tuneplug

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("site_pages", DOCS / "site_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_a_module_documents_every_name_that_it_exports(pages):
    page = pages.reference_page("tuneplug", {})
    assert page.startswith("tuneplug\n========\n")
    documented = re.findall(r"^\.\. (?:auto\w+|py:data):: tuneplug\.(\w+)$", page, re.M)
    assert set(documented) == set(tuneplug.__all__)


def test_an_error_a_class_and_a_function_get_their_own_directives(pages):
    page = pages.reference_page("tuneplug", {})
    assert ".. autoexception:: tuneplug.SpaceError" in page
    assert ".. autoclass:: tuneplug.Study\n   :members:" in page
    assert ".. autofunction:: tuneplug.compare" in page


def test_a_name_that_an_earlier_page_documents_is_only_linked(pages):
    documented = {}
    pages.reference_page("tuneplug", documented)
    page = pages.reference_page("tuneplug.space", documented)
    assert "- ``Float``: :py:obj:`tuneplug.Float`" in page
    assert "autoclass:: tuneplug.space.Float" not in page
    assert "autoclass:: tuneplug.space.Parameter" in page


def test_a_constant_has_the_description_of_the_table(pages):
    page = pages.reference_page("tuneplug.plugins", {})
    assert ".. py:data:: tuneplug.plugins.API_VERSION\n\n   the major version of the hooks" in page


def test_a_constant_without_a_description_is_an_error(pages):
    with pytest.raises(ValueError, match=r"api\.md describes no tuneplug\.plugins\.MISSING"):
        pages._described("tuneplug.plugins", "MISSING")


def test_links_of_a_page_of_another_folder_lead_to_the_pages_of_the_site(pages):
    text = "[a](docs/tutorial.md#steps) [b](CHANGELOG.md) [c](https://example.org/x.md)"
    moved = pages._redirected(text, DOCS.parent, 1)
    assert (
        moved
        == "[a](../tutorial.md#steps) [b](../project/changelog.md) [c](https://example.org/x.md)"
    )


def test_links_of_a_page_of_this_folder_to_other_folders_are_redirected(pages):
    source = ["[a](../CHANGELOG.md) [b](spaces.md) [c](../benchmarks/README.md#how)"]
    pages.redirect_links(None, "index", source)
    assert source == ["[a](project/changelog.md) [b](spaces.md) [c](project/benchmarks.md#how)"]


def test_the_links_of_written_pages_are_left_alone(pages):
    source = ["[a](../CHANGELOG.md)"]
    pages.redirect_links(None, "project/integrations", source)
    assert source == ["[a](../CHANGELOG.md)"]


def test_pages_are_written_once_and_again_only_if_their_text_is_new(pages, tmp_path):
    path = tmp_path / "reference" / "page.rst"
    pages._write(path, "one")
    before = path.stat().st_mtime_ns
    pages._write(path, "one")
    assert path.stat().st_mtime_ns == before
    pages._write(path, "two")
    assert path.read_text("utf-8") == "two"


def test_the_pages_of_other_folders_exist(pages):
    assert all((DOCS.parent / source).is_file() for source in pages.PROJECT.values())


def test_every_page_of_the_docs_is_in_the_index(pages):
    index = (DOCS / "index.md").read_text("utf-8")
    listed = re.findall(r"^([\w/]+)$", index, re.M)
    assert len(listed) == len(set(listed))
    assert {path.stem for path in DOCS.glob("*.md")} - {"index"} <= set(listed)


def test_the_gallery_begins_with_the_examples_that_are_run_in_their_order(pages):
    names = [path.name for path in (DOCS.parent / "examples").glob("*.py")]
    ordered = sorted(names, key=pages.GalleryOrder("examples"))
    n_run = sum(name.startswith("plot_") for name in names)
    assert ordered[:n_run] == [f"plot_{stem}.py" for stem in pages.GALLERY]


def test_a_build_writes_the_pages_and_lets_hasattr_answer(pages, monkeypatch):
    monkeypatch.setattr(tuneplug, "__getattr__", tuneplug.__getattr__)  # put back afterwards
    events = []
    pages.connect(SimpleNamespace(connect=lambda event, handler: events.append(event)))
    assert events == ["config-inited", "source-read"]
    assert not hasattr(tuneplug, "StoppingRule")
    assert tuneplug.Study is not None
