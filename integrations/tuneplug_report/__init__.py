"""Report adapter: one self-contained page of HTML about a study or a fitted search.

Names are loaded on first use.  Jinja2 and matplotlib are imported when a report is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_report.writing import write_report

_MODULE_OF = {"write_report": "writing"}

__all__ = ["write_report"]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
