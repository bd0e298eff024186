"""The subcommand tuneplug run, called as it is installed."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from interrupts import interrupted
from sagemaker_documents import request

from tuneplug import Study, TrialState
from tuneplug.cli import main
from tuneplug.testing import CommandContract
from tuneplug_sagemaker import analytics_frame
from tuneplug_sagemaker.command import RunCommand

pytest.importorskip("regex")
pytest.importorskip("botocore")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no process groups")

SCRIPT = """
BEGIN {
    for (i = 1; i < ARGC; i += 2) { sub(/^--?/, "", ARGV[i]); given[ARGV[i]] = ARGV[i + 1] }
    for (e = 1; e <= given["epochs"]; e++) print "epoch " e " auc=" given["eta"] - 1 / e
}
"""
COMMAND = "awk -f train.awk --"
MODULE = """
seen = []
def train(trial, hyperparameters):
    seen.append(hyperparameters)
    return trial.params["eta"]
def plain(trial):
    return trial.params["eta"]
"""


def job(**changes):
    document = request(**changes)
    metrics = [{"Name": "other", "Regex": "(.)"}, {"Name": "auc", "Regex": r"auc=(\S+)"}]
    document["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    return document


def write(document):
    Path("job.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "own_module", raising=False)
    (tmp_path / "train.awk").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "own_module.py").write_text(MODULE, encoding="utf-8")
    write(job())
    return tmp_path


class TestRunCommand(CommandContract):
    @pytest.fixture
    def command(self):
        return RunCommand()

    @pytest.fixture
    def arguments(self):
        return ["job.json", "--command", COMMAND]


def printed(capsys, *arguments):
    assert main(["run", "job.json", *arguments]) == 0
    return capsys.readouterr()


def refused(capsys, *arguments, code=1):
    try:
        assert main(["run", "job.json", *arguments]) == code
    except SystemExit as error:
        assert error.code == code  # noqa: PT017  wrong arguments
    assert not Path("tuneplug_runs/a-job/trial-0000").exists()
    return capsys.readouterr().err


def test_a_job_is_run_with_a_program_that_is_no_python(folder, capsys):
    captured = printed(capsys, "--command", COMMAND, "--output", "results.json")
    lines = dict(line.split(maxsplit=1) for line in captured.out.splitlines()[1:])
    assert captured.out.startswith("best trial")
    assert lines["objective"] == "binary:logistic"
    assert lines["epochs"] == "27"
    assert abs(float(lines["auc"]) - float(lines["eta"]) + 1 / 27) < 1e-4
    assert len(list((folder / "tuneplug_runs/a-job").iterdir())) == 6
    described = json.loads((folder / "results.json").read_text("utf-8"))
    assert described["TrainingJobStatusCounters"]["Completed"] == 6
    frame = analytics_frame(described)
    assert frame["FinalObjectiveValue"].max() == float(lines["auc"])


def test_what_acts_on_the_service_only_is_named_in_one_line(capsys):
    err = printed(capsys, "--command", COMMAND).err
    (line,) = (line for line in err.splitlines() if "on the service only" in line)
    assert "TrainingJobDefinition.RoleArn" in line
    assert "MetricDefinitions" not in line


def test_a_stored_job_goes_on_where_it_ended(capsys):
    arguments = ("--command", COMMAND, "--storage", "sqlite:///study.db")
    limits = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}
    write(job(ResourceLimits=limits))
    printed(capsys, *arguments)
    write(job(ResourceLimits=limits | {"MaxNumberOfTrainingJobs": 5}))
    first = printed(capsys, *arguments).out
    assert len(Study.load("sqlite:///study.db", "a-job").trials) == 5
    assert printed(capsys, *arguments).out == first
    assert len(list(Path("tuneplug_runs/a-job").iterdir())) == 5


def test_trials_of_a_dead_process_run_again_after_the_last_one_has_started(capsys):
    arguments = ("--command", COMMAND, "--storage", "sqlite:///study.db")
    limits = {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 1}
    write(job(ResourceLimits=limits | {"MaxNumberOfTrainingJobs": 2}))
    printed(capsys, *arguments)
    Study.load("sqlite:///study.db", "a-job").ask()
    gc.collect()
    write(job(ResourceLimits=limits))
    printed(capsys, *arguments)
    states = [trial.state for trial in Study.load("sqlite:///study.db", "a-job").trials]
    assert states == [TrialState.COMPLETE] * 3


def test_a_job_without_metric_definitions_gets_the_expression_as_an_option(capsys):
    document = job()
    without_metric(document)
    write(document)
    out = printed(capsys, "--command", COMMAND, "--metric", r"auc=(\S+)").out
    assert out.startswith("best trial")


def test_the_results_are_a_job_again(capsys):
    printed(capsys, "--command", COMMAND, "--output", "results.json")
    Path("results.json").replace("job.json")
    assert printed(capsys, "--command", COMMAND, "--name", "again").out.startswith("best trial")


def test_a_program_is_ended_after_the_seconds_of_its_stopping_condition(capsys):
    document = job()
    document["TrainingJobDefinition"]["StoppingCondition"]["MaxRuntimeInSeconds"] = 1
    document["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = 1
    write(document)
    command = "sh -c 'echo auc=0.5; exec sleep 600'"
    assert main(["run", "job.json", "--command", command, "--output", "results.json"]) == 1
    assert "MaxRuntimeInSeconds" not in capsys.readouterr().err
    (summary,) = json.loads(Path("results.json").read_text("utf-8"))["TrainingJobSummaries"]
    assert summary["TrainingJobStatus"] == "Stopped"
    assert summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0.5


def test_the_dash_stands_for_the_storage_of_the_environment(capsys, monkeypatch):
    arguments = ("--command", COMMAND, "--storage", "-", "--name", "mine")
    assert "TUNEPLUG_STORAGE" in refused(capsys, *arguments)
    monkeypatch.setenv("TUNEPLUG_STORAGE", "sqlite:///study.db")
    printed(capsys, *arguments)
    assert len(Study.load("sqlite:///study.db", "mine").trials) == 6


def test_hyperband_replaces_the_epochs_and_stops_by_what_is_printed(capsys):
    resources = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
    limits = {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 1}
    write(job(Strategy="Hyperband", StrategyConfig=resources, ResourceLimits=limits))
    printed(capsys, "--command", COMMAND, "--storage", "sqlite:///study.db")
    trials = Study.load("sqlite:///study.db", "a-job", strategy="hyperband").trials
    lengths = [len(trial.reports) for trial in trials if trial.state is TrialState.COMPLETE]
    assert set(lengths) == {9}
    assert any(trial.state is TrialState.STOPPED for trial in trials)


@pytest.mark.parametrize("function", ["train", "plain"])
def test_a_job_is_run_with_a_function(capsys, function):
    out = printed(capsys, "--objective", f"own_module:{function}").out
    seen = sys.modules["own_module"].seen
    assert len(seen) == (6 if function == "train" else 0)
    assert all(given["epochs"] == 27 and isinstance(given["eta"], float) for given in seen)
    assert all(given["batch"] in (32, 64, "a") for given in seen)
    assert "best trial" in out


def test_a_function_finds_the_channels_in_the_environment(folder, capsys, monkeypatch):
    monkeypatch.setenv("SM_CHANNEL_TRAIN", "")
    monkeypatch.setenv("SM_CHANNELS", "")
    printed(capsys, "--objective", "own_module:plain", "--channel", f"train={folder}")
    assert os.environ["SM_CHANNEL_TRAIN"] == str(folder)


def test_several_definitions_have_their_own_metric_and_static_hyperparameters(capsys):
    document = job()
    config = document["HyperParameterTuningJobConfig"]
    definition = document.pop("TrainingJobDefinition")
    ranges = config.pop("ParameterRanges")
    objective = config.pop("HyperParameterTuningJobObjective")
    definition |= {"HyperParameterRanges": ranges, "TuningObjective": objective}
    definitions = []
    for name, epochs in (("short", "1"), ("long", "4")):
        static = {"epochs": epochs}
        definitions.append({**definition, "DefinitionName": name, "StaticHyperParameters": static})
    write({**document, "TrainingJobDefinitions": definitions})
    printed(capsys, "--command", COMMAND, "--storage", "sqlite:///study.db")
    for trial in Study.load("sqlite:///study.db", "a-job").trials:
        expected = {"short": 1, "long": 4}[trial.params["TrainingJobDefinitionName"]]
        assert len(trial.reports) == expected


# ---------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of the arguments --command --objective is required"),
        (["--command", "ls", "--objective", "own_module:train"], "not allowed with"),
        (["--objective", "own_module"], "MODULE:FUNCTION"),
        (["--objective", "own_module:nothing"], "has no attribute 'nothing'"),
        (["--objective", "own_module:seen"], "must be a function"),
        (["--objective", "no_such_module:f"], "No module named 'no_such_module'"),
        (["--command", "ls", "--channel", "train=nowhere"], "no directory 'nowhere'"),
        (["--command", "ls", "--channel", "train"], "NAME=DIR"),
    ],
)
def test_wrong_arguments_are_errors_of_usage(capsys, arguments, message):
    assert message in refused(capsys, *arguments, code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--command", "no-such-program"], "start with a program that can be run"),
        (["--command", COMMAND, "--channel", "a=.", "--channel", "a=."], "given twice"),
        (["--command", COMMAND, "--directory", "train.awk"], "train.awk"),
        (["--command", COMMAND, "--output", "nowhere/results.json"], "nowhere"),
        (["--command", COMMAND, "--jobs", "0"], "--jobs"),
        (["--command", COMMAND, "--metric", "auc"], "has none: put parentheses"),
        (["--objective", "own_module:train", "--metric", "(.)"], "--metric reads what a program"),
        (["--command", COMMAND, "--name", "../up"], "--name"),
    ],
)
def test_what_cannot_work_is_one_error_before_anything_is_trained(capsys, arguments, message):
    assert message in refused(capsys, *arguments)


def without_metric(document):
    del document["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]


def without_objective(document):
    del document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]


def with_other_metric(document):
    objective = {"Type": "Maximize", "MetricName": "f1"}
    document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"] = objective


def with_wrong_expression(document):
    specification = document["TrainingJobDefinition"]["AlgorithmSpecification"]
    specification["MetricDefinitions"][1]["Regex"] = "auc=("


def with_channel(document):
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train"}}
    channels = [{"ChannelName": "train", "DataSource": source}]
    document["TrainingJobDefinition"]["InputDataConfig"] = channels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_metric, "but these are none: give metric= (--metric)"),
        (with_other_metric, "'f1' must be among the MetricDefinitions, but these are other, auc"),
        (with_wrong_expression, "must be a regular expression"),
        (with_channel, "train has none: give, for example, train=DIR"),
        (without_objective, "must have a HyperParameterTuningJobObjective"),
    ],
)
def test_a_job_that_lacks_something_is_one_error(capsys, change, message):
    document = job()
    change(document)
    write(document)
    assert message in refused(capsys, "--command", COMMAND)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", '{"Strategy": "Best"}'])
def test_a_file_that_is_no_job_is_one_error(folder, capsys, text):
    (folder / "job.json").write_text(text, encoding="utf-8")
    assert refused(capsys, "--command", COMMAND).startswith("tuneplug: ")


# ---------------------------------------------------------------------- interrupts

INTERRUPTED = """
import os, sys, threading
from tuneplug.cli import main

def tell():
    with open("started", "r+b", buffering=0) as lines:
        lines.readline()
        lines.readline()
    print("started", file=sys.__stdout__, flush=True)  # print goes to stderr in a command

threading.Thread(target=tell, daemon=True).start()
command = "sh -c 'exec 9> alive; echo > started; sleep 600 & wait'"
sys.exit(main(["run", "job.json", "--command", command, "--jobs", "2"]))
"""


@pytest.fixture
def alive():
    """What programs hold open: it ends once all of them have ended."""
    os.mkfifo("started")
    os.mkfifo("alive")
    reader = os.open("alive", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as programs:
        yield programs


def test_ctrl_c_ends_the_command_with_all_programs(folder, alive):
    script = folder / "script.py"
    script.write_text(INTERRUPTED, encoding="utf-8")
    assert interrupted(script, "started")[2] == 130
    assert alive.read() == b""


def test_sigterm_ends_the_command_with_all_programs(alive):
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    assert alive.read() == b""


def test_the_example_tunes_a_program_in_awk(folder):
    example = Path(__file__).parents[3] / "examples" / "any_program.py"
    command = [sys.executable, str(example), "--directory", "runs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith("best loss 0.3")
    trials = sorted((folder / "runs").iterdir())
    assert len(trials) == 20
    assert all((trial / "log.txt").read_text().startswith("epoch 1 loss=") for trial in trials)
    assert (trials[0] / "model" / "weights.txt").exists()
