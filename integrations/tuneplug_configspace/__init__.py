"""Spaces declared with ConfigSpace, searched by tuneplug; ConfigSpace is not imported."""

from __future__ import annotations

from tuneplug_configspace.converter import ConfigSpaceConverter

__all__ = ["ConfigSpaceConverter"]
