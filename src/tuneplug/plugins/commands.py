"""The base class of subcommands of the command line that plugins add."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from typing import ClassVar

__all__ = ["Command"]


class Command(ABC):
    """A subcommand of ``tuneplug``, made without arguments when it is called.

    Attributes
    ----------
    name : str
        The word that calls it.
    about : str
        One line for ``tuneplug --help``.
    of_study : bool, default False
        Whether it has the arguments URL and NAME, as ``tuneplug show`` does.  ``run`` then finds
        the storage in ``arguments.storage`` and the name of the study in ``arguments.name``.

    Examples
    --------
    >>> class Count(Command):
    ...     name, about, of_study = "count", "the number of trials", True
    ...
    ...     def run(self, arguments):
    ...         return str(len(Study.load(arguments.storage, arguments.name).trials))
    """

    name: ClassVar[str]
    about: ClassVar[str]
    of_study: ClassVar[bool] = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:  # noqa: B027  optional
        """Add further arguments to the parser of the subcommand."""

    @abstractmethod
    def run(self, arguments: argparse.Namespace) -> str:
        """Run the subcommand and return the text to print; an empty text prints nothing.

        What ``print`` writes meanwhile goes to stderr.

        Raises
        ------
        TuneplugError, ValueError or OSError
            The message is printed, and the exit code is 1.
        """
