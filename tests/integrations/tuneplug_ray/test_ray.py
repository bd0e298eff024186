"""Searches on a real Ray of this machine."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import cluster_cases
import pytest
from cluster_cases import ClusterCases, falling

from tuneplug import MissingDependencyError, Study
from tuneplug.testing import ExecutorContract
from tuneplug_ray import RayExecutor

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def _ray():
    from ray.util.joblib import register_ray

    here = str(Path(cluster_cases.__file__).parent)
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {"PYTHONPATH": here}},
    )
    register_ray()
    yield
    ray.shutdown()


@pytest.fixture
def executor():
    return RayExecutor()


class TestContract(ExecutorContract):
    @pytest.fixture
    def executor(self, executor):
        return executor


class TestSearches(ClusterCases):
    name = "ray"


def test_options_of_jobs_are_rays_and_tell_how_many_run_at_once():
    assert RayExecutor(num_cpus=2).n_workers == 1
    assert RayExecutor(num_cpus=0.5).n_workers == 4
    assert RayExecutor(num_cpus=0).n_workers == 2
    with pytest.raises(ValueError, match="num_cpu"):
        RayExecutor(num_cpu=1)


def test_the_ray_in_use_is_left_running():
    RayExecutor().shutdown(cancel_futures=True)
    assert ray.is_initialized()


def test_a_job_that_runs_is_interrupted_where_it_is_called_off(executor, tmp_path):
    started = tmp_path / "started"

    def wait():
        started.touch()
        while True:
            pass

    future = executor.submit(wait)
    while not started.exists():
        pass
    executor.shutdown(cancel_futures=True)
    with pytest.raises(ray.exceptions.TaskCancelledError):
        future.result()
    assert executor.submit(abs, -1).result() == 1


def test_without_a_ray_one_is_started_and_ended(tmp_path):
    (tmp_path / "alone.py").write_text(
        "import ray\n"
        "from cluster_cases import falling, SPACE\n"
        "from tuneplug import Study\n"
        "study = Study(SPACE, strategy='random', seed=0)\n"
        "study.optimize(falling, 4, executor='ray', n_jobs=2)\n"
        "print(len(study.trials), ray.is_initialized())\n"
    )
    here = str(Path(cluster_cases.__file__).parent)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "alone.py")],
        env={**os.environ, "PYTHONPATH": here},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "4 False", done.stderr


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"needs Ray: pip install 'tuneplug\[ray\]'"):
        Study({"C": [1, 2]}).optimize(falling, 1, executor="ray")
