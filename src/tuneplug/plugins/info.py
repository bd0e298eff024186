"""What is known of a plugin, and what the environment says of it.

``TUNEPLUG_PLUGINS=a,b`` loads only those, ``TUNEPLUG_DISABLE_PLUGINS=a,b`` all but those, by the
names of entry points or distributions (``*`` is any); ``TUNEPLUG_STRICT_PLUGINS=1`` raises where
one would be skipped.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["NOT", "ONLY", "PluginInfo", "Status", "blocked", "strict"]

ONLY, NOT, STRICT = "TUNEPLUG_PLUGINS", "TUNEPLUG_DISABLE_PLUGINS", "TUNEPLUG_STRICT_PLUGINS"

Status = Literal["active", "skipped", "blocked", "detached"]


@dataclass
class PluginInfo:
    """What is known of a plugin.

    Attributes
    ----------
    name : str
        Of its entry point, or as it was registered.
    distribution, version : str or None
        Where it is from.
    status : {"active", "skipped", "blocked", "detached"}
        Skipped: it could not be used.  Blocked: the environment says so.  Detached: an event that
        it observed made it raise, so it is told of none; what it registers stays.
    hooks : tuple of str
        Those it implements.
    error : str or None
        Why it is not active.
    """

    name: str
    distribution: str | None = None
    version: str | None = None
    status: Status = "active"
    hooks: tuple[str, ...] = ()
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.name!r} of {self.distribution or 'this program'}"


def blocked(*names: str | None) -> bool:
    """Whether the environment keeps a plugin out that has these names."""
    own = {_normal(name) for name in names if name} | {"*"}
    only, without = _listed(ONLY), _listed(NOT) or set()
    return (only is not None and not own & only) or bool(own & without)


def strict() -> bool:
    """Whether a plugin that cannot be used is an error."""
    return os.environ.get(STRICT, "") not in ("", "0")


def _listed(variable: str) -> set[str] | None:
    value = os.environ.get(variable)
    return None if value is None else {_normal(name) for name in value.split(",")} - {""}


def _normal(name: str) -> str:
    """Return a name as the spellings of it compare (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
