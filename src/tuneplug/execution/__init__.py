"""Run trials on executors: the executor protocol, worker pools and the job loop."""

from tuneplug.errors import format_failure
from tuneplug.execution.broadcast import Broadcast
from tuneplug.execution.executors import (
    Executor,
    Future,
    SerialExecutor,
    n_workers,
    resolve_n_jobs,
)
from tuneplug.execution.forks import ForkGuard
from tuneplug.execution.jobs import INTERRUPTED_MESSAGE, Job, run_jobs, run_objective
from tuneplug.execution.orphans import end_with_parent
from tuneplug.execution.owned_folder import temporary_root
from tuneplug.execution.pool import WorkerPool, make_pool
from tuneplug.execution.progress import (
    Progress,
    ProgressReporter,
    check_callbacks,
)

__all__ = [
    "INTERRUPTED_MESSAGE",
    "Broadcast",
    "Executor",
    "ForkGuard",
    "Future",
    "Job",
    "Progress",
    "ProgressReporter",
    "SerialExecutor",
    "WorkerPool",
    "check_callbacks",
    "end_with_parent",
    "format_failure",
    "make_pool",
    "n_workers",
    "resolve_n_jobs",
    "run_jobs",
    "run_objective",
    "temporary_root",
]
