"""ProgramObjective: train with a program in any language."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, final

from tuneplug import Trial
from tuneplug_sagemaker.job import (
    DEFINITION,
    DEFINITIONS,
    RESOURCE_NAMES,
    TuningJob,
    name_of,
)
from tuneplug_sagemaker.metrics import MetricReader, compile_expression
from tuneplug_sagemaker.programs import Program, ProgramError
from tuneplug_sagemaker.ranges import as_text
from tuneplug_sagemaker.script_mode import (
    arguments_of,
    decoded,
    make_folders,
    script_environment,
)

__all__ = ["ProgramObjective", "channel_names", "objective_of", "with_resource"]

#: Stop reason of a program that ``max_runtime`` has ended, as searches with ``trial_timeout`` have.
RUNTIME_EXCEEDED = "trial_timeout"


@final
@dataclass(frozen=True)
class ProgramObjective:
    """Objective that runs a program for each trial, and reads its metric from what it prints.

    The program gets hyperparameters as arguments, ``--name value``, and the environment variables
    of SageMaker's script mode, such as ``SM_MODEL_DIR`` and ``SM_CHANNEL_TRAIN``.  Each value of
    the metric is reported, and the last one is the value of the trial.  A program that is stopped
    gets SIGTERM, and after ``grace_period`` SIGKILL, with its whole process group.

    Attributes
    ----------
    command : str or sequence of str
        The program and its own arguments.  A string is split as a shell does; no shell runs it.
    metric : str
        Regular expression whose first group is the value.  It sees one line at a time, of stdout
        and stderr.
    hyperparameters : mapping
        Hyperparameters that are not tuned.
    channels : mapping
        Directories of the data, by the name of the channel.
    directory : str or Path, default "tuneplug_runs"
        Where each trial gets a directory ``trial-0000``, with ``model``, ``output`` and
        ``log.txt``.  They are kept; a name that exists gets a suffix.
    resource : str or None
        Name of the hyperparameter that gets ``trial.resource``, such as ``"epochs"``.
    environment : mapping
        Further environment variables.
    grace_period : float, default 10
        Seconds that a program has to end after SIGTERM.
    max_runtime : float or None
        Seconds after which a program is ended; its trial is stopped with the last value.

    Raises
    ------
    ValueError
        If the command is not found, a channel is no directory, the expression is invalid or has no
        group, or ``max_runtime`` is not positive.
    OSError
        If the directory cannot be written, or the system has no process groups.
    MissingDependencyError
        If regex is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from tuneplug import Float, Study
    >>> script = 'BEGIN { print "loss=" (ARGV[2] - 1) ^ 2 }'
    >>> study = Study({"x": Float(0.0, 2.0)}, strategy="random", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     train = ProgramObjective(["awk", script], "loss=(.*)", directory=folder)
    ...     study.optimize(train, 5)
    >>> abs(study.best_value - (study.best_params["x"] - 1) ** 2) < 1e-5
    True
    """

    command: str | Sequence[str]
    metric: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    channels: Mapping[str, str | Path] = field(default_factory=dict)
    directory: str | Path = "tuneplug_runs"
    resource: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_period: float = 10.0
    max_runtime: float | None = None

    def __post_init__(self) -> None:
        if sys.platform == "win32":
            raise OSError("programs run in process groups, which Windows does not have: use WSL")
        words = self._words()
        if not words or shutil.which(words[0]) is None:
            raise ValueError(
                f"a command must start with a program that can be run, but got {self.command!r}: "
                "install the program, give its path, or make it executable"
            )
        compile_expression(self.metric)
        if self.max_runtime is not None and not self.max_runtime > 0:
            raise ValueError(
                f"max_runtime must be positive, but got {self.max_runtime!r}: give seconds, or None"
            )
        for name, path in self.channels.items():
            if not Path(path).is_dir():
                raise ValueError(
                    f"a channel must be a directory, but {name} is {str(path)!r}: create it, or "
                    "give another one"
                )
        directory = Path(self.directory)
        directory.mkdir(parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(
                f"the directory of trials must be writable, but {str(directory)!r} is not: give "
                "another one"
            )

    def _words(self) -> list[str]:
        return shlex.split(self.command) if isinstance(self.command, str) else [*self.command]

    def __call__(self, trial: Trial) -> float:
        """Run the program for a trial, and return the last value of the metric.

        Raises
        ------
        ProgramError
            If the program fails, prints no value, or is interrupted.
        """
        texts = {name: as_text(value) for name, value in self.hyperparameters.items()}
        texts |= {k: as_text(v) for k, v in trial.params.items() if k != DEFINITION}
        texts = with_resource(texts, self.resource, trial)
        folder = self._new_folder(trial.number)
        make_folders(folder, texts)
        passed = decoded(texts)
        channels = {name: Path(path).resolve() for name, path in self.channels.items()}
        environment = {
            **os.environ,
            **script_environment(folder, passed, channels),
            **self.environment,
        }
        command = [*self._words(), *arguments_of(passed)]
        key = (trial.number, trial.started)
        reader = MetricReader(self.metric)
        with Program(command, environment, folder / "log.txt", key, self.grace_period) as program:
            ended, value = self._follow(program, reader, trial)
        if program.interrupted:
            raise ProgramError("the search was interrupted while the program ran")
        if ended:
            return _checked(program.returncode, value, reader)
        return math.nan if value is None else value

    def _follow(
        self, program: Program, reader: MetricReader, trial: Trial
    ) -> tuple[bool, float | None]:
        """Report the values that a program prints; return whether it exited, and the last value."""
        value = None
        steps = count()
        end = math.inf if self.max_runtime is None else time.monotonic() + self.max_runtime
        for chunk in program.output():
            for value in reader.feed(chunk):
                trial.report(value, next(steps))
                if trial.should_stop():
                    return False, value
            if program.interrupted or _should_stop(trial, end):
                return False, value
        for value in reader.close():
            trial.report(value, next(steps))
        return True, value

    def _new_folder(self, number: int) -> Path:
        """Create the directory of a trial; one that an earlier run has left stays as it is."""
        for attempt in count(1):
            suffix = "" if attempt == 1 else f"-{attempt}"
            folder = Path(self.directory).resolve() / f"trial-{number:04d}{suffix}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
        raise AssertionError("some number is free")


def _should_stop(trial: Trial, end: float) -> bool:
    """Return whether a trial should stop; its own time limit counts as well."""
    if not trial.should_stop() and time.monotonic() >= end:
        trial.reporter.stop_reason = RUNTIME_EXCEEDED
    return trial.should_stop()


def _checked(code: int | None, value: float | None, reader: MetricReader) -> float:
    """Return the value of a program that exited; raise ProgramError if it failed."""
    if code:
        how = f"exited with {code}" if code > 0 else f"was ended by {_signal_name(-code)}"
        raise ProgramError(f"{_shown(reader)}the program must exit with code 0, but {how}")
    if value is None:
        found = reader.not_a_number
        but = "printed none" if reader.last_lines else "printed nothing"
        but = but if found is None else f"the expression found {found!r}"
        raise ProgramError(
            f"{_shown(reader)}the program must print the metric as a number, but {but}: print it "
            f"in a line that the expression {reader.expression!r} matches"
        )
    return value


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _shown(reader: MetricReader) -> str:
    """Return the last lines of a program; what follows is the last line of the error."""
    lines = "".join(f"    {line}\n" for line in reader.last_lines)
    return f"the program printed last:\n{lines}" if lines else ""


# ---------------------------------------------------------------------- of a job


@dataclass(frozen=True)
class _ByDefinition:
    """The objective of a job with several training job definitions."""

    objectives: Mapping[str, Callable[[Trial], float]]

    def __call__(self, trial: Trial) -> float:
        return self.objectives[trial.params[DEFINITION]](trial)


def objective_of(
    job: TuningJob,
    command: str | Sequence[str],
    *,
    channels: Mapping[str, str | Path] | None = None,
    directory: str | Path = "tuneplug_runs",
    metric: str | None = None,
) -> Callable[[Trial], float]:
    """Return the objective of a job that a program trains.

    The static hyperparameters and the ``Environment`` of the job are passed, too.  A program is
    ended after the ``MaxRuntimeInSeconds`` of its ``StoppingCondition``.

    Parameters
    ----------
    job : TuningJob
    command : str or sequence of str
        See ``ProgramObjective``.
    channels : mapping, optional
        The directory of each channel that the job has.
    directory : str or Path, default "tuneplug_runs"
    metric : str, optional
        Regular expression of the objective metric.  If None, that of ``MetricDefinitions``, which
        jobs with an algorithm of the service lack.

    Raises
    ------
    ValueError
        If the job has no expression for its objective metric, or a channel has no directory; and
        as ``ProgramObjective`` does.
    OSError
        If the directory cannot be written.
    """
    given = channels or {}
    if missing := [name for name in channel_names(job) if name not in given]:
        raise ValueError(
            f"each channel of the job must have a directory, but {', '.join(missing)} has none: "
            f"give, for example, {missing[0]}=DIR"
        )
    objectives = {}
    for space, static, definition in zip(job.subspaces, job.static, _definitions(job), strict=True):
        objectives[name_of(space) or ""] = ProgramObjective(
            command,
            metric or _expression(job, definition),
            static,
            given,
            directory,
            next((name for name in RESOURCE_NAMES if name in static), None),
            definition.get("Environment", {}),
            max_runtime=definition.get("StoppingCondition", {}).get("MaxRuntimeInSeconds"),
        )
    return objectives[""] if "" in objectives else _ByDefinition(objectives)


def with_resource(texts: Mapping[str, str], name: str | None, trial: Trial) -> dict[str, str]:
    """Return hyperparameters in which the resource is that of a trial."""
    if name is None or trial.resource is None:
        return dict(texts)
    return {**texts, name: as_text(trial.resource)}


def channel_names(job: TuningJob) -> list[str]:
    """Return the names of the channels that a job has, each once."""
    names = [
        channel["ChannelName"]
        for definition in _definitions(job)
        for channel in definition.get("InputDataConfig", ())
    ]
    return list(dict.fromkeys(names))


def _definitions(job: TuningJob) -> list[Mapping[str, Any]]:
    several = job.unread.get(DEFINITIONS)
    return [job.unread.get("TrainingJobDefinition", {})] if several is None else list(several)


def _expression(job: TuningJob, definition: Mapping[str, Any]) -> str:
    """Return the regular expression of the objective metric of a training job definition."""
    wanted = definition.get("TuningObjective", {}).get("MetricName") or job.metric_name
    known = definition.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
    found = [metric["Regex"] for metric in known if metric["Name"] == wanted]
    if not found:
        names = ", ".join(metric["Name"] for metric in known) or "none"
        raise ValueError(
            f"the objective metric {wanted!r} must be among the MetricDefinitions, but these are "
            f"{names}: give metric= (--metric) a regular expression, or add {{'Name': {wanted!r}, "
            "'Regex': ...} to the AlgorithmSpecification of the TrainingJobDefinition"
        )
    return str(found[0])
