"""Test ``TunePlugSampler`` in Optuna studies."""

from __future__ import annotations

import math
import pickle
import sys

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from tuneplug import Float, Study
from tuneplug import TrialState as TunePlugState
from tuneplug.strategies import (
    AsynchronousHyperband,
    GridSearch,
    MultiFidelitySearch,
    RandomSearch,
    Strategy,
    Suggestion,
)
from tuneplug_optuna import TunePlugSampler
from tuneplug_optuna.trials import TrialConverter


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def valley(trial):
    x = trial.suggest_float("x", -5.0, 10.0)
    y = trial.suggest_float("y", 1e-4, 1.0, log=True)
    return valley_at(x, y)


def valley_at(x, y):
    return (x - 2.0) ** 2 + (math.log10(y) + 2.0) ** 2


def run(seed=0, n_trials=25, objective=valley, direction="minimize", **options):
    study = optuna.create_study(sampler=TunePlugSampler(seed=seed, **options), direction=direction)
    study.optimize(objective, n_trials=n_trials)
    return study


class Spy(Strategy):
    """Record the context of each call."""

    name = "spy"

    def __init__(self):
        self.contexts = []

    def suggest(self, context, n):
        self.contexts.append(context)
        return RandomSearch().suggest(context, n)


# ---------------------------------------------------------------------- the search


@pytest.mark.usefixtures("one_thread")
def test_after_the_first_trial_it_samples_as_a_tuneplug_study():
    optuna_study = run(n_trials=15)
    space = {"x": Float(-5.0, 10.0, "linear"), "y": Float(1e-4, 1.0, "log")}
    study = Study(space, seed=0)
    study.enqueue(optuna_study.trials[0].params)
    study.optimize(lambda trial: valley_at(**trial.params), 15)
    assert [t.params for t in optuna_study.trials] == [
        pytest.approx(t.params) for t in study.trials
    ]
    assert [t.origin for t in study.trials].count("model") == 10


@pytest.mark.usefixtures("one_thread")
def test_a_resumed_study_explores_a_plateau_as_a_tuneplug_study(tmp_path):
    """All losses differ, so only expected improvements that did not come show the plateau."""

    def loss(x, number):
        return float(x > 0.3) + 1e-3 * number

    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    for _ in range(2):
        part = optuna.create_study(
            storage=storage, study_name="s", sampler=TunePlugSampler(seed=0), load_if_exists=True
        )
        for _ in range(10):
            trial = part.ask(dict.fromkeys("xy", FloatDistribution(0.0, 1.0)))
            part.tell(trial, loss(trial.params["x"], trial.number))
    space = dict.fromkeys("xy", Float(0.0, 1.0, "linear"))
    study = Study(space, direction="minimize", seed=0)
    study.enqueue(part.trials[0].params)
    for _ in range(20):
        trial = study.ask()
        study.tell(trial, loss(trial.params["x"], trial.number))
    assert [t.params for t in part.trials] == [pytest.approx(t.params) for t in study.trials]
    assert [t.system_attrs["tuneplug:origin"] for t in part.trials[1:]] == [
        t.origin for t in study.trials[1:]
    ]
    assert "exploration" in {t.origin for t in study.trials}
    storage.engine.dispose()


@pytest.mark.usefixtures("one_thread")
def test_maximizing_equals_minimizing_the_negative():
    down = run(n_trials=15)
    up = run(n_trials=15, objective=lambda trial: -valley(trial), direction="maximize")
    assert [t.params for t in up.trials] == [t.params for t in down.trials]


@pytest.mark.usefixtures("one_thread")
def test_the_same_seed_gives_the_same_trials():
    one, two, other = run(n_trials=12), run(n_trials=12), run(1, n_trials=12)
    assert [t.params for t in one.trials] == [t.params for t in two.trials]
    assert one.trials[0].params != other.trials[0].params


@pytest.mark.usefixtures("one_thread")
def test_a_resumed_study_with_a_new_sampler_gives_the_same_trials(tmp_path):
    whole = run(n_trials=14)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    for _ in range(2):
        part = optuna.create_study(
            storage=storage, study_name="s", sampler=TunePlugSampler(seed=0), load_if_exists=True
        )
        part.optimize(valley, n_trials=7)
    assert [t.params for t in part.trials] == [pytest.approx(t.params) for t in whole.trials]
    storage.engine.dispose()


@pytest.mark.usefixtures("one_thread")
def test_a_pickled_sampler_gives_the_same_trials():
    study = run(n_trials=8)
    copied = pickle.loads(pickle.dumps(study))
    for one in (study, copied):
        one.optimize(valley, n_trials=3)
    assert [t.params for t in copied.trials] == [t.params for t in study.trials]


def test_one_sampler_serves_several_studies():
    sampler = TunePlugSampler(seed=0, strategy=(spy := Spy()))
    for offset in (0.0, 100.0):
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial, offset=offset: valley(trial) + offset, n_trials=4)
    values = [trial.value for trial in spy.contexts[-1].history]
    assert values == [trial.value for trial in study.trials[:3]]
    assert min(values) >= 100.0


def test_studies_of_the_same_name_are_distinguished():
    sampler = TunePlugSampler(seed=0, strategy=(spy := Spy()))
    for offset in (0.0, 100.0):
        study = optuna.create_study(sampler=sampler, study_name="again")
        study.optimize(lambda trial, offset=offset: valley(trial) + offset, n_trials=4)
    assert [trial.value for trial in spy.contexts[-1].history] == [
        trial.value for trial in study.trials[:3]
    ]
    assert study.trials[0].params == run(n_trials=1).trials[0].params


def test_hyperband_brackets_share_trials_and_repeat_no_configuration():
    sampler = TunePlugSampler(seed=0, strategy=(spy := Spy()))
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9)
    study = optuna.create_study(sampler=sampler, pruner=pruner, study_name="brackets")

    def objective(trial):
        x = trial.suggest_int("x", 0, 50)
        for step in range(9):
            trial.report(x + 1.0 / (1 + step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(x)

    study.optimize(objective, n_trials=20)
    assert len(spy.contexts[-1].history) == 19
    assert len({trial.params["x"] for trial in study.trials}) == 20


def test_threads_get_different_configurations():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy="grid"))
    study.enqueue_trial({"k": 0, "kind": "a"})

    def objective(trial):
        return trial.suggest_int("k", 0, 7) + (trial.suggest_categorical("kind", "ab") == "a")

    study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=15, n_jobs=4)
    assert len({(t.params["k"], t.params["kind"]) for t in study.trials}) == 16


def test_an_exhausted_space_is_logged_once_and_sampled_at_random(caplog):
    optuna.logging.enable_propagation()
    study = run(n_trials=9, objective=lambda trial: trial.suggest_int("k", 0, 3))
    optuna.logging.disable_propagation()
    assert {t.params["k"] for t in study.trials[:4]} == {0, 1, 2, 3}
    logged = [r.getMessage() for r in caplog.records]
    (once,) = [message for message in logged if "sampled at random" in message]
    assert once.startswith("space exhausted: each of its 4 configurations was tried or is running.")


# ---------------------------------------------------------------------- the history of the strategy


def history_of(study, spy):
    """Return the history that the strategy gets for the next trial."""
    study.ask().suggest_float("x", 0.0, 1.0)
    return list(spy.contexts[-1].history)


def test_trials_of_every_state_are_converted():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(spy := Spy())))
    complete, pruned, failed, infinite, _ = (study.ask() for _ in range(5))
    trials = (complete, pruned, failed, infinite, _)
    sampled = [trial.suggest_float("x", 0.0, 1.0) for trial in trials]
    study.tell(complete, 1.5)
    pruned.report(3.0, 0)
    pruned.report(2.5, 4)
    study.tell(pruned, state=TrialState.PRUNED)
    study.tell(failed, state=TrialState.FAIL)
    study.tell(infinite, math.inf)
    found = history_of(study, spy)
    assert [t.params["x"] for t in found] == sampled
    assert [t.state.name for t in found] == ["COMPLETE", "STOPPED", "FAILED", "FAILED", "RUNNING"]
    assert [t.value for t in found] == [1.5, 2.5, None, None, None]
    assert [(r.step, r.value) for r in found[1].reports] == [(0, 3.0), (4, 2.5)]
    assert [t.number for t in found] == [0, 1, 2, 3, 4]


def test_a_new_sampler_knows_origin_and_expected_improvement():
    class Promise(Strategy):
        name = "promise"
        allow_repeats = True

        def suggest(self, context, n):
            return [Suggestion({"x": 0.5}, origin="model", expected_improvement=0.25)] * n

    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=Promise()))
    x = {"x": FloatDistribution(0.0, 1.0)}
    for _ in range(2):
        study.tell(study.ask(x), 1.0)
    study.ask(x)
    study.sampler = TunePlugSampler(seed=0, strategy=(spy := Spy()))
    found = [(t.origin, t.expected_improvement) for t in history_of(study, spy)]
    assert found == [("user", None), ("model", 0.25), ("model", 0.25)]


def test_origin_and_expected_improvement_are_read_from_a_mirrored_trial():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(spy := Spy())))
    x = {"x": FloatDistribution(0.0, 1.0)}
    for attributes in (
        {"origin": "design"},
        {"origin": "model", "expected_improvement": 0.5},
        {"origin": 7, "expected_improvement": "much"},
    ):
        study.add_trial(
            create_trial(value=1.0, params={"x": 0.5}, distributions=x, user_attrs=attributes)
        )
    found = [(t.origin, t.expected_improvement) for t in history_of(study, spy)]
    assert found == [("design", None), ("model", 0.5), ("user", None)]


def test_a_running_enqueued_trial_has_the_enqueued_value():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(spy := Spy())))
    space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
    study.tell(study.ask(space), 1.0)
    study.enqueue_trial({"x": 0.125})
    enqueued = study.ask(space).params
    study.ask(space)
    assert spy.contexts[-1].history[1].params == enqueued
    assert enqueued["x"] == 0.125


def test_a_pruned_trial_without_a_value_gets_its_last_finite_report():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(spy := Spy())))
    x = {"x": FloatDistribution(0.0, 1.0)}
    study.add_trial(create_trial(value=1.0, params={"x": 0.5}, distributions=x))
    for reports in ({0: 3.0, 1: 2.0, 2: math.nan}, {}):
        pruned = create_trial(
            state=TrialState.PRUNED,
            params={"x": 0.25},
            distributions=x,
            intermediate_values=reports,
        )
        study.add_trial(pruned)
    assert [t.value for t in history_of(study, spy)] == [1.0, 2.0, None]


def test_pruned_trials_get_an_early_stop_variance():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(spy := Spy())))
    for number in range(4):
        trial = study.ask()
        trial.suggest_float("x", 0.0, 1.0)
        for step in range(4):
            trial.report(10.0 * (4 - step) + number, step)
            if number == 3 and step == 1:
                break
        if number == 3:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, 10.0 + number)
    *_, stopped = history_of(study, spy)
    assert stopped.state is TunePlugState.STOPPED
    assert stopped.variance == pytest.approx(
        np.var([10.0, 11.0, 12.0])
    )  # no other variation was observed


def test_a_new_sampler_gets_the_same_history_for_any_completion_order():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(live := Spy())))
    trials = [study.ask() for _ in range(6)]
    for number, trial in enumerate(trials):
        trial.suggest_float("x", 0.0, 1.0)
        for step in range(2 if number == 4 else 3):
            trial.report(float(number * (3 - step)), step)
    for number in (4, 5, 1, 2, 0, 3):  # 4 is pruned while those before it run
        if number == 4:
            study.tell(trials[number], state=TrialState.PRUNED)
        else:
            study.tell(trials[number], float(number))
        history_of(study, live)
    study.sampler = TunePlugSampler(seed=0, strategy=(fresh := Spy()))
    history_of(study, fresh)
    one, two = (
        [(t.params, t.value, t.variance) for t in spy.contexts[-1].history] for spy in (live, fresh)
    )
    assert one == two[: len(one)]
    assert one[4][2] > 0.0


def test_trials_outside_of_the_space_are_left_out():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(spy := Spy())))
    x = {"x": FloatDistribution(0.0, 1.0)}
    study.add_trial(create_trial(state=TrialState.FAIL))
    study.add_trial(
        create_trial(
            state=TrialState.FAIL, params={"x": 7.0}, distributions={"x": FloatDistribution(0, 9)}
        )
    )
    study.add_trial(create_trial(value=1.0, params={"x": 0.5}, distributions=x))
    assert [t.params for t in history_of(study, spy)] == [{"x": 0.5}]


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(-10.0, 10.0, step=0.001),  # more steps than a Categorical may have
        FloatDistribution(0.0, 0.3, step=0.1),
        IntDistribution(-7, 199_997, step=7),
    ],
    ids=repr,
)
def test_a_range_with_a_step_is_an_integer_number_of_steps(distribution):
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=(spy := Spy())))
    for _ in range(6):
        trial = study.ask({"x": distribution})
        value = trial.params["x"]
        assert distribution.to_external_repr(distribution.to_internal_repr(value)) == value
        steps = (value - distribution.low) / distribution.step
        assert steps == pytest.approx(round(steps), abs=1e-6)
        study.tell(trial, value)
    parameter = spy.contexts[-1].space.dimensions[0]
    assert parameter.low == 0
    assert parameter.size == round((distribution.high - distribution.low) / distribution.step) + 1


def test_a_grid_over_steps_has_the_values_of_optuna():
    study = optuna.create_study(sampler=TunePlugSampler(seed=0, strategy=GridSearch()))
    for _ in range(4):
        study.tell(study.ask({"x": FloatDistribution(0.0, 0.3, step=0.1)}), 0.0)
    assert {t.params["x"] for t in study.trials} == {0.0, 0.1, 0.2, 0.3}


# ---------------------------------------------------------------------- changing spaces


def conditional(trial):
    if trial.suggest_categorical("kind", ["a", "b"]) == "a":
        return trial.suggest_float("x", 0.0, 1.0)
    return trial.suggest_float("y", 0.0, 1.0)


@pytest.mark.parametrize("warn", [True, False])
def test_independent_sampling_is_logged(caplog, warn):
    optuna.logging.enable_propagation()
    study = run(n_trials=12, objective=conditional, warn_independent_sampling=warn)
    optuna.logging.disable_propagation()
    logged = [r.getMessage() for r in caplog.records if "is sampled at random" in r.getMessage()]
    assert bool(logged) is warn
    drawn = [t.params.get("x", t.params.get("y")) for t in study.trials]
    assert len(set(drawn)) == 12
    again = run(n_trials=12, objective=conditional, warn_independent_sampling=False)
    assert [t.params for t in again.trials] == [t.params for t in study.trials]


def test_a_user_defined_strategy_is_used():
    class Corner(Strategy):
        name = "corner"
        allow_repeats = True

        def suggest(self, context, n):
            return [Suggestion(context.space.decode(np.zeros(context.space.n_dimensions)))] * n

    study = run(n_trials=3, strategy=Corner())
    assert [t.params for t in study.trials[1:]] == [{"x": -5.0, "y": 1e-4}] * 2


# ---------------------------------------------------------------------- errors


def test_several_objectives_are_an_error():
    study = optuna.create_study(directions=["minimize"] * 2, sampler=TunePlugSampler(seed=0))
    with pytest.raises(ValueError, match="a study with one objective, but this study has 2"):
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0.0), n_trials=1)


def test_invalid_arguments_are_errors():
    with pytest.raises(ValueError, match="seed must be None or a non-negative integer"):
        TunePlugSampler(seed=-1)
    with pytest.raises(TypeError, match="strategy must be a name or a Strategy, but got 3"):
        TunePlugSampler(strategy=3)
    with pytest.raises(ValueError, match=r"strategy must be one of .* but got 'nope'"):
        TunePlugSampler(strategy="nope")


def test_the_cost_of_a_trial_is_its_duration_or_its_attribute():
    spy = Spy()
    study = optuna.create_study(sampler=TunePlugSampler(strategy=spy, seed=0))
    distributions = {"x": FloatDistribution(0.0, 1.0)}
    for attributes in ({}, {"cost": 2.5}, {"cost": -1.0}, {"cost": "dear"}):
        study.add_trial(
            create_trial(
                value=1.0, params={"x": 0.5}, distributions=distributions, user_attrs=attributes
            )
        )
    study.ask(distributions)
    seconds = study.trials[0].duration.total_seconds()
    assert [t.cost for t in spy.contexts[-1].history] == [seconds, 2.5, None, None]


# ---------------------------------------------------------------------- constraints


def constrained_study(names, n, *, seed=0):
    """Return a study whose constraint has a name for each trial, or None."""
    study = optuna.create_study(sampler=TunePlugSampler(seed=seed))
    for number in range(n):
        trial = study.ask()
        x = trial.suggest_float("x", 0.0, 1.0)
        attributes = {f"constraints:{name}": x - 0.5 for name in names(number)}
        for key, value in attributes.items():
            study._storage.set_trial_system_attr(trial._trial_id, key, value)
        study.tell(trial, -x)
    return study


def test_constraints_of_an_optuna_study_are_learned():
    study = constrained_study(lambda number: ["size"], 20)
    sampled = np.array([trial.params["x"] for trial in study.trials])
    assert sampled[sampled <= 0.5].max() > 0.49
    assert sampled[10:].mean() < 0.65  # without the constraint it is near 1


def test_trials_with_other_constraints_are_warned_of_once(caplog):
    optuna.logging.enable_propagation()
    try:
        study = constrained_study(lambda number: ["a", "b"] if number % 2 else ["a"], 12)
    finally:
        optuna.logging.disable_propagation()
    warned = [r for r in caplog.records if "do not have the same constraints" in r.message]
    assert len(warned) == 1
    assert len(study.trials) == 12


def test_constraints_of_trials_are_ordered_by_their_names():
    converter = TrialConverter({"x": FloatDistribution(0.0, 1.0)})
    values = {f"constraints:{name}": float(name) for name in (10, 2, 1)}
    frozen = create_trial(
        value=1.0,
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0.0, 1.0)},
        system_attrs={**values, "constraints": [math.inf]},
    )
    history = converter.history([frozen], {}, optuna.study.StudyDirection.MINIMIZE)
    assert history[0].constraints == (sys.float_info.max, 1.0, 2.0, 10.0)


@pytest.mark.parametrize("strategy", [AsynchronousHyperband(1, 9), MultiFidelitySearch(1, 9)])
def test_strategies_that_choose_a_resource_are_refused(strategy):
    with pytest.raises(ValueError, match="leave the resource of a trial to Optuna"):
        TunePlugSampler(strategy=strategy)
