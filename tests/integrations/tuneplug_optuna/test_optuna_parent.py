"""Optuna studies as parents of a warm start."""

import pytest

from tuneplug import Categorical, Float, Int, Study
from tuneplug_optuna import as_parent

optuna = pytest.importorskip("optuna")
pytest.importorskip("pandas")

from optuna.trial import TrialState, create_trial  # noqa: E402

SPACE = {
    "eta": Float(1e-4, 1.0, scaling="log"),
    "depth": Int(2, 12),
    "kind": Categorical(["a", None, True]),
}


def objective(trial):
    eta = trial.suggest_float("eta", 1e-4, 1.0, log=True)
    depth = trial.suggest_int("depth", 2, 12)
    kind = trial.suggest_categorical("kind", ["a", None, True])
    return (eta - 0.1) ** 2 + abs(depth - 6) + (kind != "a")


def finished(direction="minimize", n_trials=20):
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=n_trials)
    return study


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_study_starts_from_an_optuna_study(direction):
    earlier = finished(direction)
    study = Study(SPACE, direction=direction, seed=0, warm_start_from=[as_parent(earlier)])
    assert study.overall_best.value == earlier.best_value
    assert study.overall_best.params == earlier.best_params
    assert type(study.overall_best.params["depth"]) is int
    trial = study.ask()
    assert trial.origin == "model"  # twenty results replace the initial design
    assert trial.params not in [known.params for known in earlier.trials]


def test_the_direction_is_that_of_the_optuna_study():
    earlier = finished("maximize")
    study = Study(SPACE, direction="minimize", seed=0, warm_start_from=[as_parent(earlier)])
    # Losses of a parent are those of its own direction: what was best there is best here.
    assert study.overall_best.params == earlier.best_params
    assert study.overall_best.value == -earlier.best_value


def test_only_complete_trials_count_and_conditional_parameters_may_be_missing():
    earlier = optuna.create_study()
    kinds = optuna.distributions.CategoricalDistribution(["tree", "line"])
    depths = optuna.distributions.IntDistribution(1, 9)
    tree = {"kind": "tree", "depth": 3}, {"kind": kinds, "depth": depths}
    line = {"kind": "line"}, {"kind": kinds}
    for params, distributions in (tree, line):
        earlier.add_trial(create_trial(params=params, distributions=distributions, value=1.0))
    for state in (TrialState.PRUNED, TrialState.FAIL):
        earlier.add_trial(create_trial(params=tree[0], distributions=tree[1], state=state))
    space = {"kind": ["tree", "line"], "depth": Int(1, 9, when={"kind": ["tree"]})}
    (parent,) = Study(space, warm_start_from=[as_parent(earlier)]).parents
    assert len(parent.observations) == 2


def test_constraints_of_the_optuna_study_are_learned():
    earlier = optuna.create_study()
    x = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}
    for value, constraint in ((0.1, 1.0), (0.5, -1.0), (0.7, -2.0)):
        attributes = {"constraints": [constraint]}
        earlier.add_trial(
            create_trial(params={"x": value}, distributions=x, value=value, system_attrs=attributes)
        )
    study = Study({"x": Float(0.0, 1.0)}, seed=0, warm_start_from=[as_parent(earlier)])
    assert study.overall_best.value == 0.5  # 0.1 is infeasible


def test_a_study_that_cannot_be_a_parent_is_refused():
    with pytest.raises(ValueError, match="has none: leave it out"):
        as_parent(optuna.create_study())
    with pytest.raises(ValueError, match="one objective, but this study has 2"):
        as_parent(optuna.create_study(directions=["minimize", "maximize"]))
