"""Configuration of the site: ``sphinx-build -W -b html docs build/site``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src"), str(HERE.parent / "integrations")]

import site_pages

import tuneplug

project = "tuneplug"
author = "The tuneplug developers"
version = release = tuneplug.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["gallery/*.md5", "gallery/*.py", "gallery/*.ipynb"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autosummary_generate = False  # site_pages writes the pages
autodoc_typehints = "none"  # numpydoc has the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Only local files: fonts and icons come with the theme, mathematics is not typeset by a script.
html_theme = "pydata_sphinx_theme"
html_title = "tuneplug"
templates_path = ["_templates"]
html_sidebars = {"**": ["pages.html"]}
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "header_links_before_dropdown": 3,
}

# An example whose name starts with plot_ is run; others take longer or need a cluster.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "min_reported_time": 1,
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "site_pages.GalleryOrder",
    "write_computation_times": False,  # its page loads scripts from elsewhere
    "download_all_examples": False,
}


def setup(app: object) -> None:
    site_pages.connect(app)
