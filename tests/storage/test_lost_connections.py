"""A study goes on after lost connections: trials are claimed, and results written, once."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tuneplug import Float, LostConnectionError, Study
from tuneplug.storage import SharedStorage, SqliteStorage
from tuneplug.strategies import RandomSearch

SPACE = {"x": Float(0.0, 1.0)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


class LosesConnections(SharedStorage):
    """A SQLite storage whose next durable transactions lose their connection, as ``lost`` says."""

    name = "loses-connections"

    def __init__(self, location=""):
        self.storage, self.lost = SqliteStorage(location), []

    @contextmanager
    def transaction(self, study, *, durable=True):
        lost = self.lost.pop(0) if self.lost and durable else None
        with self.storage.transaction(study, durable=durable) as transaction:
            yield transaction
            if lost == "before the commit":
                raise LostConnectionError(lost)
        if lost == "after the commit":
            raise LostConnectionError(lost)

    def create(self, study, settings, records=()):
        return self.storage.create(study, settings, records)

    def read(self, study):
        return self.storage.read(study)

    def changes(self, study, since):
        return self.storage.changes(study, since)

    def studies(self):
        return self.storage.studies()

    def delete(self, study):
        self.storage.delete(study)

    def rename(self, old, new):
        self.storage.rename(old, new)


LOST = ["before the commit", "after the commit"]


@pytest.mark.parametrize("lost", LOST)
def test_trial_whose_claim_loses_its_connection_is_claimed_once(path, lost):
    storage = LosesConnections(path)
    first, second = (
        Study(SPACE, strategy="random", storage=storage, name="a", seed=seed) for seed in (0, 1)
    )
    first.tell(first.ask(), 0.0)
    storage.lost = [lost, lost]
    trial = first.ask()
    other = second.ask()
    assert (trial.number, other.number) == (1, 2)
    first.tell(trial, 1.0)
    second.tell(other, 2.0)
    assert [record["value"] for record in storage.read("a").records] == [0.0, 1.0, 2.0]
    assert first.trials[1] is trial


@pytest.mark.parametrize("lost", LOST)
def test_result_whose_write_loses_its_connection_is_written_once(path, lost):
    storage = LosesConnections(path)
    run = Study(SPACE, strategy="random", storage=storage, name="a", seed=0)
    trial = run.ask()
    storage.lost = [lost]
    with pytest.warns(RuntimeWarning, match=f"could not be written; .*{lost}"):
        run.tell(trial, 1.0)
    run.tell(run.ask(), 2.0)
    assert [record["value"] for record in storage.read("a").records] == [1.0, 2.0]


class SuggestsAfter(RandomSearch):
    """Random search that lets another process start a trial after its first suggestion."""

    def __init__(self, call):
        super().__init__()
        self.call = call

    def propose(self, context):
        suggestion = super().propose(context)
        self.call()
        return suggestion


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("n_lost", [0, 1, 3])
def test_configuration_that_another_process_took_is_not_started_again(path, lost, n_lost):
    storage = LosesConnections(path)
    other = Study(SPACE, strategy="random", storage=SqliteStorage(path), name="a", seed=0)
    other.tell(other.ask(), 0.0)
    taken = []

    def take():
        taken.append(other.ask())
        storage.lost = [lost] * n_lost

    study = Study(SPACE, strategy=SuggestsAfter(take), storage=storage, name="a", seed=0)
    trial = study.ask()
    assert len(taken) == 1
    assert (taken[0].number, trial.number) == (1, 2)
    assert trial.params != taken[0].params
    assert len(storage.read("a").records) == 3
