"""What a plugin author imports, and the plugins of a study.

>>> from tuneplug.plugins import hookimpl
"""

from tuneplug.errors import did_you_mean, keep_warning_filters, warn_caller
from tuneplug.plugins.commands import Command
from tuneplug.plugins.converters import ClassConverter, Converter, unsupported
from tuneplug.plugins.hookspecs import API_VERSION, hookimpl
from tuneplug.plugins.info import PluginInfo
from tuneplug.plugins.manager import Plugins
from tuneplug.space.parameters import Parameter

__all__ = [
    "API_VERSION",
    "ClassConverter",
    "Command",
    "Converter",
    "Parameter",
    "PluginInfo",
    "Plugins",
    "did_you_mean",
    "hookimpl",
    "keep_warning_filters",
    "unsupported",
    "warn_caller",
]
