"""Test ``OptunaStrategy`` in tuneplug studies."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
import warnings

import numpy as np
import optuna
import pytest
from optuna.samplers import (
    BaseSampler,
    BruteForceSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from scipy.stats import norm

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceExhausted, Study
from tuneplug.testing import StrategyContract
from tuneplug_optuna import OptunaStrategy

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="Optuna's GPSampler needs torch"
)
needs_cmaes = pytest.mark.skipif(
    importlib.util.find_spec("cmaes") is None, reason="Optuna's CmaEsSampler needs cmaes"
)


def without_warning(make):
    """Make an experimental sampler without Optuna's warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return make()


class TestTPE(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return OptunaStrategy(TPESampler(n_startup_trials=4))


class TestMultivariateTPE(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return without_warning(
            lambda: OptunaStrategy(
                TPESampler(n_startup_trials=4, multivariate=True, constant_liar=True)
            )
        )


class TestRandom(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return OptunaStrategy(RandomSampler())


@needs_torch
@pytest.mark.slow
class TestGP(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return OptunaStrategy(GPSampler(n_startup_trials=4))


class TestNSGAII(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return OptunaStrategy(NSGAIISampler(population_size=4))


class TestQMC(StrategyContract):
    @pytest.fixture
    def strategy(self):
        return without_warning(lambda: OptunaStrategy(QMCSampler(seed=1, scramble=True)))


class TestBruteForce(StrategyContract):
    space = {"n": Int(1, 9), "kind": ["a", "b", None]}  # noqa: RUF012

    @pytest.fixture
    def strategy(self):
        return without_warning(lambda: OptunaStrategy(BruteForceSampler(seed=0)))


@needs_cmaes
class TestCmaEs(StrategyContract):
    space = {"x": Float(0.0, 1.0), "n": Int(1, 1000, "log")}  # noqa: RUF012

    @pytest.fixture
    def strategy(self):
        return OptunaStrategy(CmaEsSampler(seed=1, n_startup_trials=2))


# ---------------------------------------------------------------------- the study a sampler sees


class Recorder(BaseSampler):
    """Sample at random, and record the trials of the study at each call."""

    seen: dict[int, list[optuna.trial.FrozenTrial]] = {}  # noqa: RUF012

    def __init__(self):
        self.random = RandomSampler()

    def reseed_rng(self):
        self.random.reseed_rng()

    def infer_relative_search_space(self, study, trial):
        type(self).seen[trial.number] = study.get_trials()
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self.random.sample_independent(study, trial, param_name, param_distribution)


def last_seen(study):
    Recorder.seen.clear()
    study.ask()
    return Recorder.seen[max(Recorder.seen)]


def test_a_sampler_sees_trials_as_in_optuna():
    study = Study(
        {"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(Recorder()), direction="maximize", seed=0
    )
    complete, stopped, failed, _running = (study.ask() for _ in range(4))
    complete.report(0.25, 0)
    complete.report(0.5, 3)
    study.tell(complete, 0.75)
    stopped.report(0.1, 0, fold=0)
    stopped.report(0.3, 0, fold=1)
    stopped.reporter.stop_reason = "made to stop"
    study.tell(stopped, 0.2)
    study.fail(failed, "made to fail")
    seen = last_seen(study)[:4]
    assert [t.state.name for t in seen] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [t.params for t in seen] == [t.params for t in study.trials[:4]]
    assert seen[0].value == -0.75  # Optuna minimizes the loss
    assert seen[0].intermediate_values == {0: -0.25, 3: -0.5}
    assert seen[1].intermediate_values == {0: pytest.approx(-0.2)}  # the mean of the folds


def test_results_of_earlier_searches_come_first():
    study = Study({"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(Recorder()), seed=0)
    study.add_observation({"x": 0.125}, 2.0)
    seen = last_seen(study)
    assert seen[0].params == {"x": 0.125}
    assert seen[0].value == 2.0


class Opaque:
    def __repr__(self):
        return "an object"


def test_parameters_have_equivalent_distributions():
    one, two = Opaque(), Opaque()
    space = {
        "linear": Float(0, 2, "linear"),
        "log": Float(1e-4, 1.0),
        "int": Int(2, 12),
        "log_int": Int(1, 1000, "log"),
        "steps": [4, 8, 12],
        "plain": ["a", None, True, 2.5],
        "equal": [1, True, 1.0],
        "objects": [one, two],
        "reverse": Float(0.9, 0.999, "reverse_log"),
        "normal": norm(),
        "constant": ["c"],
    }
    study = Study(space, strategy=OptunaStrategy(Recorder()), seed=0)
    trials = [study.ask() for _ in range(4)]
    seen = last_seen(study)[0]
    kinds = optuna.distributions
    assert seen.distributions == {
        "linear": kinds.FloatDistribution(0, 2),
        "log": kinds.FloatDistribution(1e-4, 1.0, log=True),
        "int": kinds.IntDistribution(2, 12),
        "log_int": kinds.IntDistribution(1, 1000, log=True),
        "steps": kinds.IntDistribution(4, 12, step=4),
        "plain": kinds.CategoricalDistribution(["a", None, True, 2.5]),
        "equal": kinds.CategoricalDistribution(["0: 1", "1: True", "2: 1.0"]),
        "objects": kinds.CategoricalDistribution(["0: an object", "1: an object"]),
        "reverse": kinds.FloatDistribution(0, 1),
        "normal": kinds.FloatDistribution(0.001, 0.999),
    }
    assert {type(trial.params["objects"]) for trial in trials} == {Opaque}
    assert {type(t.params["equal"]) for t in trials} <= {int, bool, float}
    assert {trial.params["constant"] for trial in trials} == {"c"}


def test_conditional_parameters_are_sampled_where_active():
    space = {
        "booster": Categorical(["gbtree", "dart"]),
        "rate_drop": Float(0, 1, when={"booster": ["dart"]}),
    }
    study = Study(space, strategy=OptunaStrategy(Recorder()), seed=0)
    for _ in range(12):
        study.tell(study.ask(), 0.0)
    seen = last_seen(study)
    assert [t.params for t in seen[:12]] == [t.params for t in study.trials[:12]]
    assert {len(trial.params) for trial in seen[:12]} == {1, 2}


def test_sub_spaces_are_a_category_and_share_equal_parameters():
    space = [{"kind": ["a"], "x": Float(0, 1)}, {"kind": ["b"], "x": Float(0, 1), "k": Int(1, 9)}]
    study = Study(space, strategy=OptunaStrategy(TPESampler(n_startup_trials=4)), seed=0)
    study.optimize(lambda trial: trial.params["x"] + (trial.params["kind"] == "a"), 30)
    assert study.best_params["kind"] == "b"
    assert {"a", "b"} == {trial.params["kind"] for trial in study.trials}


def test_sampler_options_use_the_names_and_values_of_the_user():
    grid = {"x": [0.25, 0.5], "kind": ["a", "b"]}
    space = {"x": Float(0.0, 1.0), "kind": ["a", "b"]}
    study = Study(space, strategy=OptunaStrategy(GridSampler(grid, seed=0)), seed=0)
    for _ in range(4):
        study.tell(study.ask(), 0.0)
    tried = {(trial.params["x"], trial.params["kind"]) for trial in study.trials}
    assert tried == {(x, kind) for x in grid["x"] for kind in grid["kind"]}
    with pytest.raises(SpaceExhausted):  # the grid is exhausted, the space is not
        study.ask()


def test_no_configuration_off_the_grid_is_tried_while_its_last_trials_run():
    sampler = GridSampler({"x": [0.25, 0.5, 0.75]}, seed=0)
    study = Study({"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(sampler), seed=0)
    trials = [study.ask() for _ in range(3)]
    assert {trial.params["x"] for trial in trials} == {0.25, 0.5, 0.75}
    for trial in trials:
        with pytest.raises(SpaceExhausted):
            study.ask()
        study.tell(trial, 0.0)


def above_one_half(trial):
    return (trial.params["x"] - 0.5,)


@pytest.mark.filterwarnings("ignore:`constraints_func` has been deprecated:FutureWarning")  # 5.0
def test_constraints_of_a_sampler_are_respected():
    sampler = without_warning(
        lambda: TPESampler(constraints_func=above_one_half, n_startup_trials=5)
    )
    study = Study({"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(sampler), seed=0)
    study.optimize(lambda trial: -trial.params["x"], 25)
    sampled = [trial.params["x"] for trial in study.trials[10:]]
    assert np.mean(sampled) < 0.6  # without the constraint it is near 1


# ---------------------------------------------------------------------- seeds


@pytest.mark.parametrize("own", [None, 1, 2])
def test_random_numbers_depend_on_the_seed_of_the_study_only(own):
    def tried(seed, sampler):
        study = Study({"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(sampler), seed=seed)
        study.optimize(lambda trial: trial.params["x"], 15)
        return [trial.params["x"] for trial in study.trials]

    assert tried(5, TPESampler(seed=own)) == tried(5, TPESampler(seed=7))
    assert tried(5, TPESampler(seed=own)) != tried(6, TPESampler(seed=own))


def test_the_given_sampler_is_unchanged():
    sampler = TPESampler(seed=3)
    before = pickle.dumps(sampler)
    study = Study({"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(sampler), seed=0)
    study.optimize(lambda trial: trial.params["x"], 15)
    assert pickle.dumps(sampler) == before
    assert study.strategy.sampler is sampler


def test_a_random_state_created_while_sampling_is_an_error():
    strategy = without_warning(lambda: OptunaStrategy(BruteForceSampler()))
    study = Study({"n": Int(1, 9)}, strategy=strategy, seed=0)
    with pytest.raises(ValueError, match=r"pass a seed, BruteForceSampler\(seed=0\)"):
        study.ask()


def test_a_sampler_that_cannot_be_pickled_is_an_error():
    class Local(RandomSampler):
        pass

    with pytest.raises(TypeError, match="sampler must be an Optuna sampler that can be pickled"):
        OptunaStrategy(Local())


def test_a_value_that_is_not_a_sampler_is_an_error():
    with pytest.raises(TypeError, match="sampler must be an Optuna sampler, but got 'tpe'"):
        OptunaStrategy("tpe")


def run_with_workers(strategy, n_trials, lag):
    """Return a study whose trials end out of order."""
    study = Study({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}, strategy=strategy, seed=0)
    running = []
    for _ in range(n_trials):
        running.append(study.ask())
        if len(running) == lag:
            trial = running.pop(0 if len(study.trials) % 3 else -1)
            study.tell(trial, (trial.params["x"] - 0.3) ** 2 + trial.params["y"])
    return study


@pytest.mark.parametrize(
    "sampler",
    [
        TPESampler(n_startup_trials=3),
        pytest.param(NSGAIISampler(population_size=4), marks=pytest.mark.slow),
        pytest.param("cmaes", marks=needs_cmaes),
    ],
    ids=["TPE", "NSGAII", "CMA-ES"],
)
def test_a_new_strategy_suggests_the_same_for_parallel_trials(sampler):
    sampler = CmaEsSampler(seed=1, n_startup_trials=2) if sampler == "cmaes" else sampler
    study = run_with_workers(OptunaStrategy(sampler), 25, lag=4)
    context = study._context()
    fresh = OptunaStrategy(sampler).suggest(context, 3)
    assert study.strategy.suggest(context, 3) == fresh
    assert study.strategy.suggest(context, 3) == fresh  # suggest has no side effect


@needs_cmaes
def test_cma_es_learns_from_state_in_trial_attributes():
    """CMA-ES stores its generations as attributes; without them it samples around the center."""
    space = {f"x{k}": Float(0.0, 1.0) for k in range(4)}

    def loss(trial):
        return sum((value - 0.9) ** 2 for value in trial.params.values())

    study = Study(space, strategy=OptunaStrategy(CmaEsSampler(seed=1)), seed=0)
    study.optimize(loss, 120)
    losses = [trial.value for trial in study.trials]
    assert np.mean(losses[-20:]) < 0.25 * np.mean(losses[:20])


def test_a_sequence_continues():
    """QMCSampler stores the number of the next point as an attribute of the study."""
    strategy = without_warning(lambda: OptunaStrategy(QMCSampler(seed=1)))
    study = Study({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}, strategy=strategy, seed=0)
    study.optimize(lambda trial: trial.params["x"], 17)  # one random, then 16 of the sequence
    cells = {(int(4 * t.params["x"]), int(4 * t.params["y"])) for t in study.trials[1:]}
    assert len(cells) == 16


# ---------------------------------------------------------------------- names and output


def test_the_name_optuna_selects_tpe():
    from sklearn.datasets import load_iris
    from sklearn.svm import SVC

    from tuneplug_sklearn import WarpedBayesSearchCV

    assert repr(Study({"x": Float(0, 1)}, strategy="optuna").strategy) == (
        "OptunaStrategy(TPESampler)"
    )
    X, y = load_iris(return_X_y=True)
    space = {"C": Float(1e-3, 1e3), "kernel": ["rbf", "poly"]}
    given = OptunaStrategy(TPESampler(n_startup_trials=4))
    for strategy in ("optuna", given):
        search = WarpedBayesSearchCV(
            SVC(), space, strategy=strategy, n_iter=8, cv=3, random_state=0
        ).fit(X, y)
        assert search.best_score_ > 0.9
    assert {trial.origin for trial in search.study_.trials} == {"TPESampler"}


def test_no_output_is_printed_and_the_verbosity_is_unchanged():
    code = (
        "import optuna; from tuneplug import Float, Study\n"
        "study = Study({'x': Float(0.0, 1.0)}, strategy='optuna', seed=0)\n"
        "study.optimize(lambda trial: trial.params['x'], 12)\n"
        "assert optuna.logging.get_verbosity() == optuna.logging.INFO"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_optuna_distributions_are_converted_and_back():
    kinds = optuna.distributions
    declared = {
        "x": kinds.FloatDistribution(0.1, 10, log=True),
        "n": kinds.IntDistribution(2, 8, step=3),
        "m": kinds.IntDistribution(2, 20, step=3),
    }
    study = Study(declared, strategy=OptunaStrategy(Recorder()), seed=0)
    study.ask()
    seen = last_seen(study)[0].distributions
    assert seen == declared
    assert isinstance(study.space, SearchSpace)


def test_sampler_does_not_learn_from_trials_below_full_fidelity():
    study = Study({"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(Recorder()), seed=0)
    for fidelity in (0.5, 1.0):
        trial = study.ask()
        study.history[trial.number].fidelity = fidelity
        study.tell(trial, trial.params["x"])
    study.ask()
    assert [seen.state.name for seen in last_seen(study)[:2]] == ["FAIL", "COMPLETE"]


# ---------------------------------------------------------------------- constraints of trials


@pytest.mark.skipif(not hasattr(optuna.trial.FrozenTrial, "set_constraint"), reason="Optuna 5")
@pytest.mark.parametrize(
    "sampler",
    [TPESampler(n_startup_trials=5), NSGAIISampler(population_size=8)],
    ids=["TPE", "NSGA"],
)
def test_samplers_use_the_constraints_of_trials(sampler):
    study = Study({"x": Float(0.0, 1.0)}, strategy=OptunaStrategy(sampler), seed=0)
    for _ in range(40):
        trial = study.ask()
        x = trial.params["x"]
        study.tell(trial, -x, constraints=[x - 0.5])
    sampled = [trial.params["x"] for trial in study.trials[20:]]
    assert np.mean(sampled) < 0.6  # without the constraint it is near 1
    assert study.best_params["x"] <= 0.5
