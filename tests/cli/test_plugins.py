"""Subcommands that plugins add: which one runs, and what is printed if something is wrong."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tuneplug.cli import main, plugins
from tuneplug.plugins import Command, Plugins, hookimpl


def command_of(text, name="count"):
    """Return a subcommand that prints a text, or raises an exception."""

    class Told(Command):
        about = f"print {text!r}"

        def run(self, arguments):
            if isinstance(text, BaseException):
                raise text
            return text

    Told.name = name
    return Told


@pytest.fixture
def install(monkeypatch):
    """Return a function that makes subcommands those of installed plugins, by their names."""

    def install_them(**commands):
        installed = Plugins(installed=False)
        for name, command in commands.items():
            hook = hookimpl(lambda command=command: [command])
            installed.register(SimpleNamespace(tuneplug_commands=hook), name=name)
        monkeypatch.setattr(plugins, "Plugins", lambda: installed)

    return install_them


def test_subcommand_of_a_plugin_runs(install, capsys):
    install(one=command_of("two studies\x1b[2J"))
    assert main(["count"]) == 0
    assert capsys.readouterr().out == "two studies\\x1b[2J\n"


def test_subcommand_of_two_plugins_is_refused_with_both_names(install, capsys):
    install(one=command_of("1"), two=command_of("2"), three=command_of("3", "other"))
    assert main(["count"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("tuneplug: ")
    assert "'count' is registered by 'one' of this program and by 'two'" in captured.err
    assert main(["other"]) == 0
    assert capsys.readouterr().out == "3\n"


def test_own_commands_work_beside_a_subcommand_of_two_plugins(install, capsys):
    install(one=command_of("1"), two=command_of("2"))
    assert main(["strategies"]) == 0
    captured = capsys.readouterr()
    assert "bayesian" in captured.out
    assert captured.err == ""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    captured = capsys.readouterr()
    assert "count" not in captured.out
    assert "'count' is left out, because one and two register it" in captured.err


def test_interrupted_subcommand_has_the_exit_code_of_shells(install, capsys):
    install(one=command_of(KeyboardInterrupt()))
    assert main(["count"]) == 130
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
