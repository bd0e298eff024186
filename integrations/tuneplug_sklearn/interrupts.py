"""Interrupts that a fit catches itself.

``MLPClassifier``, the networks of skorch and trainers of PyTorch Lightning end their training at
Ctrl-C and return as if it were complete.  A search must end then, too.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["caught_interrupts_raised"]


@contextmanager
def caught_interrupts_raised() -> Iterator[None]:
    """Context manager: raise at its end the interrupt of a SIGINT that its body caught.

    A ``KeyboardInterrupt`` that the body raises itself does not count.  Only the main thread gets
    the signal: there is no effect in others.

    Raises
    ------
    KeyboardInterrupt
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    interrupted = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        try:
            handler(number, frame)
        except KeyboardInterrupt:
            interrupted = True
            raise

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handle:  # else the body has set another one
            signal.signal(signal.SIGINT, handler)
    if interrupted:
        raise KeyboardInterrupt
