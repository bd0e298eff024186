"""The commands for studies: what they print, their exit codes, and what they change."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tuneplug import Categorical, Float, Int, Study
from tuneplug.cli import main
from tuneplug.plugins import Plugins
from tuneplug.storage import SqliteStorage

PLUGINS = Plugins(installed=False)
URL = "sqlite:///study.db"
SPACE = {
    "x": Float(0.0, 1.0),
    "kind": Categorical(["=1+2", "-1.5", (1, 2), None]),
    "n": Int(1, 9, when={"kind": [(1, 2)]}),
}
HOSTILE = "a\x1b[2J\r\u202e"


class Model:
    def __repr__(self):
        return "@Model()"


def objective(trial):
    if trial.number == 2:
        raise ArithmeticError("=boom\x1b[2J")
    return float(trial.number)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNEPLUG_STORAGE", raising=False)
    return tmp_path


def run(name="churn", space=SPACE, n_trials=6, url=URL, **options):
    options = {"strategy": "random", "seed": 0, "plugins": PLUGINS} | options
    study = Study(space, storage=url, name=name, **options)
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(objective, n_trials)
    return study


def output(capsys, *arguments):
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def error(capsys, *arguments):
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("tuneplug: ")
    return captured.err


def usage_error(capsys, *arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    return capsys.readouterr().err


# ---------------------------------------------------------------- reading


def test_studies_are_listed_with_their_states_and_best_values(capsys):
    run("b", direction="maximize")
    run("a")
    lines = output(capsys, "studies", URL).splitlines()
    assert lines[0].split() == [
        "name",
        "direction",
        "n_trials",
        "states",
        "best_value",
        "last_change",
    ]
    assert [line.split()[:7] for line in lines[1:]] == [
        ["a", "minimize", "6", "5", "complete,", "1", "failed"],
        ["b", "maximize", "6", "5", "complete,", "1", "failed"],
    ]
    rows = json.loads(output(capsys, "studies", URL, "--json"))
    assert [(row["name"], row["best_value"]) for row in rows] == [("a", 0.0), ("b", 5.0)]


def test_a_storage_without_studies_has_none_and_is_not_created(capsys, folder):
    assert output(capsys, "studies", URL) == "none\n"
    assert json.loads(output(capsys, "studies", URL, "--json")) == []
    assert list(folder.iterdir()) == []


def test_a_study_is_shown_with_its_trials(capsys):
    study = run()
    out = output(capsys, "show", URL, "churn")
    assert "states       5 complete, 1 failed\n" in out
    rows = out.split("\n\n")[1].splitlines()
    assert rows[0].split() == ["number", "state", "value", "x", "kind", "n", "cost", "note"]
    assert len(rows) == 7
    assert rows[3].endswith(r"ArithmeticError: =boom\x1b[2J")
    assert f"{study.trials[0].params['x']:.6g}" in rows[1]
    document = json.loads(output(capsys, "show", URL, "churn", "--json"))
    assert document["seed"] == 0
    assert [trial["value"] for trial in document["trials"]] == [0, 1, None, 3, 4, 5]


def test_an_inactive_parameter_and_the_category_none_are_told_apart(capsys):
    space = {"kind": [None, "a"], "n": Int(1, 9, when={"kind": ["a"]})}
    run(space=space)
    rows = output(capsys, "show", URL, "churn").split("\n\n")[1].splitlines()[1:]
    assert {tuple(row.split()[3:5]) for row in rows if "None" in row} == {("None", "-")}


def test_the_best_trial_is_that_of_the_study(capsys):
    best = run(direction="maximize").best_trial
    assert output(capsys, "best", URL, "churn").startswith("number  5\nvalue   5.0\n\n")
    record = json.loads(output(capsys, "best", URL, "churn", "--json"))
    assert record["number"] == best.number
    assert record["params"]["x"] == best.params["x"]


def test_a_study_without_a_complete_trial_has_no_best_one(capsys):
    Study(SPACE, storage=URL, name="new", strategy="random", plugins=PLUGINS).ask()
    assert "study 'new' has 1 running" in error(capsys, "best", URL, "new")
    assert "best_value   -\n" in output(capsys, "show", URL, "new")


def test_a_study_whose_space_cannot_be_restored_is_shown_and_exported(capsys):
    run(space={"model": [Model(), "plain"], "x": Float(0, 1)})
    assert "@Model()" in output(capsys, "show", URL, "churn")
    assert "'@Model()" in output(capsys, "export", URL, "churn")
    document = json.loads(output(capsys, "export", URL, "churn", "--format", "json"))
    models = [trial["params"]["model"] for trial in document["trials"]]
    assert {"repr": "@Model()"} in models


def test_a_study_without_a_stored_space_is_shown(capsys):
    SqliteStorage("study.db").open("old", {"direction": "minimize", "seed": 1})
    out = output(capsys, "show", URL, "old")
    assert "states       no trials\n" in out
    assert out.endswith("\n\nnone\n")
    assert output(capsys, "export", URL, "old").startswith("number,state,value,fidelity,origin,")


# ---------------------------------------------------------------- hostile content


def test_control_characters_of_names_and_values_are_escaped(capsys):
    space = {f"p{HOSTILE}": [HOSTILE, f"b{HOSTILE}"], "x": Float(0, 1)}
    run(HOSTILE, space)
    for arguments in (["studies", URL], ["show", URL, HOSTILE], ["best", URL, HOSTILE]):
        out = output(capsys, *arguments)
        assert r"a\x1b[2J\r\u202e" in out
        assert out.replace("\n", "").isprintable()
    assert error(capsys, "show", URL, "a\x1b[2J").replace("\n", "").isprintable()
    assert "\x1b" not in output(capsys, "export", URL, HOSTILE)


def test_parameters_with_the_names_of_columns_are_shown_beside_them(capsys):
    run(space={"value": Float(0, 1), "number": ["a"], "note": ["b"], "cost": ["c"]}, n_trials=3)
    header, *rows = output(capsys, "show", URL, "churn").split("\n\n")[1].splitlines()
    expected = ["number", "state", "value", "value", "number", "note", "cost", "cost", "note"]
    assert header.split() == expected
    assert [row.split()[:3] for row in rows] == [
        ["0", "complete", "0"],
        ["1", "complete", "1"],
        ["2", "failed", "-"],
    ]
    assert [row.split()[4:7] for row in rows] == [["a", "b", "c"]] * 3


def test_long_names_and_values_are_cut_in_the_table(capsys):
    run(space={"n" * 999: [10**999], "x": Float(0, 1)}, n_trials=3)
    lines = output(capsys, "show", URL, "churn").splitlines()
    assert max(map(len, lines)) < 250
    assert any("nnn..." in line for line in lines)
    assert any("000..." in line for line in lines)


def test_json_is_strict(capsys):
    run(space={"x": [math.nan, math.inf, -math.inf]}, n_trials=3)
    for arguments in (["show", URL, "churn", "--json"], ["export", URL, "churn", "--format=json"]):
        document = json.loads(output(capsys, *arguments), parse_constant=pytest.fail)
        values = {trial["params"]["x"] for trial in document["trials"]}
        assert values == {"NaN", "Infinity", "-Infinity"}


FORMULAS = ["=1+2", "+cmd", "-x", "@SUM(1)", "\t=1", " =1", "\uff1d1", "-1.5.0"]
HARMLESS = ["-1.5", "+2e-3", "1=2", "a-b", "", ".5", "a,b", 'say "a"']


def test_texts_that_spreadsheets_take_for_formulas_are_quoted_in_csv(capsys):
    run(space={"text": FORMULAS + HARMLESS, "x": [-1.5, -2]}, n_trials=32, strategy="grid")
    rows = list(csv.DictReader(io.StringIO(output(capsys, "export", URL, "churn"))))
    escaped = ["'" + text.replace("\t", r"\t") for text in FORMULAS]
    cells = {row["param_text"] for row in rows}
    assert cells >= {"'=1+2", "'+cmd", "'-x", "'@SUM(1)", "' =1", "'\uff1d1", "'-1.5.0"}
    assert cells - set(escaped) == {*HARMLESS, r"\t=1"}
    assert {row["param_x"] for row in rows} == {"-1.5", "-2"}


def test_a_damaged_study_is_an_error_and_the_others_are_listed(capsys):
    run("good")
    SqliteStorage("study.db").open("bad", {"direction": "up", "seed": 1})
    assert main(["studies", URL]) == 1
    captured = capsys.readouterr()
    assert "good" in captured.out
    assert "the settings of study 'bad'" in captured.err
    assert "the settings of study 'bad'" in error(capsys, "show", URL, "bad")


def test_a_file_that_is_no_database_is_an_error(capsys):
    Path("study.db").write_text("no database", encoding="utf-8")
    assert "file is not a database" in error(capsys, "studies", URL)


# ---------------------------------------------------------------- export


def test_csv_has_the_columns_and_values_of_to_frame(capsys):
    pytest.importorskip("pandas")
    study = run()
    rows = list(csv.DictReader(io.StringIO(output(capsys, "export", URL, "churn"))))
    assert [*rows[0]] == ["number", *study.to_frame().columns]
    assert [float(row["param_x"]) for row in rows] == [t.params["x"] for t in study.trials]
    assert [row["value"] for row in rows] == ["0.0", "1.0", "", "3.0", "4.0", "5.0"]
    assert "ArithmeticError: =boom" in rows[2]["error"]


def test_an_export_is_written_to_a_file(capsys, folder):
    run()
    text = output(capsys, "export", URL, "churn")
    assert output(capsys, "export", URL, "churn", "--output", "out.csv") == ""
    assert (folder / "out.csv").read_text("utf-8") == text
    missing = ["--output", "missing/out.csv"]
    assert "missing" in error(capsys, "export", URL, "churn", *missing)


def test_an_export_to_a_full_disk_keeps_an_earlier_one(capsys, folder, monkeypatch):
    run()
    (folder / "out.csv").write_text("earlier", "utf-8")
    before = {*folder.iterdir()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    message = error(capsys, "export", URL, "churn", "--output", "out.csv")
    assert "No space left on device: 'out.csv'" in message
    assert (folder / "out.csv").read_text("utf-8") == "earlier"
    assert {*folder.iterdir()} == before


def test_an_export_keeps_the_link_and_the_permissions_of_an_earlier_one(capsys, folder):
    run()
    text = output(capsys, "export", URL, "churn")
    (folder / "real.csv").write_text("earlier", "utf-8")
    (folder / "real.csv").chmod(0o640)
    (folder / "out.csv").symlink_to("real.csv")
    assert output(capsys, "export", URL, "churn", "--output", "out.csv") == ""
    assert (folder / "out.csv").readlink() == Path("real.csv")
    assert (folder / "real.csv").read_text("utf-8") == text
    assert stat.S_IMODE((folder / "real.csv").stat().st_mode) == 0o640


def test_an_export_is_written_into_a_file_whose_folder_takes_no_new_one(
    capsys, folder, monkeypatch
):
    run()
    text = output(capsys, "export", URL, "churn")
    (folder / "out.csv").write_text("earlier", "utf-8")
    written = (folder / "out.csv").stat().st_ino
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder.resolve())
    assert output(capsys, "export", URL, "churn", "--output", "out.csv") == ""
    assert (folder / "out.csv").read_text("utf-8") == text
    assert (folder / "out.csv").stat().st_ino == written


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_export_does_not_replace_a_file_without_write_permission(capsys, folder):
    run()
    (folder / "out.csv").write_text("earlier", "utf-8")
    (folder / "out.csv").chmod(0o444)
    message = error(capsys, "export", URL, "churn", "--output", "out.csv")
    assert "Permission denied: 'out.csv'" in message
    assert (folder / "out.csv").read_text("utf-8") == "earlier"


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
def test_an_export_does_not_replace_the_file_of_its_study(capsys, folder, suffix):
    run()
    arguments = ["export", URL, "churn", "--output", str(folder / f"study.db{suffix}")]
    assert "must not replace the file of its study" in error(capsys, *arguments)
    assert SqliteStorage("study.db").studies() == ["churn"]


def test_parquet_has_the_values_of_to_frame(capsys, folder):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    study = run(space=SPACE | {"big": [2**70, 1], "flag": [True, False], "mixed": [1, 2.5]})
    assert output(capsys, "export", URL, "churn", "--format=parquet", "--output=o.parquet") == ""
    frame = pandas.read_parquet(folder / "o.parquet")
    assert [*frame.columns] == ["number", *study.to_frame().columns]
    assert frame["param_x"].tolist() == [t.params["x"] for t in study.trials]
    assert set(frame["param_big"]) == {str(2**70), "1"}
    assert frame["param_flag"].dtype == bool


def test_parquet_needs_a_file(capsys):
    run()
    assert "needs --output" in usage_error(capsys, "export", URL, "churn", "--format=parquet")


def test_a_missing_package_is_named_with_its_extra(capsys, monkeypatch):
    run()
    monkeypatch.setitem(sys.modules, "pandas", None)
    arguments = ["export", URL, "churn", "--format=parquet", "--output=o.parquet"]
    assert "pip install 'tuneplug[parquet]'" in error(capsys, *arguments)


# ---------------------------------------------------------------- changes


def test_a_study_is_copied_to_another_storage_and_under_another_name(capsys):
    run()
    assert output(capsys, "copy", URL, "churn", "sqlite:///other.db") == ""
    assert output(capsys, "copy", URL, "churn", URL, "--name", "new") == ""
    assert SqliteStorage("other.db").studies() == ["churn"]
    assert SqliteStorage("study.db").studies() == ["churn", "new"]
    assert "must not replace a study" in error(capsys, "copy", URL, "churn", URL)


def test_a_study_is_renamed(capsys):
    run()
    assert output(capsys, "rename", URL, "churn", "new") == ""
    assert SqliteStorage("study.db").studies() == ["new"]
    assert "has no 'churn', only 'new'" in error(capsys, "rename", URL, "churn", "newer")
    run("other")
    assert "has a study 'new' already" in error(capsys, "rename", URL, "other", "new")


def test_a_study_is_deleted_without_a_question_only_if_asked_to(capsys, monkeypatch):
    run()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "pass --yes" in error(capsys, "delete", URL, "churn")
    assert SqliteStorage("study.db").studies() == ["churn"]
    assert output(capsys, "delete", URL, "churn", "--yes") == ""
    assert SqliteStorage("study.db").studies() == []
    assert "has no 'churn'" in error(capsys, "delete", URL, "churn", "--yes")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("\n", 1), ("n\n", 1), ("", 1)]
)
def test_a_study_is_deleted_if_the_answer_is_yes(capsys, monkeypatch, answer, code):
    run()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(["delete", URL, "churn"]) == code
    assert "Delete study 'churn' and its trials? [y/N]" in capsys.readouterr().err
    assert SqliteStorage("study.db").studies() == ["churn"] * code


# ---------------------------------------------------------------- usage and errors


def test_the_storage_of_the_environment_takes_the_place_of_a_dash(capsys, monkeypatch):
    run()
    assert "TUNEPLUG_STORAGE" in usage_error(capsys, "studies", "-")
    monkeypatch.setenv("TUNEPLUG_STORAGE", URL)
    assert "churn" in output(capsys, "studies", "-")
    assert output(capsys, "copy", "-", "churn", "-", "--name", "new") == ""


@pytest.mark.parametrize("command", ["show", "best", "export", "delete"])
def test_a_study_that_is_not_there_is_named_with_the_most_similar_one(capsys, command):
    run()
    assert "did you mean 'churn'?" in error(capsys, command, URL, "chrun")


@pytest.mark.parametrize("command", ["show", "best", "export", "delete", "rename", "copy"])
def test_a_file_that_is_not_there_is_named_and_not_created(capsys, command, tmp_path):
    more = {"rename": ["new"], "copy": ["sqlite:///target.db"]}.get(command, [])
    url = f"sqlite:///{tmp_path / 'missing.db'}"
    assert "missing.db') does not exist" in error(capsys, command, url, "churn", *more)
    assert not list(tmp_path.glob("missing*"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("study.db", "storage must be a URL"),
        ("nosql://x", "storage must be one of"),
        ("sqlite://", "a SQLite storage needs a file"),
        ("sqlite:///missing/study.db", "its folder must exist"),
    ],
)
def test_a_url_that_leads_nowhere_is_an_error(capsys, url, message):
    assert message in error(capsys, "studies", url)


@pytest.mark.parametrize(
    "arguments",
    [[], ["studies"], ["show", URL], ["export", URL, "a", "--format", "xml"], ["copy", URL, "a"]],
)
def test_wrong_arguments_are_errors_of_usage(capsys, arguments):
    assert "usage: tuneplug" in usage_error(capsys, *arguments)


def test_a_closed_pipe_ends_the_command_silently():
    run()
    code = (
        "import sys; sys.stdin.read(); from tuneplug.cli import main; "
        f"sys.exit(main(['export', {URL!r}, 'churn']))"
    )
    pipes = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as command:
        command.stdout.close()
        command.stdin.close()
        assert command.stderr.read() == b""
    assert command.returncode == 0


def ended(arguments, stdout=subprocess.PIPE, closed=None):
    """Return a command that has ended, whose stdout or stderr may be closed from the start."""
    command = [sys.executable, "-m", "tuneplug.cli", *arguments]
    if closed is not None:
        code = f"import os; os.close({closed}); os.execv({command[0]!r}, {command!r})"
        command = [sys.executable, "-c", code]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_an_error():
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = ended(["studies", URL], stdout=full)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("tuneplug: [Errno 28] No space left on device")


@pytest.mark.skipif(sys.platform == "win32", reason="execv does not keep the process")
def test_a_command_without_stdout_or_stderr_is_an_error():
    done = ended(["studies", URL], closed=1)
    assert (done.returncode, done.stderr) == (1, "tuneplug: the output is closed\n")
    done = ended(["show", URL, "missing"], closed=2)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_a_command_that_is_interrupted_has_the_exit_code_of_shells(capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(SqliteStorage, "studies", interrupt)
    assert main(["studies", URL]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@host/db",
        "postgresql://me:s3@s3cret@host/db",
        "mysql://host/db?password=s3cret",
        "postgresql:/me:pa?ss3cret@host/db",
        "postgresql//me:a/s3cret x@host/db",
        "mysql:me:s3cret@host",
    ],
)
@pytest.mark.parametrize(
    "arguments", [["{}"], ["studies", "show", "{}"], ["delete", URL, "a", "--{}"], ["studies", "-"]]
)
def test_no_wrong_argument_shows_a_password(capsys, monkeypatch, url, arguments):
    monkeypatch.setenv("TUNEPLUG_STORAGE", url.replace("://", ":/"))
    arguments = [argument.format(url) for argument in arguments]
    message = error if arguments[-1] == "-" else usage_error
    assert "s3cret" not in message(capsys, *arguments)


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "tuneplug.cli", "studies", URL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"


def test_infeasible_trials_are_marked_and_never_the_best(capsys):
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, storage=URL, name="small")
    study.tell(study.ask(), 1.0, constraints=[0.5])
    assert "infeasible" in output(capsys, "show", URL, "small").splitlines()[-1]
    assert main(["best", URL, "small"]) != 0
    assert "1 complete but infeasible" in capsys.readouterr().err
    study.tell(study.ask(), 2.0, constraints=[-0.5])
    assert "infeasible" not in output(capsys, "show", URL, "small").splitlines()[-1]
    assert json.loads(output(capsys, "best", URL, "small", "--json"))["value"] == 2.0
    rows = list(csv.DictReader(io.StringIO(output(capsys, "export", URL, "small"))))
    assert [(row["constraint_0"], row["feasible"]) for row in rows] == [
        ("0.5", "False"),
        ("-0.5", "True"),
    ]
