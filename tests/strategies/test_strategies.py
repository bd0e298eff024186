"""What every strategy does, then what each does alone."""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from threadpoolctl import threadpool_info, threadpool_limits

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceExhausted, Study, TrialState
from tuneplug.strategies import BayesianSearch, Context, GridSearch, RandomSearch
from tuneplug.strategies.bayesian import _fit_model
from tuneplug.surrogate import fitting
from tuneplug.surrogate.acquisition_optimizer import maximize
from tuneplug.trial import History, Trial

STRATEGIES = [
    BayesianSearch(),
    BayesianSearch(warping=False),
    BayesianSearch(inference="mcmc"),
    RandomSearch(),
    GridSearch(levels=4),
]
MIXED = {
    "x": Float(-1.0, 1.0),
    "C": Float(1e-3, 1e3),
    "n": Int(1, 50),
    "kind": Categorical(["a", "b", None]),
    "rate": Float(0.1, 0.9, when={"kind": ["b"]}),
    "constant": Int(7, 7),
}
FINITE = {"n": Int(1, 4), "kind": ["a", "b"], "sub": Categorical([0.5, "x"], when={"kind": ["a"]})}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    """The published number of slice sampling steps takes too long for every test."""
    few = functools.partial(fitting.sample_hyperparameters, n=12, burn_in=4, thin=4)
    monkeypatch.setattr(fitting, "sample_hyperparameters", few)


def forget():
    fitting.clear_cache()


def mixed_loss(trial):
    p = trial.params
    return p["x"] ** 2 + math.log10(p["C"]) ** 2 + (p["kind"] != "b") + p.get("rate", 0.0)


def by_name(strategy):
    marks = [] if getattr(strategy, "warping", True) else ["unwarped"]
    marks += ["mcmc"] if getattr(strategy, "inference", "map") == "mcmc" else []
    return "-".join([strategy.name, *marks])


@pytest.mark.parametrize("strategy", STRATEGIES, ids=by_name)
def test_suggestions_are_configurations_of_the_space_and_none_repeats(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    study.optimize(mixed_loss, 16)
    for trial in study.trials:
        assert study.space.canonical(trial.params) == trial.params
        assert ("rate" in trial.params) == (trial.params["kind"] == "b")
        assert trial.params["constant"] == 7
    assert len({repr(sorted(t.params.items(), key=str)) for t in study.trials}) == 16


@pytest.mark.parametrize("strategy", STRATEGIES, ids=by_name)
def test_a_finite_space_is_tried_whole_and_then_exhausted(strategy):
    study = Study(FINITE, strategy=strategy, seed=0)
    configurations = set()
    for _ in range(12):  # 4 * (2 + 1): sub is only there for kind "a"
        trial = study.ask()
        configurations.add(tuple(trial.params.items()))
        study.tell(trial, trial.params["n"])
    assert len(configurations) == 12
    with pytest.raises(SpaceExhausted, match=r"each of (its|the grid's) 12 configurations"):
        study.ask()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=by_name)
def test_running_trials_are_not_suggested_again(strategy):
    study = Study(FINITE, strategy=strategy, seed=1)
    for _ in range(4):
        study.tell(study.ask(), 1.0)
    running = [study.ask() for _ in range(8)]
    assert len({tuple(t.params.items()) for t in running}) == 8


@pytest.mark.parametrize("strategy", STRATEGIES, ids=by_name)
def test_a_batch_is_of_different_configurations(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    study.optimize(mixed_loss, 8)
    batch = strategy.suggest(study._context(), 5)
    units = np.array([study.space.encode(s.params) for s in batch])
    assert len(np.unique(units, axis=0)) == 5


@pytest.mark.parametrize("strategy", STRATEGIES, ids=by_name)
def test_a_batch_of_a_nearly_exhausted_space_is_what_is_left(strategy):
    study = Study({"k": [1, 2, 3, 4, 5]}, strategy=strategy, seed=0)
    study.optimize(lambda trial: trial.params["k"], 3)
    assert len(strategy.suggest(study._context(), 10)) == 2


@pytest.mark.parametrize("strategy", STRATEGIES, ids=by_name)
def test_a_space_of_constants_has_one_configuration(strategy):
    study = Study({"a": Float(2, 2), "b": ["only"]}, strategy=strategy)
    assert study.ask().params == {"a": 2.0, "b": "only"}
    with pytest.raises(SpaceExhausted):
        study.ask()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=by_name)
def test_failures_alone_do_not_stop_suggestions(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    for _ in range(9):
        study.fail(study.ask(), "no luck")
    assert {t.state for t in study.trials} == {TrialState.FAILED}
    more = [study.ask() for _ in range(4)]
    assert [t.number for t in more] == [9, 10, 11, 12]
    configurations = [repr(sorted(t.params.items(), key=str)) for t in study.trials]
    assert len(set(configurations)) == 13


# --------------------------------------------------------------------- random search


def test_random_search_draws_exactly_from_the_declared_scales():
    space = {"C": Float(1e-2, 1e2), "x": Float(0, 3, "linear"), "e": stats.expon(scale=5)}
    study = Study(space, strategy=RandomSearch(), seed=0)
    study.optimize(lambda trial: 0.0, 400)
    for name, law in [
        ("C", stats.loguniform(1e-2, 1e2)),
        ("x", stats.uniform(0, 3)),
        ("e", stats.expon(scale=5)),
    ]:
        values = [t.params[name] for t in study.trials]
        assert stats.kstest(values, law.cdf).pvalue > 0.01  # one fixed seed, three laws


def test_random_search_draws_do_not_depend_on_results():
    first, second = (Study(MIXED, strategy="random", seed=2) for _ in range(2))
    first.optimize(mixed_loss, 6)
    second.optimize(lambda trial: -mixed_loss(trial), 6)
    assert [t.params for t in first.trials] == [t.params for t in second.trials]


def test_random_search_may_repeat_where_it_is_told_so():
    study = Study({"k": [1, 2, 3]}, strategy=RandomSearch(allow_repeats=True), seed=0)
    study.optimize(lambda trial: 0.0, 40)
    counts = np.bincount([t.params["k"] for t in study.trials])[1:]
    assert counts.sum() == 40
    assert counts.min() > 0


def test_random_search_goes_on_in_a_distribution_that_concentrates_on_few_values():
    study = Study({"k": stats.poisson(2)}, strategy="random", seed=0)
    study.optimize(lambda trial: 0.0, 12)
    assert len({trial.params["k"] for trial in study.trials}) == 12


def test_a_wide_distribution_with_little_mass_is_not_listed_whole():
    space = SearchSpace({"k": stats.binom(10**7, 1e-7)})
    assert space.size < 20
    assert 0 in [params["k"] for params in space.sample(50, np.random.default_rng(0))]


# --------------------------------------------------------------------- grid search


def test_grid_search_goes_through_lists_in_the_order_of_the_names():
    lists = [{"b": [3, 1, 2], "a": ["x", "y"]}, {"c": [None, "z"]}]
    study = Study(lists, strategy="grid")
    study.optimize(lambda trial: 0.0, 8)
    numbers = [{"a": a, "b": b} for a in ("x", "y") for b in (3, 1, 2)]
    assert [t.params for t in study.trials] == [*numbers, {"c": None}, {"c": "z"}]


def test_grid_search_spreads_levels_over_a_range_on_its_scale():
    study = Study({"C": Float(1e-2, 1e2), "n": Int(1, 3)}, strategy=GridSearch(levels=5))
    study.optimize(lambda trial: 0.0, 15)
    values = sorted({t.params["C"] for t in study.trials})
    np.testing.assert_allclose(values, [1e-2, 1e-1, 1, 1e1, 1e2])
    assert {t.params["n"] for t in study.trials} == {1, 2, 3}


# --------------------------------------------------------------------- Bayesian search


def test_the_design_comes_first_and_the_model_guides_at_least_half_of_ten():
    study = Study(MIXED, seed=0)
    study.optimize(mixed_loss, 10)
    origins = [t.origin for t in study.trials]
    assert origins == ["design"] * 5 + ["model"] * 5


def test_the_design_ends_where_the_model_predicts_well():
    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: math.sin(3 * trial.params["x"]), 30)
    assert [t.origin for t in study.trials].count("design") == 5


def test_a_given_size_of_the_design_is_kept():
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy=BayesianSearch(n_initial=3))
    study.optimize(lambda trial: float(trial.number % 3), 12)
    assert [t.origin for t in study.trials] == ["design"] * 3 + ["model"] * 9


def test_the_design_is_spread_over_every_range():
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy=BayesianSearch(n_initial=16))
    units = np.array([study.ask().point for _ in range(16)])
    for column in units.T:  # a Sobol sequence of 16 has one point in each sixteenth
        assert sorted(np.floor(column * 16).astype(int)) == list(range(16))


def test_every_sub_space_of_a_list_is_in_the_design():
    branches = [{"kind": [k], "x": Float(0, 1)} for k in "abcdefg"]
    study = Study(branches, seed=0)
    study.optimize(lambda trial: trial.params["x"], 14)
    design = [t for t in study.trials if t.origin == "design"]
    assert {t.params["kind"] for t in design} == set("abcdefg")
    assert len(design) == 7


def test_bayesian_search_beats_random_search_on_a_mis_scaled_bowl():
    def loss(trial):  # a bowl on a log scale, declared linear
        return sum((math.log10(v) + 4) ** 2 for v in trial.params.values())

    space = {name: Float(1e-8, 1.0, "linear") for name in "abc"}
    finals = {}
    for strategy in ("bayesian", "random"):
        best = []
        for seed in range(3):
            study = Study(space, strategy=strategy, seed=seed)
            study.optimize(loss, 40)
            best.append(study.best_value)
        finals[strategy] = np.mean(best)
    assert finals["bayesian"] < 0.5 * finals["random"]


def test_bayesian_search_finds_the_right_choice_and_its_conditional_parameter():
    def loss(trial):
        p = trial.params
        return 1.0 if p["kind"] != "b" else abs(p["rate"] - 0.3)

    study = Study({k: MIXED[k] for k in ("kind", "rate")}, seed=0)
    study.optimize(loss, 25)
    assert study.best_params["kind"] == "b"
    assert study.best_value < 0.05


def test_a_distribution_without_ends_is_searched_by_the_model_between_its_quantiles():
    study = Study({"x": stats.norm(0, 1)}, seed=0)
    study.optimize(lambda trial: -trial.params["x"], 15)
    top = stats.norm.ppf(0.999)
    assert study.best_params["x"] == pytest.approx(-top) or study.best_params["x"] <= top
    assert max(t.params["x"] for t in study.trials) == pytest.approx(top)


def test_a_failed_region_is_avoided():
    def loss(trial):
        if trial.params["x"] > 0.6:
            raise MemoryError("too large")
        return -trial.params["x"]

    far = 0
    for seed in range(5):
        study = Study({"x": Float(0, 1)}, seed=seed)
        study.optimize(loss, 25)
        # The best configuration is the last before the edge: failures close by are probes of the
        # edge.
        far += sum(trial.params["x"] > 0.65 for trial in study.trials[5:])
        assert study.best_value < -0.59
    assert far <= 20  # of 100; 35 at random, and some once nothing else is worth trying


def n_failed(trials):
    return sum(t.state is TrialState.FAILED for t in trials)


@pytest.mark.parametrize(("best_x", "share"), [(0.3, 0.6), (0.55, 1.25)])
def test_where_half_of_the_cube_fails_few_trials_fail(best_x, share):
    """The best configuration is clear of the half that fails; or beyond its edge, which must be
    found."""

    def loss(trial):
        p = trial.params
        if p["x"] > 0.5:
            raise MemoryError("too large")
        return (p["x"] - best_x) ** 2 + (p["y"] - 0.4) ** 2

    counts, finals = {}, {}
    for strategy in ("bayesian", "random"):
        studies = [
            Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy=strategy, seed=seed)
            for seed in range(3)
        ]
        for study in studies:
            study.optimize(loss, 40)
        counts[strategy] = np.mean([n_failed(study.trials) for study in studies])
        finals[strategy] = np.mean([study.best_value for study in studies])
    assert counts["random"] == pytest.approx(20, abs=5)
    assert counts["bayesian"] < share * counts["random"]
    assert finals["bayesian"] < 0.5 * finals["random"]


@pytest.mark.parametrize("seed", range(3))
def test_a_single_failure_next_to_the_best_configuration_does_not_rule_it_out(seed):
    failed = []

    def loss(trial):
        distance = max(abs(trial.params["x"] - 0.3), abs(trial.params["y"] - 0.7))
        if not failed and distance < 0.1:
            failed.append(trial.number)
            raise ConnectionError("the cluster was down")
        return distance**2

    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, seed=seed)
    study.optimize(loss, 40)
    assert len(failed) == 1
    assert study.best_value < 0.03**2


@pytest.mark.parametrize("strategy", STRATEGIES[:3], ids=by_name)
def test_one_finished_trial_among_failures_is_no_trouble(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    for number in range(9):
        trial = study.ask()
        if number == 4:
            study.tell(trial, 1.0)
        else:
            study.fail(trial, "no luck")
    assert study.space.canonical(study.ask().params)


def test_a_noisy_objective_may_try_a_configuration_again():
    rng = np.random.default_rng(0)
    strategy = BayesianSearch(allow_repeats=True)
    study = Study({"k": list(range(6))}, strategy=strategy, seed=0)
    study.optimize(lambda trial: (trial.params["k"] - 2) ** 2 + rng.normal(), 20)
    assert len(study.trials) == 20


def test_equal_losses_everywhere_are_searched_on():
    study = Study(MIXED, seed=0)
    study.optimize(lambda trial: 1.0, 12)
    assert len(study.trials) == 12


def test_a_huge_loss_does_not_spoil_the_search():
    def loss(trial):
        return 1e30 if trial.number == 2 else (trial.params["x"] - 0.3) ** 2

    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(loss, 20)
    assert study.best_value < 1e-3  # within 0.03 of the best x


def test_blas_threads_are_limited_while_suggesting_and_restored_after():
    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: trial.params["x"], 6)
    with threadpool_limits(2, user_api="blas"):
        before = [pool["num_threads"] for pool in threadpool_info()]
        study.ask()
        assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_suggestions_are_the_same_in_another_process():
    code = (
        "from tuneplug import Float, Int, Study\n"
        "s = Study({'x': Float(0, 1), 'n': Int(1, 99)}, seed=4)\n"
        "s.optimize(lambda t: (t.params['x'] - .3) ** 2 + t.params['n'], 9)\n"
        "print([t.params for t in s.trials])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert runs[0] == runs[1] != ""


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_a_value_told_with_variance_is_trusted_less(inference):
    def suggestion(variance):
        strategy = BayesianSearch(n_initial=5, inference=inference)
        study = Study({"x": Float(0, 1)}, strategy=strategy, seed=0)
        for number, x in enumerate((0.1, 0.3, 0.5, 0.7, 0.9)):
            study.enqueue({"x": x})
            trial = study.ask()
            # all on a line but the one in the middle, which is either exact or hardly known
            study.tell(trial, -2.0 if number == 2 else x, variance=variance if number == 2 else 0.0)
        return study.ask().params["x"]

    assert abs(suggestion(0.0) - 0.5) < 0.15
    assert abs(suggestion(1e4) - 0.5) > 0.25


def test_a_variance_of_zero_is_the_same_as_none():
    studies = [Study(MIXED, seed=0) for _ in range(2)]
    for study, variance in zip(studies, (None, 0.0), strict=True):
        for _ in range(8):
            trial = study.ask()
            study.tell(trial, mixed_loss(trial), variance=variance)
    assert studies[0].ask().params == studies[1].ask().params


# --------------------------------------------------------------------- batches and replays


def least_distance(rows):
    apart = np.linalg.norm(rows[:, None] - rows[None, :], axis=2)
    return apart[np.triu_indices(len(rows), 1)].min()


def told_study(strategy, n, **options):
    """A study of which n trials, spread over the square, have been told a bowl's value."""
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy=strategy, seed=0, **options)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, (trial.params["x"] - 0.4) ** 2 + (trial.params["y"] - 0.7) ** 2)
    return study


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_a_batch_is_spread(inference):
    """Eight suggestions at once lie apart; the eight best of what is known now do not."""
    strategy = BayesianSearch(n_initial=10, inference=inference)
    study = told_study(strategy, 10)
    context = study._context()
    batch = np.array([study.space.encode(s.params) for s in strategy.suggest(context, 8)])

    score = _fit_model(strategy._training_data(context), context).acquisition(
        np.empty((0, 2)), context.rng(0)
    )
    taken, greedy = context.tried_keys(), []
    for number in range(8):
        greedy.append(maximize(score, study.space, taken, context.rng(number)))
        taken.update(study.space.keys(greedy[-1]))
    assert least_distance(batch) > 0.005
    assert least_distance(batch) > 5 * least_distance(np.array(greedy))


def test_asking_one_by_one_is_asking_for_a_batch():
    strategy = BayesianSearch(n_initial=10)
    study = told_study(strategy, 10)
    batch = strategy.suggest(study._context(), 4)
    asked = [study.ask().params for _ in range(4)]
    assert asked == [s.params for s in batch]


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_the_same_seed_gives_the_same_trials_whatever_is_running(inference):
    def run(seed):
        study, running = Study(MIXED, strategy=BayesianSearch(inference=inference), seed=seed), []
        for _ in range(14):
            running.append(study.ask())
            if len(running) == 3:
                trial = running.pop(1)
                study.tell(trial, mixed_loss(trial))
        forget()
        return [t.params for t in study.trials]

    assert run(0) == run(0) != run(1)


@pytest.mark.parametrize(("n", "inference"), [(6, "map"), (35, "map"), (9, "mcmc")])
def test_a_study_rebuilt_from_the_history_of_another_goes_on_alike(n, inference):
    strategy = BayesianSearch(inference=inference)
    study = Study(MIXED, strategy=strategy, seed=3, n_trials=n + 1)
    for number in range(n):
        trial = study.ask()
        if number % 7 == 3:
            study.fail(trial, "no luck")
        else:
            study.tell(trial, mixed_loss(trial), variance=0.01 * (number % 2))
    forget()
    replay = Study(MIXED, strategy=BayesianSearch(inference=inference), seed=3, n_trials=n + 1)
    for trial in study.trials:
        replay.enqueue(trial.params)
        again = replay.ask()
        assert again.params == trial.params
        if trial.state is TrialState.FAILED:
            replay.fail(again, trial.error)
        else:
            replay.tell(again, trial.value, variance=trial.variance)
    assert replay.ask().params == study.ask().params


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_thousands_of_trials_are_learned_from(inference):
    space, n = SearchSpace(MIXED), 1100
    rows = space.snap(np.random.default_rng(0).random((n, space.n_dimensions)))
    trials = [Trial(i, space.decode(row), row) for i, row in enumerate(rows)]
    for trial in trials:
        trial.state, trial.value = TrialState.COMPLETE, mixed_loss(trial)
    strategy = BayesianSearch(inference=inference)
    (suggestion,) = strategy.suggest(Context(space, History(trials), None, 0), 1)
    assert suggestion.origin == "model"
    values = sorted(trial.value for trial in trials)
    trial = Trial(n, suggestion.params, space.encode(suggestion.params))
    assert mixed_loss(trial) < values[n // 20]


def test_every_draw_of_the_posterior_is_used(monkeypatch):
    """The number of draws is that of the published engine, unless a test says otherwise."""
    monkeypatch.undo()
    study = told_study(BayesianSearch(inference="mcmc", n_initial=6), 6)
    score = _fit_model(
        study.strategy._training_data(study._context()), study._context()
    ).acquisition(np.array([[0.5, 0.5]]), np.random.default_rng(0))
    assert len(score.gps) == (fitting.SLICE_STEPS - fitting.BURN_IN) / fitting.THIN
    assert len(study.strategy.suggest(study._context(), 1)) == 1


@pytest.mark.parametrize(
    ("strategy", "arguments", "match"),
    [
        (BayesianSearch, {"n_initial": 2.5}, "n_initial must be an integer of at least 1"),
        (BayesianSearch, {"n_initial": 0}, "n_initial must be an integer of at least 1"),
        (
            BayesianSearch,
            {"inference": "nuts"},
            r"inference must be one of \['map', 'mcmc'\], but got 'nuts'",
        ),
        (GridSearch, {"levels": 0}, "levels must be an integer of at least 1"),
    ],
)
def test_bad_arguments_of_a_strategy_are_named(strategy, arguments, match):
    with pytest.raises(ValueError, match=match):
        strategy(**arguments)


@pytest.mark.parametrize("d", [1, 2, 12])
def test_the_number_of_dimensions_may_be_small_or_large(d):
    study = Study(SearchSpace({f"x{i}": Float(0, 1) for i in range(d)}), seed=0)
    study.optimize(lambda trial: sum(trial.params.values()), 12)
    values = [t.value for t in study.trials]
    assert min(values[5:]) < min(values[:5])
