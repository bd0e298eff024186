"""The benchmark of observers runs the same study bare and with each of them."""

from __future__ import annotations

import observers
import pytest


# SQLAlchemy 2.1 on what MLflow 3.17 asks of it
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_each_observer_is_timed_and_stays_attached(tmp_path, recwarn, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow makes ./mlruns
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    found = observers.makers(str(tmp_path), None)
    assert list(found) == [
        "bare",
        "storage, SQLite",
        "rich",
        "Optuna's storage, SQLite",
        "MLflow, SQLite",
    ]
    for make in found.values():
        assert observers.seconds(make, 2, 3) > 0
    assert (tmp_path / "mlflow.db").exists()
    assert [w for w in recwarn if "detached" in str(w.message)] == []
