"""Register the ConfigSpace adapter through tuneplug's hooks."""

from __future__ import annotations

from tuneplug.plugins import Converter, hookimpl
from tuneplug_configspace.converter import ConfigSpaceConverter

__all__ = ["tuneplug_converters"]


@hookimpl
def tuneplug_converters() -> type[Converter]:
    return ConfigSpaceConverter
