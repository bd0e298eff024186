"""What a plugin author imports: the hook marker; and what a host finds.

>>> from tuneplug.plugins import hookimpl
"""

from tuneplug.plugins.manager import fit_monitors, load_plugins
from tuneplug.plugins.spec import hookimpl

__all__ = ["fit_monitors", "hookimpl", "load_plugins"]
