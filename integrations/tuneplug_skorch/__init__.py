"""tuneplug for skorch: networks of PyTorch that a search monitors by epochs.

Public names are imported on first use.  None of them imports skorch or PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_skorch.monitor import SkorchMonitor

_MODULE_OF = {"SkorchMonitor": "monitor"}

__all__ = ["SkorchMonitor"]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
