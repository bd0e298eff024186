"""A stored study is loaded by its name: with its space, direction and seed."""

from __future__ import annotations

import pytest

from tuneplug import Float, Int, SearchSpace, SpaceError, StorageError, Study
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.space import Scaling
from tuneplug.storage import MemoryStorage, SqliteStorage

PLUGINS = Plugins(installed=False)
OPTIONS = {"strategy": "random", "plugins": PLUGINS}
SPACE = {"x": Float(1e-3, 1.0), "kind": ["a", (1, 2)], "n": Int(1, 9, when={"kind": [(1, 2)]})}


class Model:
    def __init__(self, depth):
        self.depth = depth

    def __repr__(self):
        return f"Model({self.depth})"


def objective(trial):
    return float(trial.number)


def run(storage, space=SPACE, n_trials=4, **options):
    study = Study(space, storage=storage, name="a", seed=3, **(OPTIONS | options))
    study.optimize(objective, n_trials)
    return study


@pytest.fixture
def storage(tmp_path):
    return SqliteStorage(tmp_path / "study.db")


def test_a_loaded_study_goes_on_as_the_one_that_was_never_interrupted(storage):
    run(storage)
    loaded = Study.load(storage, "a", **OPTIONS)
    loaded.optimize(objective, 4)
    whole = Study(SPACE, seed=3, **OPTIONS)
    whole.optimize(objective, 8)
    assert [t.params for t in loaded.trials] == [t.params for t in whole.trials]
    assert repr(loaded.space) == repr(whole.space)


def test_a_study_whose_ranges_were_widened_is_loaded_with_the_wider_ones(storage):
    run(storage)
    wider = {**SPACE, "x": Float(1e-6, 10.0)}
    run(storage, space=wider)
    assert repr(Study.load(storage, "a", **OPTIONS).space) == repr(SearchSpace(wider))


def test_the_direction_is_the_stored_one(storage):
    run(storage, direction="maximize")
    assert Study.load(storage, "a", **OPTIONS).best_value == 3.0
    with pytest.raises(ValueError, match="must be resumed with direction='maximize'"):
        Study.load(storage, "a", direction="minimize", **OPTIONS)


def test_a_storage_is_given_by_url_and_loading_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("sqlite:///study.db")
    before = (tmp_path / "study.db").read_bytes()
    assert len(Study.load("sqlite:///study.db", "a", **OPTIONS).trials) == 4
    assert (tmp_path / "study.db").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["study.db"]


def test_a_study_that_is_not_there_is_named_and_not_created(storage):
    run(storage)
    with pytest.raises(StorageError, match="has no 'ab', only 'a'"):
        Study.load(storage, "ab", **OPTIONS)
    assert storage.studies() == ["a"]


def test_objects_are_named_and_given_with_space(storage):
    models = [Model(1), Model(2)]
    space = {"model": models, "depth": Int(1, 9, when={"model": [models[1]]}), "x": Float(0, 1)}
    first = run(storage, space)
    with pytest.raises(SpaceError, match=r"study 'a'.*\n.*model: the categories Model\(1\), Mo"):
        Study.load(storage, "a", **OPTIONS)
    loaded = Study.load(storage, "a", space={"model": models}, **OPTIONS)
    assert [t.proposed_params for t in loaded.trials] == [t.proposed_params for t in first.trials]


@pytest.mark.parametrize("whole", [dict, SearchSpace, lambda space: [space]])
def test_a_whole_space_takes_the_place_of_the_stored_one(storage, whole):
    run(storage)
    wider = whole(SPACE | {"x": Float(1e-4, 10.0)})
    assert Study.load(storage, "a", space=wider, **OPTIONS).space.subspaces[0]["x"].high == 10.0


def test_the_scaling_of_a_plugin_is_found_by_its_name(storage):
    class Cube(Scaling):
        name = "cube"

        def forward(self, x):
            return x**3

        def inverse(self, t):
            return t ** (1 / 3)

    class Cubes:
        @hookimpl
        def tuneplug_scalings(self):
            return Cube

    run(storage, {"x": Float(1, 9, Cube())})
    with pytest.raises(SpaceError, match="x: the scaling 'cube', which no plugin registers"):
        Study.load(storage, "a", **OPTIONS)
    plugins = Plugins(installed=False)
    plugins.register(Cubes())
    loaded = Study.load(storage, "a", **(OPTIONS | {"plugins": plugins}))
    assert isinstance(loaded.space.subspaces[0]["x"].scaling, Cube)


def test_a_study_of_an_earlier_version_needs_its_space():
    storage = MemoryStorage()
    storage.open("a", {"direction": "maximize", "seed": 5})
    with pytest.raises(StorageError, match=r"stored without one.*give space="):
        Study.load(storage, "a", **OPTIONS)
    assert Study.load(storage, "a", space=SPACE, **OPTIONS).direction == "maximize"
    assert Study(SPACE, storage=storage, name="a", direction="maximize", **OPTIONS).seed == 5


def with_settings(settings):
    """Return a storage with the trials of a study, and other settings."""
    whole, storage = MemoryStorage(), MemoryStorage()
    run(whole)
    storage.open("a", settings)
    for record in whole.open("a", {}).records:
        storage.add("a", record)
    return storage


@pytest.mark.parametrize("space", [{}, {"version": 9, "subspaces": [[]]}, {"version": 1}])
def test_a_damaged_space_is_an_error_unless_another_is_given(space):
    storage = with_settings({"direction": "minimize", "seed": 3, "space": space})
    with pytest.raises(StorageError, match=r"the space of study 'a' in .* cannot be used"):
        Study.load(storage, "a", **OPTIONS)
    assert len(Study.load(storage, "a", space=SearchSpace(SPACE), **OPTIONS).trials) == 4
    assert len(Study(SPACE, storage=storage, name="a", **OPTIONS).trials) == 4


@pytest.mark.parametrize("settings", [{"direction": "up", "seed": 1}, {}, {"space": 3}])
def test_damaged_settings_are_an_error(settings):
    with pytest.raises(StorageError, match="the settings of study 'a'"):
        Study.load(with_settings(settings), "a", space=SPACE, **OPTIONS)
