"""The contract of subcommands of the command line."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Sequence

import pytest

from tuneplug.plugins.commands import Command
from tuneplug.plugins.extension_points import OWN_COMMANDS
from tuneplug.storage import SqliteStorage, Storage
from tuneplug.study import Study

__all__ = ["CommandContract"]


class CommandContract:
    """Tests of a subcommand; define the fixtures ``command`` and ``arguments``.

    ``arguments`` are those that it is called with, without URL and NAME.
    """

    @pytest.fixture
    def storage(self, tmp_path: object) -> Storage:
        """Return a storage with a small study that is called ``study``."""
        storage = SqliteStorage(f"{tmp_path}/contract.db")
        study = Study({"x": [1, 2, 3]}, storage=storage, name="study", strategy="random", seed=0)
        study.optimize(lambda trial: float(trial.params["x"]), 3)
        return storage

    @staticmethod
    def parser_of(command: Command) -> argparse.ArgumentParser:
        """Return a parser that has the arguments of the subcommand."""
        parser = argparse.ArgumentParser(command.name)
        command.add_arguments(parser)
        return parser

    def test_name_and_line_about_it_are_text_of_one_line(self, command: Command) -> None:
        assert command.name not in OWN_COMMANDS
        for text in (command.name, command.about):
            assert isinstance(text, str)
            assert text.strip()
            assert text.isprintable()

    def test_help_can_be_printed(self, command: Command) -> None:
        assert command.name in self.parser_of(command).format_help()

    def test_run_returns_text(
        self, command: Command, arguments: Sequence[str], storage: Storage
    ) -> None:
        parsed = self.parser_of(command).parse_args(arguments)
        if command.of_study:
            parsed.storage, parsed.name = storage, "study"
        assert isinstance(command.run(parsed), str)

    def test_unknown_option_is_an_error_of_usage(
        self, command: Command, arguments: Sequence[str]
    ) -> None:
        with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            self.parser_of(command).parse_args([*arguments, "--no-such-option"])
