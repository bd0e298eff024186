"""The commands for the studies of a storage.

They read records, so that they also work on studies whose space holds objects of other programs.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from tuneplug.cli.exporting import FORMATS, exported, study_document
from tuneplug.cli.output import aligned, as_json, show, table, write
from tuneplug.cli.records import StudyRecords, category_text, is_feasible
from tuneplug.errors import StorageError, printable
from tuneplug.plugins.manager import Plugins
from tuneplug.storage import SqliteStorage, Storage, TrialRecord, copy
from tuneplug.storage.urls import as_storage, check_study_exists

__all__ = ["add_command", "add_commands", "storage_at"]

#: Environment variable whose URL ``-`` stands for.
VARIABLE = "TUNEPLUG_STORAGE"
#: Maximum length of a text in a table of trials.
MAX_TEXT = 60


def add_commands(commands: Any) -> None:
    """Add the commands to those of a parser."""
    add = partial(add_command, commands)
    add("studies", _studies, "all studies of a storage", json=True)
    add("show", _show, "a study and its trials", "name", json=True)
    add("best", _best, "the best trial of a study", "name", json=True)
    export = add("export", _export, "write the trials of a study", "name")
    export.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")
    export.add_argument("--output", metavar="FILE", help="instead of stdout; Parquet needs it")
    add("rename", _rename, "rename a study", "name", "new_name")
    delete = add("delete", _delete, "delete a study and its trials", "name")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    copying = add("copy", _copy, "copy a study to another storage", "name", "target_url")
    copying.add_argument("--name", dest="new_name", metavar="NEW", help="name of the copy")


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], str],
    about: str,
    *positional: str,
    json: bool = False,
) -> argparse.ArgumentParser:
    """Add a subcommand with the argument URL and further positional ones; return its parser."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    where = f"URL of the storage; - is that in {VARIABLE}"
    command.add_argument("url", metavar="URL", help=f"{where}, such as sqlite:///study.db")
    for argument in positional:
        text = where if argument == "target_url" else None
        command.add_argument(argument, metavar=argument.upper(), help=text)
    if json:
        command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.set_defaults(run=run, parser=command)
    return command


def storage_at(arguments: argparse.Namespace, url: str) -> Storage:
    """Return the storage at a URL; a missing environment variable is an error of usage."""
    if url == "-":
        url = os.environ.get(VARIABLE, "")
        if not url:
            arguments.parser.error(f"the URL - stands for {VARIABLE}, but that is not set")
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of plugins that are of no use here
        return as_storage(url, partial(Plugins().create, "storage"))


def _study(arguments: argparse.Namespace) -> StudyRecords:
    return StudyRecords.read(storage_at(arguments, arguments.url), arguments.name)


def _studies(arguments: argparse.Namespace) -> str:
    storage = storage_at(arguments, arguments.url)
    rows, errors = [], []
    for name in storage.studies():
        try:
            rows.append(StudyRecords.read(storage, name).summary())
        except StorageError as error:
            errors.append(str(error))
    text = as_json(rows) if arguments.json else table(rows)
    if errors:
        show(text, sys.stdout)
        raise StorageError("\n".join(errors))
    return text


def _show(arguments: argparse.Namespace) -> str:
    study = _study(arguments)
    if arguments.json:
        return as_json(study_document(study))
    names = study.param_names
    columns = ("number", "state", "value", *map(_short, names), "cost", "note")
    rows = [
        (
            *(record[key] for key in ("number", "state", "value")),
            *(_param(record, name) for name in names),
            record["cost"],
            _short(
                record["stop_reason"]
                or _last_line(record["error"])
                or ("" if is_feasible(record) else "infeasible")
            ),
        )
        for record in study.records
    ]
    return f"{_lines(study.summary())}\n\n{aligned(columns, rows)}"


def _best(arguments: argparse.Namespace) -> str:
    record = _study(arguments).best_or_raise()
    if arguments.json:
        return as_json(record)
    params = {name: str(category_text(value)) for name, value in record["params"].items()}
    return f"{_lines({key: record[key] for key in ('number', 'value')})}\n\n{_lines(params)}"


def _export(arguments: argparse.Namespace) -> str:
    if arguments.format == "parquet" and arguments.output is None:
        arguments.parser.error("--format parquet needs --output FILE")
    storage = storage_at(arguments, arguments.url)
    content = exported(StudyRecords.read(storage, arguments.name), arguments.format)
    if arguments.output is None:
        return content.decode().removesuffix("\n")
    output = Path(arguments.output)
    if isinstance(storage, SqliteStorage) and _is_of_database(output, storage.path):
        raise StorageError(
            f"an export must not replace the file of its study, but got --output {str(output)!r}: "
            "give another file"
        )
    write(output, content)
    return ""


def _is_of_database(output: Path, database: Path) -> bool:
    """Return whether a path is that of a SQLite file, or of one that SQLite has next to it."""
    linked = output.exists() and output.samefile(database)
    suffixes = ("-journal", "-wal", "-shm")
    return linked or str(output.resolve()) in {f"{database.resolve()}{end}" for end in suffixes}


def _rename(arguments: argparse.Namespace) -> str:
    storage = storage_at(arguments, arguments.url)
    check_study_exists(storage, arguments.name)
    storage.rename(arguments.name, arguments.new_name)
    return ""


def _delete(arguments: argparse.Namespace) -> str:
    storage, name = storage_at(arguments, arguments.url), arguments.name
    check_study_exists(storage, name)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise StorageError(
                f"a study is deleted after a question, but there is no terminal to ask whether to "
                f"delete {name!r}: pass --yes"
            )
        print(f"Delete study {name!r} and its trials? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise StorageError(f"study {name!r} was not deleted")
    storage.delete(name)
    return ""


def _copy(arguments: argparse.Namespace) -> str:
    source = storage_at(arguments, arguments.url)
    target = storage_at(arguments, arguments.target_url)
    copy(source, target, arguments.name, new_name=arguments.new_name)
    return ""


# ------------------------------------------------------------------ text


def _param(record: TrialRecord, name: str) -> Any:
    """Return the value of a parameter for a cell; None if it is inactive."""
    if name not in record["params"]:
        return None
    value = category_text(record["params"][name])
    return value if isinstance(value, float) else _short(str(value))


def _short(text: str) -> str:
    """Return a text for a cell: a long one is cut."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _last_line(error: str | None) -> str:
    """Return the last line of a traceback, which says what was raised."""
    return (error or "").strip().rpartition("\n")[2]


def _lines(values: dict[str, Any]) -> str:
    """Return names and values, one a line."""
    names = [*map(printable, values)]
    width = max(map(len, names), default=0)
    return "\n".join(
        f"{name:{width}}  {'-' if value is None else printable(str(value))}"
        for name, value in zip(names, values.values(), strict=True)
    )
