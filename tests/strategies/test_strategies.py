"""Behavior that all strategies share, then of each strategy."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hash_seeds import outputs_by_hash_seed
from scipy import stats
from threadpoolctl import threadpool_info, threadpool_limits

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceExhausted, Study, TrialState
from tuneplug.strategies import BayesianSearch, Context, GridSearch, RandomSearch
from tuneplug.strategies.bayesian import fit_model
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
    """Reduce the number of slice sampling steps, which is too slow for tests."""
    few = functools.partial(fitting.sample_hyperparameters, n=12, burn_in=4, thin=4)
    monkeypatch.setattr(fitting, "sample_hyperparameters", few)


def clear_caches():
    fitting.clear_cache()


def mixed_loss(trial):
    p = trial.params
    return p["x"] ** 2 + math.log10(p["C"]) ** 2 + (p["kind"] != "b") + p.get("rate", 0.0)


def strategy_id(strategy):
    marks = [] if getattr(strategy, "warping", True) else ["unwarped"]
    marks += ["mcmc"] if getattr(strategy, "inference", "map") == "mcmc" else []
    return "-".join([strategy.name, *marks])


@pytest.mark.parametrize("strategy", STRATEGIES, ids=strategy_id)
def test_suggestions_are_distinct_configurations_of_the_space(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    study.optimize(mixed_loss, 16)
    for trial in study.trials:
        assert study.space.canonical(trial.params) == trial.params
        assert ("rate" in trial.params) == (trial.params["kind"] == "b")
        assert trial.params["constant"] == 7
    assert len({repr(sorted(t.params.items(), key=str)) for t in study.trials}) == 16


@pytest.mark.parametrize("strategy", STRATEGIES, ids=strategy_id)
def test_finite_space_is_searched_completely_before_space_exhausted(strategy):
    study = Study(FINITE, strategy=strategy, seed=0)
    configurations = set()
    for _ in range(12):  # 4 * (2 + 1): sub is active for kind "a" only
        trial = study.ask()
        configurations.add(tuple(trial.params.items()))
        study.tell(trial, trial.params["n"])
    assert len(configurations) == 12
    with pytest.raises(SpaceExhausted, match=r"each of (its|the grid's) 12 configurations"):
        study.ask()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=strategy_id)
def test_running_trials_are_not_suggested_again(strategy):
    study = Study(FINITE, strategy=strategy, seed=1)
    for _ in range(4):
        study.tell(study.ask(), 1.0)
    running = [study.ask() for _ in range(8)]
    assert len({tuple(t.params.items()) for t in running}) == 8


@pytest.mark.parametrize("strategy", STRATEGIES, ids=strategy_id)
def test_batch_has_distinct_configurations(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    study.optimize(mixed_loss, 8)
    batch = strategy.suggest(study._context(), 5)
    units = np.array([study.space.encode(s.params) for s in batch])
    assert len(np.unique(units, axis=0)) == 5


@pytest.mark.parametrize("strategy", STRATEGIES, ids=strategy_id)
def test_batch_of_a_nearly_exhausted_space_is_the_remaining_configurations(strategy):
    study = Study({"k": [1, 2, 3, 4, 5]}, strategy=strategy, seed=0)
    study.optimize(lambda trial: trial.params["k"], 3)
    assert len(strategy.suggest(study._context(), 10)) == 2


@pytest.mark.parametrize("strategy", STRATEGIES, ids=strategy_id)
def test_space_of_constants_has_one_configuration(strategy):
    study = Study({"a": Float(2, 2), "b": ["only"]}, strategy=strategy)
    assert study.ask().params == {"a": 2.0, "b": "only"}
    with pytest.raises(SpaceExhausted):
        study.ask()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=strategy_id)
def test_strategy_suggests_after_only_failures(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    for _ in range(9):
        study.fail(study.ask(), "no luck")
    assert {t.state for t in study.trials} == {TrialState.FAILED}
    more = [study.ask() for _ in range(4)]
    assert [t.number for t in more] == [9, 10, 11, 12]
    configurations = [repr(sorted(t.params.items(), key=str)) for t in study.trials]
    assert len(set(configurations)) == 13


# --------------------------------------------------------------------- random search


def test_random_search_samples_uniformly_on_the_declared_scales():
    space = {"C": Float(1e-2, 1e2), "x": Float(0, 3, "linear"), "e": stats.expon(scale=5)}
    study = Study(space, strategy=RandomSearch(), seed=0)
    study.optimize(lambda trial: 0.0, 400)
    for name, law in [
        ("C", stats.loguniform(1e-2, 1e2)),
        ("x", stats.uniform(0, 3)),
        ("e", stats.expon(scale=5)),
    ]:
        values = [t.params[name] for t in study.trials]
        assert stats.kstest(values, law.cdf).pvalue > 0.01  # one fixed seed, three distributions


def test_random_search_is_independent_of_results():
    first, second = (Study(MIXED, strategy="random", seed=2) for _ in range(2))
    first.optimize(mixed_loss, 6)
    second.optimize(lambda trial: -mixed_loss(trial), 6)
    assert [t.params for t in first.trials] == [t.params for t in second.trials]


def test_random_search_repeats_configurations_if_allowed():
    study = Study({"k": [1, 2, 3]}, strategy=RandomSearch(allow_repeats=True), seed=0)
    study.optimize(lambda trial: 0.0, 40)
    counts = np.bincount([t.params["k"] for t in study.trials])[1:]
    assert counts.sum() == 40
    assert counts.min() > 0


def test_random_search_finds_untried_values_of_a_concentrated_distribution():
    study = Study({"k": stats.poisson(2)}, strategy="random", seed=0)
    study.optimize(lambda trial: 0.0, 12)
    assert len({trial.params["k"] for trial in study.trials}) == 12


def test_size_of_a_wide_distribution_counts_values_with_mass():
    space = SearchSpace({"k": stats.binom(10**7, 1e-7)})
    assert space.size < 20
    assert 0 in [params["k"] for params in space.sample(50, np.random.default_rng(0))]


# --------------------------------------------------------------------- grid search


def test_grid_search_has_the_order_of_parameter_grid():
    lists = [{"b": [3, 1, 2], "a": ["x", "y"]}, {"c": [None, "z"]}]
    study = Study(lists, strategy="grid")
    study.optimize(lambda trial: 0.0, 8)
    numbers = [{"a": a, "b": b} for a in ("x", "y") for b in (3, 1, 2)]
    assert [t.params for t in study.trials] == [*numbers, {"c": None}, {"c": "z"}]


def test_grid_search_spaces_levels_evenly_on_the_scale():
    study = Study({"C": Float(1e-2, 1e2), "n": Int(1, 3)}, strategy=GridSearch(levels=5))
    study.optimize(lambda trial: 0.0, 15)
    values = sorted({t.params["C"] for t in study.trials})
    np.testing.assert_allclose(values, [1e-2, 1e-1, 1, 1e1, 1e2])
    assert {t.params["n"] for t in study.trials} == {1, 2, 3}


# --------------------------------------------------------------------- Bayesian search


def test_five_of_ten_trials_are_the_design_and_the_model_suggests_the_rest():
    study = Study(MIXED, seed=0)
    study.optimize(mixed_loss, 10)
    origins = [t.origin for t in study.trials]
    assert origins == ["design"] * 5 + ["model"] * 5


def test_default_design_has_five_trials():
    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: math.sin(3 * trial.params["x"]), 30)
    assert [t.origin for t in study.trials].count("design") == 5


def test_n_initial_sets_the_size_of_the_design():
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy=BayesianSearch(n_initial=3))
    study.optimize(lambda trial: trial.params["x"] + trial.params["y"], 12)
    assert [t.origin for t in study.trials] == ["design"] * 3 + ["model"] * 9


def test_design_covers_every_range_evenly():
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy=BayesianSearch(n_initial=16))
    units = np.array([study.ask().point for _ in range(16)])
    for column in units.T:  # a Sobol sequence of 16 has one point in each sixteenth
        assert sorted(np.floor(column * 16).astype(int)) == list(range(16))


def test_design_visits_every_sub_space():
    spaces = [{"kind": [k], "x": Float(0, 1)} for k in "abcdefg"]
    study = Study(spaces, seed=0)
    study.optimize(lambda trial: trial.params["x"], 14)
    design = [t for t in study.trials if t.origin == "design"]
    assert {t.params["kind"] for t in design} == set("abcdefg")
    assert len(design) == 7


def test_bayesian_search_beats_random_search_with_a_wrong_scaling():
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


def test_bayesian_search_finds_the_best_category_and_its_conditional_parameter():
    def loss(trial):
        p = trial.params
        return 1.0 if p["kind"] != "b" else abs(p["rate"] - 0.3)

    study = Study({k: MIXED[k] for k in ("kind", "rate")}, seed=0)
    study.optimize(loss, 25)
    assert study.best_params["kind"] == "b"
    assert study.best_value < 0.05


def test_unbounded_distribution_is_searched_between_its_quantiles():
    study = Study({"x": stats.norm(0, 1)}, seed=0)
    study.optimize(lambda trial: -trial.params["x"], 15)
    top = stats.norm.ppf(0.999)
    assert study.best_params["x"] == pytest.approx(-top) or study.best_params["x"] <= top
    assert max(t.params["x"] for t in study.trials) == pytest.approx(top)


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_model_avoids_a_region_of_failures():
    def loss(trial):
        if trial.params["x"] > 0.6:
            raise MemoryError("too large")
        return -trial.params["x"]

    far = 0
    for seed in range(5):
        study = Study({"x": Float(0, 1)}, seed=seed)
        study.optimize(loss, 25)
        # The optimum is at the boundary of the feasible region: failures close to it are expected.
        far += sum(trial.params["x"] > 0.65 for trial in study.trials[5:])
        assert study.best_value < -0.59
    assert far <= 20  # of 100; random search would have 35


def n_failed(trials):
    return sum(t.state is TrialState.FAILED for t in trials)


@pytest.mark.parametrize(
    ("best_x", "share"), [pytest.param(0.3, 0.6, marks=pytest.mark.slow), (0.55, 1.25)]
)
@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_model_has_fewer_failures_than_random_search_if_half_of_the_cube_fails(best_x, share):
    """The optimum is far from the boundary of the failures, or beyond it in the failing half."""

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


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_single_failure_near_the_optimum_does_not_exclude_it(seed):
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


@pytest.mark.parametrize("strategy", STRATEGIES[:3], ids=strategy_id)
def test_strategy_suggests_after_one_success_among_failures(strategy):
    study = Study(MIXED, strategy=strategy, seed=0)
    for number in range(9):
        trial = study.ask()
        if number == 4:
            study.tell(trial, 1.0)
        else:
            study.fail(trial, "no luck")
    assert study.space.canonical(study.ask().params)


def test_allow_repeats_tries_configurations_again():
    rng = np.random.default_rng(0)
    strategy = BayesianSearch(allow_repeats=True)
    study = Study({"k": list(range(6))}, strategy=strategy, seed=0)
    study.optimize(lambda trial: (trial.params["k"] - 2) ** 2 + rng.normal(), 20)
    assert len(study.trials) == 20


def test_search_continues_if_all_losses_are_equal():
    study = Study(MIXED, seed=0)
    study.optimize(lambda trial: 1.0, 12)
    assert len(study.trials) == 12


def test_search_is_robust_to_a_huge_loss():
    def loss(trial):
        return 1e30 if trial.number == 2 else (trial.params["x"] - 0.3) ** 2

    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(loss, 20)
    assert study.best_value < 1e-3  # within 0.03 of the best x


def test_ask_restores_the_number_of_blas_threads():
    study = Study({"x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: trial.params["x"], 6)
    with threadpool_limits(2, user_api="blas"):
        before = [pool["num_threads"] for pool in threadpool_info()]
        study.ask()
        assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_suggestions_do_not_depend_on_the_hash_seed():
    code = (
        "from tuneplug import Float, Int, Study\n"
        "s = Study({'x': Float(0, 1), 'n': Int(1, 99)}, seed=4)\n"
        "s.optimize(lambda t: (t.params['x'] - .3) ** 2 + t.params['n'], 9)\n"
        "print([t.params for t in s.trials])"
    )
    runs = outputs_by_hash_seed(code)
    assert runs[0] == runs[1] != ""


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_value_with_a_variance_has_less_weight(inference):
    def suggestion(variance):
        strategy = BayesianSearch(n_initial=5, inference=inference)
        study = Study({"x": Float(0, 1)}, strategy=strategy, seed=0)
        for number, x in enumerate((0.1, 0.3, 0.5, 0.7, 0.9)):
            study.enqueue({"x": x})
            trial = study.ask()
            # all values are on a line, except the middle one, which is exact or very uncertain
            study.tell(trial, -2.0 if number == 2 else x, variance=variance if number == 2 else 0.0)
        return study.ask().params["x"]

    assert abs(suggestion(0.0) - 0.5) < 0.15
    assert abs(suggestion(1e4) - 0.5) > 0.25


def test_variance_of_zero_equals_none():
    studies = [Study(MIXED, seed=0) for _ in range(2)]
    for study, variance in zip(studies, (None, 0.0), strict=True):
        for _ in range(8):
            trial = study.ask()
            study.tell(trial, mixed_loss(trial), variance=variance)
    assert studies[0].ask().params == studies[1].ask().params


# --------------------------------------------------------------------- batches and replays


def min_distance(rows):
    apart = np.linalg.norm(rows[:, None] - rows[None, :], axis=2)
    return apart[np.triu_indices(len(rows), 1)].min()


def finished_study(strategy, n, **options):
    """Return a study of n completed trials of a bowl on the unit square."""
    study = Study({"x": Float(0, 1), "y": Float(0, 1)}, strategy=strategy, seed=0, **options)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, (trial.params["x"] - 0.4) ** 2 + (trial.params["y"] - 0.7) ** 2)
    return study


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_batch_is_spread_out(inference):
    """Eight suggestions at once are farther apart than the eight best points of one acquisition."""
    strategy = BayesianSearch(n_initial=10, inference=inference)
    study = finished_study(strategy, 10)
    context = study._context()
    batch = np.array([study.space.encode(s.params) for s in strategy.suggest(context, 8)])

    score = fit_model(strategy._training_data(context), context, []).acquisition(
        np.empty((0, 2)), context.rng(0)
    )
    taken, greedy = context.tried_keys(), []
    for number in range(8):
        greedy.append(maximize(score, study.space, taken, context.rng(number)))
        taken.update(study.space.keys(greedy[-1]))
    assert min_distance(batch) > 0.005
    assert min_distance(batch) > 5 * min_distance(np.array(greedy))


def test_asking_one_by_one_equals_asking_for_a_batch():
    strategy = BayesianSearch(n_initial=10)
    study = finished_study(strategy, 10)
    batch = strategy.suggest(study._context(), 4)
    asked = [study.ask().params for _ in range(4)]
    assert asked == [s.params for s in batch]


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_same_seed_gives_the_same_trials_with_running_trials(inference):
    def run(seed):
        study, running = Study(MIXED, strategy=BayesianSearch(inference=inference), seed=seed), []
        for _ in range(14):
            running.append(study.ask())
            if len(running) == 3:
                trial = running.pop(1)
                study.tell(trial, mixed_loss(trial))
        clear_caches()
        return [t.params for t in study.trials]

    assert run(0) == run(0) != run(1)


@pytest.mark.parametrize(("n", "inference"), [(6, "map"), (35, "map"), (9, "mcmc")])
def test_study_replayed_from_a_history_continues_identically(n, inference):
    strategy = BayesianSearch(inference=inference)
    study = Study(MIXED, strategy=strategy, seed=3, n_trials=n + 1)
    for number in range(n):
        trial = study.ask()
        if number % 7 == 3:
            study.fail(trial, "no luck")
        else:
            study.tell(trial, mixed_loss(trial), variance=0.01 * (number % 2))
    clear_caches()
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
def test_model_learns_from_more_than_a_thousand_trials(inference):
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


def test_acquisition_uses_every_posterior_sample(monkeypatch):
    """Use the default number of slice sampling steps."""
    monkeypatch.undo()
    study = finished_study(BayesianSearch(inference="mcmc", n_initial=6), 6)
    score = fit_model(
        study.strategy._training_data(study._context()), study._context(), []
    ).acquisition(np.array([[0.5, 0.5]]), np.random.default_rng(0))
    assert len(score.gps) == (fitting.SLICE_STEPS - fitting.BURN_IN) / fitting.THIN
    assert len(study.strategy.suggest(study._context(), 1)) == 1


@pytest.mark.parametrize(
    ("strategy", "arguments", "match"),
    [
        (BayesianSearch, {"n_initial": 2.5}, "n_initial must be an integer of at least 1"),
        (BayesianSearch, {"n_initial": 0}, "n_initial must be an integer of at least 1"),
        (BayesianSearch, {"warping": "no"}, "warping must be True or False, but got 'no'"),
        (BayesianSearch, {"cost_aware": None}, "cost_aware must be True or False"),
        (
            BayesianSearch,
            {"inference": "nuts"},
            r"inference must be one of \['map', 'mcmc'\], but got 'nuts'",
        ),
        (GridSearch, {"levels": 0}, "levels must be an integer of at least 1"),
    ],
)
def test_strategy_names_an_invalid_argument(strategy, arguments, match):
    with pytest.raises((TypeError, ValueError), match=match):
        strategy(**arguments)


@pytest.mark.parametrize("d", [1, 2, 12])
def test_model_works_in_few_and_many_dimensions(d):
    study = Study(SearchSpace({f"x{i}": Float(0, 1) for i in range(d)}), seed=0)
    study.optimize(lambda trial: sum(trial.params.values()), 12)
    values = [t.value for t in study.trials]
    assert min(values[5:]) < min(values[:5])
