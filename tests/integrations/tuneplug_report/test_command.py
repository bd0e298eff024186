"""The subcommand tuneplug report, called as it is installed."""

from __future__ import annotations

import pytest

from tuneplug import Float, Study
from tuneplug.cli import main
from tuneplug.plugins import Plugins
from tuneplug.testing import CommandContract
from tuneplug_report.command import ReportCommand

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


class TestReportCommand(CommandContract):
    @pytest.fixture
    def command(self):
        return ReportCommand()

    @pytest.fixture
    def arguments(self, tmp_path):
        return ["-o", str(tmp_path / "report.html")]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study({"x": Float(0.0, 1.0)}, storage="sqlite:///study.db", name="churn", seed=0)
    study.optimize(lambda trial: trial.params["x"], 6)
    return tmp_path


def test_the_report_of_a_stored_study_is_written(folder, capsys):
    assert main(["report", "sqlite:///study.db", "churn", "-o", "out.html"]) == 0
    assert capsys.readouterr().out == "wrote out.html\n"
    assert "churn" in (folder / "out.html").read_text("utf-8")


def test_the_dash_stands_for_the_storage_of_the_environment(folder, capsys, monkeypatch):
    monkeypatch.setenv("TUNEPLUG_STORAGE", "sqlite:///study.db")
    assert main(["report", "-", "churn"]) == 0
    assert (folder / "report.html").exists()


def test_a_study_that_is_not_there_is_an_error(folder, capsys):
    assert main(["report", "sqlite:///study.db", "no\x1b[2J"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("tuneplug: ")
    assert "\x1b" not in captured.err
    assert not (folder / "report.html").exists()


def test_the_file_of_the_study_is_not_replaced(folder, capsys):
    before = (folder / "study.db").read_bytes()
    assert main(["report", "sqlite:///study.db", "churn", "-o", "study.db"]) == 1
    assert "must not replace the file of its study" in capsys.readouterr().err
    assert (folder / "study.db").read_bytes() == before


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("missing/report.html", "must be in a folder that exists, but got 'missing"),
        (".", "must be a file, but got the folder '.'"),
    ],
)
def test_an_output_that_cannot_be_written_is_an_error_before_anything_is_drawn(
    output, cause, folder, capsys, monkeypatch
):
    monkeypatch.setattr("tuneplug_report.writing._context", pytest.fail)
    assert main(["report", "sqlite:///study.db", "churn", "-o", output]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert cause in captured.err
    assert [path.name for path in folder.iterdir()] == ["study.db"]


def test_the_subcommand_is_listed_with_its_plugin(capsys):
    assert Plugins().classes("command")["report"] is ReportCommand
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "write a report of a study" in capsys.readouterr().out
