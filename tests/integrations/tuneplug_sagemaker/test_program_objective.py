"""Programs in other languages than Python are tuned, and each end of one has its state."""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from interrupts import interrupted

from tuneplug import AllTrialsFailedError, Categorical, Float, Study, TrialState
from tuneplug.stopping import MedianRule
from tuneplug_sagemaker import ProgramError, ProgramObjective
from tuneplug_sagemaker.programs import Program

pytest.importorskip("regex")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no process groups")

METRIC = r"loss=(\S+)"
#: A program that gets its arguments after its own.
SH = ("sh", "-c")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(script, **options):
    return ProgramObjective([*SH, script, "program"], METRIC, **options)


def run(script, space=None, **options):
    """Run a shell script for one trial, and return the trial."""
    study = Study(space or {"rate": Float(0.0, 1.0)}, strategy="random", seed=0)
    with suppress(AllTrialsFailedError):
        study.optimize(shell(script, **options), 1)
    (trial,) = study.trials
    return trial


def failed(script, **options):
    with pytest.warns(RuntimeWarning, match="failed"):
        trial = run(script, **options)
    assert trial.state is TrialState.FAILED
    return trial.error


class Alive:
    """A FIFO that processes hold open: it ends once all of them have ended."""

    def __init__(self, path):
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._reader, True)

    def wait_until_all_ended(self):
        with os.fdopen(self._reader, "rb") as reader:
            return reader.read()


# ---------------------------------------------------------------------- what a program gets


def test_a_program_without_python_is_tuned():
    script = 'BEGIN { for (e = 1; e < 5; e++) print "loss=" (ARGV[2] - 0.3) ^ 2 + 1 / e }'
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    study.optimize(ProgramObjective(["awk", script], METRIC), 12)
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert all(len(trial.reports) == 4 for trial in study.trials)
    assert abs(study.best_params["x"] - 0.3) < 0.05


def test_hyperparameters_are_arguments_in_the_order_of_their_names():
    space = {"rate": Float(0.5, 0.5), "b": Categorical(['"quoted"'])}
    static = {"zeta": '"a b"', "epochs": 3, "flag": "true", "tiny": "1e-8", "none": "null"}
    static |= {"list": '["p", 1]', "map": '{"k": 1, "j": "v"}', "sagemaker_program": "x.py"}
    run(
        'for a in "$@"; do echo "$a" >> args; done; echo loss=1',
        space=space,
        hyperparameters=static,
    )
    lines = Path("args").read_text().splitlines()
    assert dict(zip(lines[::2], lines[1::2], strict=True)) == {
        "-b": "quoted",
        "--epochs": "3",
        "--flag": "True",
        "--list": "['p', 1]",
        "--map": "j=v,k=1",
        "--none": "",
        "--rate": "0.5",
        "--tiny": "1e-08",
        "--zeta": "a b",
    }
    assert [name.lstrip("-") for name in lines[::2]] == sorted(n.lstrip("-") for n in lines[::2])


def test_the_environment_is_that_of_script_mode(folder):
    (folder / "data").mkdir()
    run(
        "env > environment; echo loss=1",
        hyperparameters={"epochs": 3},
        channels={"train": "data"},
        environment={"OWN": "1"},
    )
    found = dict(line.split("=", 1) for line in Path("environment").read_text().splitlines())
    trial = folder / "tuneplug_runs" / "trial-0000"
    assert found["SM_MODEL_DIR"] == str(trial / "model")
    assert found["SM_OUTPUT_DATA_DIR"] == str(trial / "output" / "data")
    assert found["SM_CHANNEL_TRAIN"] == str(folder / "data")
    assert json.loads(found["SM_CHANNELS"]) == ["train"]
    hyperparameters = json.loads(found["SM_HPS"])
    assert hyperparameters["epochs"] == 3
    assert found["SM_HP_EPOCHS"] == "3"
    assert float(found["SM_HP_RATE"]) == hyperparameters["rate"]
    assert json.loads(found["SM_USER_ARGS"])[:2] == ["--epochs", "3"]
    assert int(found["SM_NUM_CPUS"]) >= 1
    assert int(found["SM_NUM_GPUS"]) >= 0
    assert json.loads(found["SM_HOSTS"]) == [found["SM_CURRENT_HOST"]]
    assert json.loads(found["SM_TRAINING_ENV"])["channel_input_dirs"] == {
        "train": str(folder / "data")
    }
    assert (found["PYTHONUNBUFFERED"], found["OWN"]) == ("1", "1")
    for name in ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR", "SM_INPUT_CONFIG_DIR"):
        assert Path(found[name]).is_dir()
    raw = json.loads((trial / "input/config/hyperparameters.json").read_text("utf-8"))
    assert raw["epochs"] == "3"


def test_directories_are_kept_and_never_used_twice(folder):
    for text in ("first", "second"):
        run(f"echo {text} > $SM_MODEL_DIR/model; echo {text}; echo loss=1 >&2")
    runs = folder / "tuneplug_runs"
    assert sorted(path.name for path in runs.iterdir()) == ["trial-0000", "trial-0000-2"]
    assert (runs / "trial-0000/log.txt").read_text() == "first\nloss=1\n"
    assert (runs / "trial-0000-2/model/model").read_text() == "second\n"


def test_a_command_is_split_as_a_shell_does_but_no_shell_runs_it():
    objective = ProgramObjective("""printf 'loss=1 %s\n' '$HOME;' """, METRIC)
    assert objective(Study({"rate": Float(0.0, 1.0)}, seed=0).ask()) == 1.0
    assert "loss=1 $HOME;" in Path("tuneplug_runs/trial-0000/log.txt").read_text()


def test_an_objective_can_be_pickled():
    objective = shell("echo loss=1")
    assert pickle.loads(pickle.dumps(objective)) == objective


# ---------------------------------------------------------------------- what it prints


def test_the_last_of_thousands_of_values_counts():
    trial = run("""awk 'BEGIN { for (i = 3000; i; i--) print "noise\\nloss=" i }'""")
    assert (trial.value, len(trial.reports)) == (1.0, 3000)


@pytest.mark.parametrize(
    "output",
    [
        r"\377\376 loss=2\n",
        r"loss=7\rloss=2\r",
        r"loss=2",
        r"loss=2\nloss=none\n",
        r"a\0b loss=2\n",
    ],
    ids=["not UTF-8", "progress bar", "no end of line", "not a number", "NUL"],
)
def test_any_output_is_read(output):
    assert run(f"printf '{output}'").value == 2.0


def test_a_line_without_end_is_cut():
    script = """awk 'BEGIN { for (i = 0; i < 100000; i++) printf "0123456789"; print "loss=5" }'"""
    assert run(f"{script}; echo loss=3").value == 3.0
    assert Path("tuneplug_runs/trial-0000/log.txt").stat().st_size == 1_000_014


def test_the_expression_sees_one_line_at_a_time():
    trial = run("printf 'los'; printf 's=4\n'; printf 'loss=\n9\n'")
    assert trial.value == 4.0


def test_an_expression_that_takes_too_long_fails_its_trial(folder):
    alive = Alive(folder / "alive")
    objective = ProgramObjective(
        ["sh", "-c", f"exec 9> alive; echo {'x' * 60}; sleep 600"], r"(x|xx)+=(\d)"
    )
    with pytest.raises(ValueError, match="takes longer for one of 60 characters"):
        objective(Study({"rate": Float(0.0, 1.0)}, seed=0).ask())
    alive.wait_until_all_ended()


# ---------------------------------------------------------------------- how it ends


def test_a_program_that_fails_says_how_with_its_last_lines():
    error = failed("seq 1 100; echo loss=1; echo 'no data' >&2; exit 3")
    assert error.strip().endswith("the program must exit with code 0, but exited with 3")
    assert "no data" in error
    assert "    100\n" in error
    assert "    10\n" not in error


def test_a_program_that_is_killed_in_the_middle_fails():
    assert "was ended by signal 9 (SIGKILL)" in failed("echo loss=1; kill -9 $$; echo loss=2")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("true", "but printed nothing"),
        ("echo accuracy 1", "but printed none"),
        ("echo loss=low", "the expression found 'low'"),
    ],
)
def test_a_program_without_a_value_fails(script, why):
    error = failed(script)
    assert why in error
    assert f"matches the expression {METRIC!r}" in error or repr(METRIC) in error


def test_a_value_that_is_not_finite_is_a_failure():
    assert "must be finite, but got nan" in failed("echo loss=1; echo loss=nan")


def test_programs_that_fail_alike_end_the_search():
    study = Study({"rate": Float(0.0, 1.0)}, seed=0)
    with pytest.warns(RuntimeWarning), pytest.raises(AllTrialsFailedError, match="5 of 20 trials"):
        study.optimize(shell("echo oh; exit 1"), 20)


@pytest.mark.parametrize(("code", "state"), [(0, TrialState.COMPLETE), (7, TrialState.FAILED)])
@pytest.mark.filterwarnings("ignore:trial 0 failed:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:1 of 1 trials:RuntimeWarning")
def test_a_program_may_close_its_output_and_go_on(code, state):
    loop = "i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done"
    trial = run(f"echo loss=1; exec >&- 2>&-; {loop}; touch done; exit {code}")
    assert Path("done").exists()
    assert trial.state is state


def test_what_a_program_leaves_running_ends_with_it(folder):
    alive = Alive(folder / "alive")
    trial = run("exec 9> alive; sleep 600 & echo loss=1")
    assert trial.value == 1.0
    alive.wait_until_all_ended()


@pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid")
def test_a_process_that_left_the_group_does_not_hold_the_trial():
    trial = run("setsid sleep 600 & echo $! > pid; echo loss=1; while ! [ -s pid ]; do :; done")
    os.kill(int(Path("pid").read_text()), signal.SIGKILL)
    assert trial.value == 1.0


# ---------------------------------------------------------------------- who ends it

WAITS = """
exec 9> alive
echo loss=$2
[ $2 = 1.0 ] && exit 0
sleep 600 & wait; sleep 600
"""


@pytest.mark.parametrize("before", ["", "trap '' TERM;"], ids=["SIGTERM", "SIGKILL"])
def test_a_trial_that_is_stopped_ends_with_its_whole_group(folder, before):
    alive = Alive(folder / "alive")
    rule = MedianRule(n_warmup_steps=0, n_min_trials=1, n_startup_trials=0, n_protected=0)
    study = Study({"rate": Float(0.0, 9.0)}, stopping=rule, seed=0)
    for value in (1.0, 5.0):
        study.enqueue({"rate": value})
    study.optimize(shell(before + WAITS, grace_period=0.5), 2)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.STOPPED]
    assert study.trials[1].value == 5.0
    assert study.trials[1].stop_reason.startswith("median")
    alive.wait_until_all_ended()


def test_the_time_limit_of_the_search_ends_a_silent_program(folder):
    alive = Alive(folder / "alive")
    trial = Study({"rate": Float(0.0, 9.0)}, seed=0).ask()
    trial.reporter.deadline = time.time() + 0.5
    assert math.isnan(shell("exec 9> alive; sleep 600 & wait")(trial))
    assert trial.stop_reason == "timeout"
    alive.wait_until_all_ended()


def test_a_program_is_ended_when_its_own_time_is_over(folder):
    alive = Alive(folder / "alive")
    trial = run("exec 9> alive; echo loss=3; sleep 600 & wait", max_runtime=0.5)
    assert (trial.state, trial.value) == (TrialState.STOPPED, 3.0)
    assert trial.stop_reason == "trial_timeout"
    alive.wait_until_all_ended()


@pytest.mark.parametrize("script", ["", "exec >&- 2>&-; sleep 0.1", "sleep 600"])
@pytest.mark.skipif(not hasattr(os, "waitid"), reason="needs waitid")
def test_no_signal_goes_to_the_number_of_a_group_that_may_be_another_one(monkeypatch, script):
    numbers = []

    def checked(group, number, kill=os.killpg):
        os.kill(group, 0)  # a leader that was reaped has left its number to others
        numbers.append(number)
        kill(group, number)

    monkeypatch.setattr(os, "killpg", checked)
    run(f"echo loss=1; {script}", max_runtime=0.5)
    assert numbers[-1] == signal.SIGKILL
    assert numbers.count(signal.SIGKILL) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_of_the_log_ends_the_program(folder):
    alive = Alive(folder / "alive")
    command = [*SH, "exec 9> alive; echo loss=1; sleep 600 & wait"]
    with (
        pytest.raises(OSError, match="No space left"),
        Program(command, os.environ, Path("/dev/full"), "key", 10.0) as program,
    ):
        list(program.output())
    assert program.returncode == -signal.SIGTERM
    alive.wait_until_all_ended()


INTERRUPTED = """
import os, threading
from tuneplug import Float, Study
from tuneplug_sagemaker import ProgramObjective

def tell():
    with open("started", "r+b", buffering=0) as lines:
        for _ in range({n_jobs}):
            lines.readline()
    print("started", flush=True)

threading.Thread(target=tell, daemon=True).start()
program = ["sh", "-c", "exec 9> alive; echo $$ > started; sleep 600 & wait"]
study = Study({{"rate": Float(0.0, 1.0)}}, seed=0)
try:
    study.optimize(ProgramObjective(program, "loss=(.*)"), 4, n_jobs={n_jobs})
except KeyboardInterrupt:
    print(*(trial.state.value for trial in study.trials))
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_ends_all_programs(folder, n_jobs):
    alive = Alive(folder / "alive")
    os.mkfifo(folder / "started")
    script = folder / "script.py"
    script.write_text(INTERRUPTED.format(n_jobs=n_jobs), encoding="utf-8")
    out, err, code = interrupted(script, "started")
    assert (out.split(), err, code) == (["failed"] * n_jobs, "", 0)
    alive.wait_until_all_ended()


# ---------------------------------------------------------------------- what is wrong before


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("no-such-program --x", {}, "start with a program that can be run"),
        ("", {}, "start with a program that can be run"),
        ("sh", {"metric": "loss=("}, "must be a regular expression"),
        ("sh", {"metric": "loss=.*"}, "first group"),
        ("sh", {"channels": {"train": "nowhere"}}, "a channel must be a directory"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_trained(command, options, message):
    with pytest.raises(ValueError, match=message):
        ProgramObjective(command, **{"metric": METRIC} | options)


def test_a_directory_that_is_a_file_is_refused(folder):
    (folder / "runs").touch()
    with pytest.raises(OSError, match="runs"):
        shell("true", directory="runs")


def test_the_error_of_a_program_is_one_that_can_be_caught():
    with pytest.raises(ProgramError, match="exited with 1"):
        shell("exit 1")(Study({"rate": Float(0.0, 1.0)}, seed=0).ask())
