"""Child processes that an objective forks and does not end."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import Any

__all__ = ["ForkGuard"]


class ForkGuard:
    """Context manager: a child process that the code within it forks ends with that code.

    Otherwise, a child that returns or raises an exception would go on with the search of its
    parent: run trials, write results and leave a process behind.  ``sys.exit`` of the child gives
    its exit status; any other end is an error that is printed on stderr.
    """

    def __enter__(self) -> None:
        self._process = os.getpid()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if os.getpid() != self._process:
            _end_process(error)


def _end_process(error: BaseException | None) -> None:
    """End this process without the cleanup of its parent."""
    status = 1
    with suppress(BaseException):  # the streams may be closed, or the exception invalid
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
            if not isinstance(error.code, int | None):  # as the interpreter does
                sys.stderr.write(f"{error.code}\n")
        elif error is not None:
            traceback.print_exception(error)
        else:
            sys.stderr.write(
                "a child process that an objective or a fit forks must end, but it returned: end "
                "it with os._exit(0)\n"
            )
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status & 0xFF)
