"""Wrap the private names of MLflow; no other module of this package uses any."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import RunStatus
from mlflow.tracking.context.registry import resolve_tags
from mlflow.tracking.fluent import _get_experiment_id

__all__ = ["context_tags", "default_experiment_id", "set_status"]


def default_experiment_id() -> str:
    """Return the id of the experiment that ``mlflow.start_run()`` would use."""
    return str(_get_experiment_id())


def context_tags() -> dict[str, str]:
    """Return the context tags (user, source) that ``mlflow.start_run()`` sets."""
    return dict(resolve_tags())


def set_status(client: MlflowClient, run_id: str, status: str, end: int | None = None) -> None:
    """Set the status of a run, and its end time in milliseconds since the epoch.

    With a tracking server, ``set_terminated`` would print two lines on stdout per trial.
    ``update_run`` does not accept an end time.
    """
    number = RunStatus.from_string(status)
    client._tracking_client.store.update_run_info(run_id, number, end, None)
