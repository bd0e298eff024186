"""The subcommand ``tuneplug run``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, final

from tuneplug import Study, Trial
from tuneplug.plugins import Command
from tuneplug_sagemaker.job import DEFINITION, RESOURCE_NAMES, TuningJob
from tuneplug_sagemaker.program_objective import objective_of, with_resource
from tuneplug_sagemaker.reading import read_job
from tuneplug_sagemaker.results import describe
from tuneplug_sagemaker.script_mode import channel_environment, decoded

__all__ = ["RunCommand"]

#: Environment variable whose URL ``-`` stands for, as in the other commands.
VARIABLE = "TUNEPLUG_STORAGE"
#: Fields of a training job definition that are used here, and those used with ``--command``.
USED = ("InputDataConfig",)
USED_WITH_PROGRAM = (
    "AlgorithmSpecification.MetricDefinitions",
    "Environment",
    "StoppingCondition.MaxRuntimeInSeconds",
)


@final
class RunCommand(Command):
    """Run a tuning job of SageMaker on this machine, with a program or a Python function."""

    name = "run"
    about = "run a tuning job of SageMaker on this machine, with a program or a Python function"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the job, the program or function, and the places of the results."""
        parser.add_argument("job", metavar="JOB", help="JSON file: a request, or a response")
        training = parser.add_mutually_exclusive_group(required=True)
        text = "program and its arguments, such as 'python train.py'; no shell runs it"
        training.add_argument("--command", dest="program", metavar="COMMAND", help=text)
        text = "Python function of a trial, such as my_module:train"
        training.add_argument("--objective", metavar="MODULE:FUNCTION", type=_function, help=text)
        text = "regular expression of the objective metric; default: that of MetricDefinitions"
        parser.add_argument("--metric", metavar="REGEX", help=text)
        text = "directory of a channel; may be repeated"
        parser.add_argument(
            "--channel", metavar="NAME=DIR", action="append", type=_channel, default=[], help=text
        )
        text = f"URL, such as sqlite:///study.db, that keeps the study; - is the one in {VARIABLE}"
        parser.add_argument("--storage", metavar="URL", help=text)
        text = "name of the study; default: that of the job"
        parser.add_argument("--name", help=text)
        text = "trials at once; default: MaxParallelTrainingJobs"
        parser.add_argument("--jobs", metavar="N", type=int, help=text)
        text = "where functions and programs run, such as dask; default: threads"
        parser.add_argument("--executor", metavar="NAME", help=text)
        text = "where each trial gets a directory; default: tuneplug_runs"
        parser.add_argument("--directory", metavar="DIR", default="tuneplug_runs", help=text)
        text = "write results as a Describe response, with TrainingJobSummaries"
        parser.add_argument("--output", metavar="FILE", help=text)
        parser.set_defaults(parser=parser)

    def run(self, arguments: argparse.Namespace) -> str:
        """Run the job and return its best trial."""
        job, name = _job(arguments)
        storage = _storage(arguments)
        channels = _channels(arguments)
        output = None if arguments.output is None else _writable(Path(arguments.output), job)
        directory = Path(arguments.directory) / name
        objective = _objective(arguments, job, channels, directory)
        _print_ignored(job, with_program=arguments.program is not None)
        study = job.study(storage=storage, name=name)
        with _ended_by_sigterm():
            _optimize(study, job, objective, arguments)
        if output is not None:
            described = json.dumps(describe(study, job), indent=2, default=datetime.isoformat)
            output.write_text(described + "\n", encoding="utf-8")
        return _best_trial(study, job, None if arguments.program is None else directory)


def _optimize(
    study: Study,
    job: TuningJob,
    objective: Callable[[Trial], float],
    arguments: argparse.Namespace,
) -> None:
    """Run the trials that the study still lacks, and those that a dead process has left."""
    options = job.optimize_options()
    if arguments.jobs is not None:
        options["n_jobs"] = arguments.jobs
    if options["n_trials"] is not None:
        options["n_trials"] = max(0, options["n_trials"] - len(study.trials))
        if options["n_trials"] == 0 and all(trial.state.ended for trial in study.trials):
            return
    study.optimize(objective, **options, executor=arguments.executor, verbose=1)
    if study.completion_reason is not None:
        _print(f"the search ended early: {study.completion_reason}")


# ---------------------------------------------------------------------- arguments


def _channel(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"a channel is NAME=DIR, but got {text!r}")
    if not Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"there is no directory {path!r} for channel {name!r}")
    return name, Path(path).resolve()


def _channels(arguments: argparse.Namespace) -> dict[str, Path]:
    channels = dict(arguments.channel)
    if len(channels) < len(arguments.channel):
        raise ValueError("a channel must have one directory, but one is given twice: remove it")
    return channels


def _function(text: str) -> Callable[..., Any]:
    """Import a function; its module may be in the current directory."""
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise argparse.ArgumentTypeError(f"an objective is MODULE:FUNCTION, but got {text!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise argparse.ArgumentTypeError(f"{text!r} must be a function, but is {found!r}")
    function: Callable[..., Any] = found
    return function


def _job(arguments: argparse.Namespace) -> tuple[TuningJob, str]:
    """Return the job, with a name, and the name of the study."""
    path = Path(arguments.job)
    try:
        document = json.loads(path.read_bytes())  # UTF-8, or UTF-16 as PowerShell writes
    except (ValueError, RecursionError) as error:  # no JSON, or another encoding
        raise ValueError(f"a job must be a JSON file, but {str(path)!r} is not: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"a job must be a JSON object, but {str(path)!r} has {document!r:.50}")
    job = read_job(document)
    if job.objective_type is None:
        raise ValueError(
            "a job must have a HyperParameterTuningJobObjective, but has none: add its Type and "
            "MetricName"
        )
    if job.n_trials is None and job.max_runtime is None:
        raise ValueError(
            "a job must have an end, but has neither MaxNumberOfTrainingJobs nor "
            "MaxRuntimeInSeconds: add one to its ResourceLimits"
        )
    if arguments.jobs is not None and arguments.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, but got {arguments.jobs}")
    name = arguments.name or job.name or path.stem
    if Path(name).name != name:
        raise ValueError(f"--name must be the name of a directory, too, but got {name!r}")
    return (job if job.name is not None else replace(job, name=name)), name


def _storage(arguments: argparse.Namespace) -> str | None:
    if arguments.storage != "-":
        return arguments.storage  # type: ignore[no-any-return]
    if url := os.environ.get(VARIABLE, ""):
        return url
    raise ValueError(f"the URL - stands for {VARIABLE}, but that is not set: set it, or give a URL")


def _writable(output: Path, job: TuningJob) -> Path:
    """Return the file of results; raise if the file or the job cannot be."""
    job.to_request()
    with output.open("a", encoding="utf-8"):
        return output


# ---------------------------------------------------------------------- training


def _objective(
    arguments: argparse.Namespace, job: TuningJob, channels: Mapping[str, Path], directory: Path
) -> Callable[[Trial], float]:
    """Return the objective: a program, or a function."""
    if arguments.program is not None:
        return objective_of(
            job,
            arguments.program,
            channels=channels,
            directory=directory,
            metric=arguments.metric,
        )
    if arguments.metric is not None:
        raise ValueError("--metric reads what a program prints: give --command, or no --metric")
    os.environ.update(channel_environment(channels))
    return _FunctionObjective(arguments.objective, job)


@final
@dataclass(frozen=True)
class _FunctionObjective:
    """Calls a function of a trial, with all hyperparameters if it has a parameter for them."""

    function: Callable[..., Any]
    job: TuningJob

    def __call__(self, trial: Trial) -> Any:
        if not _takes_hyperparameters(self.function):
            return self.function(trial)
        texts = self.job.hyperparameters(trial.params)
        resource = next((name for name in RESOURCE_NAMES if name in texts), None)
        hyperparameters = decoded(with_resource(texts, resource, trial))
        return self.function(trial, hyperparameters=hyperparameters)


def _takes_hyperparameters(function: Callable[..., Any]) -> bool:
    try:
        return "hyperparameters" in inspect.signature(function).parameters
    except ValueError:  # a function of C may have none
        return False


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Context manager: SIGTERM ends the search as Ctrl-C does, with exit code 143."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# ---------------------------------------------------------------------- what is printed


def _print_ignored(job: TuningJob, *, with_program: bool) -> None:
    """Name in one line the fields that take effect on the service only."""
    used = (*USED, *USED_WITH_PROGRAM) if with_program else USED
    names = [name for name in job.unread_fields() if not name.endswith(used)]
    if names:
        _print(f"these fields take effect on the service only: {', '.join(names)}")


def _print(text: str) -> None:
    print(f"tuneplug: {text}", file=sys.stderr, flush=True)


def _best_trial(study: Study, job: TuningJob, directory: Path | None) -> str:
    best = study.best_trial
    lines: dict[str, Any] = {"best trial": best.number, job.metric_name or "value": best.value}
    if directory is not None:
        lines["directory"] = directory
    if DEFINITION in best.params:
        lines[DEFINITION] = best.params[DEFINITION]
    pairs = [*lines.items(), *job.hyperparameters(best.params).items()]
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name:{width}}  {value}" for name, value in pairs)
