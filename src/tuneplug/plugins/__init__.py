"""What a plugin author imports, and the plugins of a study.

>>> from tuneplug.plugins import hookimpl
"""

from tuneplug.parameters import Parameter
from tuneplug.plugins.converting import ClassConverter, Converter, no_equal
from tuneplug.plugins.manager import Plugins
from tuneplug.plugins.records import PluginRecord
from tuneplug.plugins.spec import API_VERSION, hookimpl

__all__ = [
    "API_VERSION",
    "ClassConverter",
    "Converter",
    "Parameter",
    "PluginRecord",
    "Plugins",
    "hookimpl",
    "no_equal",
]
