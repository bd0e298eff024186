"""What a plugin author imports: the hook marker.

>>> from tuneplug.plugins import hookimpl
"""

from tuneplug.plugins.spec import hookimpl

__all__ = ["hookimpl"]
