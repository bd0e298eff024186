"""Private names of MLflow that the adapter needs.

Nothing else in this package uses a name that MLflow does not document.
"""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import RunStatus
from mlflow.tracking.context.registry import resolve_tags
from mlflow.tracking.fluent import _get_experiment_id

__all__ = ["context_tags", "experiment_in_use", "set_status"]


def experiment_in_use() -> str:
    """Return the id of the experiment that ``mlflow.start_run()`` would use."""
    return str(_get_experiment_id())


def context_tags() -> dict[str, str]:
    """Return the tags by which MLflow shows who ran what, as ``mlflow.start_run()`` sets them."""
    return dict(resolve_tags())


def set_status(client: MlflowClient, run_id: str, status: str, end: int | None = None) -> None:
    """Set the status of a run, and when it ended, in milliseconds.

    ``set_terminated`` would print two lines on stdout for each trial where there is a server, and
    ``update_run`` takes no end.
    """
    number = RunStatus.from_string(status)
    client._tracking_client.store.update_run_info(run_id, number, end, None)
