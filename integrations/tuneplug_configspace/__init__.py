"""ConfigSpace adapter: convert ConfigSpace spaces to tuneplug; does not import ConfigSpace."""

from __future__ import annotations

from tuneplug_configspace.converter import ConfigSpaceConverter

__all__ = ["ConfigSpaceConverter"]
