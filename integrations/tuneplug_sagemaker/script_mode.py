"""Arguments and environment variables of a training program, as the service's script mode has them.

The names and rules are those of SageMaker's training toolkit.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["arguments_of", "channel_environment", "decoded", "make_folders", "script_environment"]

#: Hyperparameters of the service itself, which a script does not get.
OWN_PREFIX, OWN_NAMES = "sagemaker_", ("_tuning_objective_metric",)
HOST = "algo-1"
INFO = 20


def decoded(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return hyperparameters that are JSON as its values; the others stay text."""
    return {
        name: _decoded(text)
        for name, text in texts.items()
        if not name.startswith(OWN_PREFIX) and name not in OWN_NAMES
    }


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def arguments_of(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Return decoded hyperparameters as arguments, in the order of their names."""
    arguments = []
    for name, value in sorted(hyperparameters.items()):
        arguments += [f"--{name}" if len(name) > 1 else f"-{name}", _argument(value)]
    return arguments


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={inner}" for name, inner in sorted(value.items()))
    return "" if value is None else str(value)


def make_folders(folder: Path, texts: Mapping[str, str]) -> None:
    """Create the directories of a trial, and the file of its hyperparameters."""
    for name in ("model", "output/data", "output/intermediate", "input/config"):
        (folder / name).mkdir(parents=True)
    document = json.dumps(texts)
    (folder / "input/config/hyperparameters.json").write_text(document, encoding="utf-8")


def channel_environment(channels: Mapping[str, Path]) -> dict[str, str]:
    """Return the variables that tell a script where its data is."""
    paths = {f"SM_CHANNEL_{name.upper()}": str(path) for name, path in channels.items()}
    return {**paths, "SM_CHANNELS": _as_json(sorted(channels))}


def script_environment(
    folder: Path, hyperparameters: Mapping[str, Any], channels: Mapping[str, Path]
) -> dict[str, str]:
    """Return the variables that scripts read, for a trial in a folder."""
    facts: dict[str, Any] = {
        "model_dir": str(folder / "model"),
        "output_dir": str(folder / "output"),
        "output_data_dir": str(folder / "output/data"),
        "output_intermediate_dir": str(folder / "output/intermediate"),
        "input_dir": str(folder / "input"),
        "input_config_dir": str(folder / "input/config"),
        "num_cpus": _n_cpus(),
        "num_gpus": _n_gpus(),
        "hosts": [HOST],
        "current_host": HOST,
        "log_level": INFO,
    }
    training = {
        **facts,
        "channel_input_dirs": {name: str(path) for name, path in channels.items()},
        "hyperparameters": hyperparameters,
        "is_master": True,
        "job_name": folder.name,
        "master_hostname": HOST,
    }
    described: dict[str, Any] = {
        **facts,
        "hps": hyperparameters,
        "user_args": arguments_of(hyperparameters),
        "resource_config": {"current_host": HOST, "hosts": [HOST]},
        "input_data_config": {name: {"TrainingInputMode": "File"} for name in channels},
        "framework_params": {},
        "training_env": training,
        **{f"hp_{name}": value for name, value in hyperparameters.items()},
    }
    return {
        **{f"SM_{name.upper()}": _variable(value) for name, value in described.items()},
        **channel_environment(channels),
        "TRAINING_JOB_NAME": folder.name,
        "PYTHONUNBUFFERED": "1",
    }


def _variable(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _as_json(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _n_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _n_gpus() -> int:
    """Return the number of GPUs that NVIDIA's tool lists; 0 without the tool or its driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    found = subprocess.run(  # noqa: S603  found on the path
        [tool, "--list-gpus"], capture_output=True, text=True, check=False, timeout=60
    )
    return sum(line.startswith("GPU ") for line in found.stdout.splitlines())
