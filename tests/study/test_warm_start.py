"""A study starts from earlier searches: what it reads, what it leaves out, what it learns."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tuneplug import Categorical, Float, Int, NoCompletedTrialError, Study

pd = pytest.importorskip("pandas")
SPACE = {"x": Float(0.0, 1.0), "n": Int(1, 9)}


def loss(params):
    return (params["x"] - 0.3) ** 2 + 0.01 * (params["n"] - 4) ** 2


def finished(space=SPACE, *, n=12, direction="minimize", seed=0, objective=loss, **options):
    """Return a study with n trials that minimizes the loss, whatever its direction."""
    sign = 1.0 if direction == "minimize" else -1.0
    study = Study(space, direction=direction, seed=seed, n_trials=n, **options)
    study.optimize(lambda trial: sign * objective(trial.params), n)
    return study


def started(parents, kind="identical", space=SPACE, **options):
    return Study(space, warm_start_from=parents, warm_start_type=kind, seed=1, **options)


def losses(study, number=0):
    return [known.loss for known in study.parents[number].observations]


def cv_results(study):
    return {
        "params": [trial.params for trial in study.trials],
        "mean_test_score": np.array([-trial.value for trial in study.trials]),
    }


class Fitted:
    """A fitted search."""

    def __init__(self, results):
        self.cv_results_ = results


# ------------------------------------------------------------------ what is read


def test_all_kinds_of_parents_give_the_same_results():
    parent = finished()
    results = cv_results(parent)
    kinds = [parent, parent.to_frame(), results, pd.DataFrame(results), Fitted(results)]
    study = started(kinds)
    expected = [trial.value for trial in parent.trials]
    for number, known in enumerate(study.parents):
        assert losses(study, number) == expected
        points = [one.point for one in known.observations]
        np.testing.assert_allclose(points, [trial.point for trial in parent.trials])


@pytest.mark.parametrize("as_frame", [False, True])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_direction_of_a_parent_is_respected(as_frame, direction):
    parent = finished(direction="maximize")
    source = parent.to_frame() if as_frame else parent
    study = started([source], direction=direction)
    assert losses(study) == [-trial.value for trial in parent.trials]


def test_tables_from_files_are_read(tmp_path):
    space = SPACE | {"kind": ["a", "b"], "rate": Float(0.1, 0.9, when={"kind": ["b"]})}
    parent = finished(space)
    parent.to_frame().to_csv(tmp_path / "frame.csv")
    pd.DataFrame(cv_results(parent)).assign(
        **{f"param_{k}": [t.params.get(k) for t in parent.trials] for k in space}
    ).to_csv(tmp_path / "results.csv")
    read = [pd.read_csv(tmp_path / name) for name in ("frame.csv", "results.csv")]
    study = started(read, space=space)
    for number in range(2):
        np.testing.assert_allclose(losses(study, number), [t.value for t in parent.trials])


def test_a_category_that_is_none_is_not_an_empty_cell():
    space = {"x": Float(0.0, 1.0), "k": Categorical(["a", None])}
    parent = finished(space, objective=lambda params: params["x"])
    study = started([parent.to_frame()], space=space)
    assert len(study.parents[0].observations) == len(parent.trials)


@pytest.mark.parametrize(
    "categories",
    [
        {"layers": [(50,), (50, 20), None], "gamma": ["scale", 0.1, 1, True]},
        {"k": ["3", "5"], "f": ["1e3", "0.5"], "on": ["True", "False"]},
    ],
    ids=["as_text", "as_numbers"],
)
def test_categories_that_a_file_has_in_another_type_are_recognized(categories, tmp_path):
    space = {"x": Float(0.0, 1.0), **categories}
    parent = finished(space, objective=lambda params: params["x"])
    parent.to_frame().to_csv(tmp_path / "frame.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = started([pd.read_csv(tmp_path / "frame.csv")], space=space)
    expected = [trial.point for trial in parent.trials]
    np.testing.assert_allclose([one.point for one in study.parents[0].observations], expected)
    assert study.overall_best.params == parent.best_params


@pytest.mark.parametrize("choices", [["3", "3.0"], [True, "1", "1.0"]], ids=str)
def test_a_number_that_stands_for_several_texts_is_left_out(choices):
    frame = pd.DataFrame({"param_k": [float(choices[-1])] * 2, "value": [0.5, 0.25]})
    with pytest.raises(ValueError, match="none of its 2 configurations"):
        started([frame], space={"k": Categorical(choices)})


def test_a_text_that_is_a_category_or_stands_for_several_is_taken_literally():
    frame = pd.DataFrame({"param_k": ["1", "1"], "value": [0.5, 0.25]})
    text = started([frame], space={"k": Categorical([1, "1"])}).overall_best.params["k"]
    assert type(text) is str
    with pytest.raises(ValueError, match="none of its 2 configurations"):
        started([frame.assign(param_k="3")], space={"k": Categorical([1, 2])})


def test_categories_beyond_the_range_of_floats_are_recognized():
    space = {"n": ["1", 10**400]}
    earlier = Study(space, seed=0)
    for params in ({"n": "1"}, {"n": 10**400}):
        earlier.enqueue(params)
    earlier.optimize(lambda trial: 1.0, 2)
    (parent,) = Study(space, seed=1, warm_start_from=[earlier]).parents
    assert len(parent.observations) == 2


def test_the_overall_best_from_a_file_has_the_categories_and_types_of_the_space(tmp_path):
    space = SPACE | {"k": Categorical([None, "a"]), "on": ["a", "b"]}
    space |= {"m": Int(1, 5, when={"on": ["a"]})}
    parent = finished(space)
    parent.to_frame().to_csv(tmp_path / "frame.csv")
    found = started([pd.read_csv(tmp_path / "frame.csv")], space=space).overall_best.params
    assert found == parent.best_params
    assert {n: type(v) for n, v in found.items()} == {
        n: type(v) for n, v in parent.best_params.items()
    }


def test_frames_of_polars_are_read(tmp_path):
    polars = pytest.importorskip("polars")
    parent = finished()
    parent.to_frame().to_csv(tmp_path / "frame.csv")
    pd.DataFrame(cv_results(parent)).assign(
        **{f"param_{name}": [t.params[name] for t in parent.trials] for name in SPACE}
    ).to_csv(tmp_path / "results.csv")
    study = started([polars.read_csv(tmp_path / f"{name}.csv") for name in ("frame", "results")])
    for number in range(2):
        np.testing.assert_allclose(losses(study, number), [t.value for t in parent.trials])


def test_failed_stopped_and_partial_trials_are_left_out_silently():
    parent = finished(n=6)
    parent.tell(parent.ask(), np.nan)
    parent.ask()
    results = cv_results(finished(n=6)) | {
        "trial_state": np.array(["complete"] * 4 + ["stopped", "failed"]),
        "n_resources": np.array([9, 9, 9, 3, 9, 9]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = started([parent, parent.to_frame(), results])
    assert [len(known.observations) for known in study.parents] == [6, 6, 3]


def test_a_parent_is_read_once():
    parent = finished(n=5)
    study = started([parent])
    parent.tell(parent.ask(), -100.0)
    assert len(losses(study)) == 5


@pytest.mark.parametrize("kind", ["identical", "transfer"])
def test_copies_of_a_result_count_once(kind):
    parent = finished(n=20)
    frame = parent.to_frame()
    alone, twice = (
        finished(n=4, warm_start_from=parents, warm_start_type=kind)
        for parents in ([parent], [pd.concat([frame, frame])])
    )
    assert losses(twice) == losses(alone)
    assert [t.params for t in twice.trials] == [t.params for t in alone.trials]


def test_identical_parents_that_share_results_are_learned_from_as_one():
    parent = finished(n=20)
    alone, copied = (
        finished(n=4, warm_start_from=parents)
        for parents in ([parent], [parent, parent.to_frame()])
    )
    assert [t.params for t in copied.trials] == [t.params for t in alone.trials]


# ------------------------------------------------------------------ other ranges and parameters


def test_results_outside_of_the_space_are_counted_in_one_warning():
    parents = [finished(n=8), finished(n=8, seed=1)]
    narrow = {"x": Float(0.0, 0.5), "n": Int(1, 9)}
    n_inside = [sum(t.params["x"] <= 0.5 for t in parent.trials) for parent in parents]
    with pytest.warns(UserWarning, match="earlier configurations") as warned:
        study = started(parents, space=narrow)
    assert len(warned) == 1
    assert f"{16 - sum(n_inside)} of 16 earlier" in str(warned[0].message)
    assert [len(known.observations) for known in study.parents] == n_inside


def test_a_category_that_is_none_is_not_named_as_missing():
    space = {"x": Float(0.0, 1.0), "k": Categorical([None, "a"])}
    parent = finished(space, objective=lambda params: params["x"])
    with pytest.warns(UserWarning, match="earlier configurations") as warned:
        started([parent], space=space | {"x": Float(0.0, 0.5)})
    assert "missing" not in str(warned[0].message)


def test_a_constant_of_the_space_is_filled_in():
    study = started([finished()], space=SPACE | {"depth": [3]})
    assert len(losses(study)) == 12


def test_identical_parents_with_other_parameters_are_refused():
    with pytest.raises(ValueError, match="none of its 12 configurations is in the space"):
        started([finished()], space=SPACE | {"y": Float(0.0, 1.0)})


def test_transfer_bridges_missing_and_additional_parameters():
    parent = finished(SPACE | {"z": Float(0.0, 1.0)})
    study = started(
        [parent], "transfer", {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0), "n": Int(1, 9)}
    )
    (known,) = study.parents
    assert len(known.observations) == 12
    assert known.absent == (1,)
    assert {one.point[1] for one in known.observations} == {0.5}
    study.optimize(lambda trial: loss(trial.params), 8)


# ------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("parents", "kind", "error", "match"),
    [
        ([], "identical", ValueError, "one to 5 earlier searches, but got 0"),
        ([{}] * 6, "identical", ValueError, "got 6"),
        ({"params": []}, "identical", TypeError, "must be a list"),
        ([1, "a"], "identical", TypeError, "number 0: got 1.*number 1: got 'a'"),
        ([{"a": 1}], "transfer", ValueError, "must have 'params' and 'mean_test_score'"),
        ([finished(n=1)], "transfr", ValueError, "did you mean 'transfer'"),
        ([Study(SPACE)], "transfer", ValueError, "it has no finite result"),
        ([1, Study(SPACE)], "transfer", ValueError, "number 0: got 1.*number 1: it has no"),
    ],
)
def test_mistakes_are_named(parents, kind, error, match):
    with pytest.raises(error, match=match):
        started(parents, kind)


@pytest.mark.parametrize(
    ("scores", "named"),
    [
        (["0,5", "0,6"], "'0,5' in row 0, '0,6' in row 1"),
        ([0.5, "0,6"], "'0,6' in row 1"),
        ([None, True], "True in row 1"),
    ],
)
def test_results_that_are_no_numbers_are_named_with_their_rows(scores, named):
    pandas = pytest.importorskip("pandas")
    configurations = [{"x": 0.25, "n": 2}, {"x": 0.5, "n": 2}]
    match = f"number 0: its results must be numbers, but got {named}: convert them"
    columns = {"param_x": [0.25, 0.5], "param_n": 2, "value": pandas.Series(scores, dtype=object)}
    for parent in (
        {"params": configurations, "mean_test_score": scores},
        pandas.DataFrame(columns),
    ):
        with pytest.raises(TypeError, match=match):
            started([parent], "identical")


def test_texts_in_rows_that_are_not_complete_are_left_out_silently():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"param_x": 0.25, "param_n": 2, "value": [0.5, "-"], "state": ["complete", "failed"]}
    )
    (parent,) = started([frame], "identical").parents
    assert len(parent.observations) == 1


# ------------------------------------------------------------------ identical: evidence


def test_configurations_of_identical_parents_are_not_tried_again():
    space = {"k": list(range(12))}
    parent = finished(space, n=8, objective=lambda params: params["k"])
    known = {trial.params["k"] for trial in parent.trials}
    for strategy in ("bayesian", "random", "grid"):
        study = started([parent], space=space, strategy=strategy)
        with pytest.warns(UserWarning, match="exhausted"):
            study.optimize(lambda trial: trial.params["k"], 12)
        assert {trial.params["k"] for trial in study.trials} == set(range(12)) - known


def test_a_configuration_of_the_user_is_tried_although_a_parent_knows_it():
    parent = finished()
    study = started([parent])
    study.enqueue(parent.best_params)
    assert study.ask().params == parent.best_params


def test_identical_parents_replace_the_initial_design():
    assert started([finished(n=20)]).ask().origin == "model"


def test_the_offset_of_an_identical_parent_is_learned():
    parent = finished(n=25).to_frame()
    moved = parent.assign(value=parent["value"] + 100.0)
    moved.attrs = parent.attrs
    best = {}
    for name, source in {"same": parent, "moved": moved}.items():
        study = started([source], n_trials=12)
        study.optimize(lambda trial: loss(trial.params), 12)
        best[name] = study.best_value
    assert best["moved"] < best["same"] + 1e-3


# ------------------------------------------------------------------ transfer


def test_a_related_parent_with_another_scale_is_followed_from_the_first_trial():
    parent = finished(n=30)
    study = started([parent], "transfer", n_trials=6)
    study.optimize(lambda trial: 50.0 * loss(trial.params | {"x": trial.params["x"] + 0.03}) + 7, 6)
    alone = Study(SPACE, seed=1, n_trials=6)
    alone.optimize(lambda trial: 50.0 * loss(trial.params | {"x": trial.params["x"] + 0.03}) + 7, 6)
    assert study.best_value < alone.best_value
    assert [trial.origin for trial in study.trials[2:]] == ["model"] * 4


def test_a_parent_with_shuffled_losses_changes_nothing():
    frame = finished(n=30).to_frame()
    frame["value"] = np.random.default_rng(3).permutation(frame["value"])
    study, alone = started([frame], "transfer", n_trials=10), Study(SPACE, seed=1, n_trials=10)
    for search in (study, alone):
        search.optimize(lambda trial: loss(trial.params), 10)
    assert [t.params for t in study.trials] == [t.params for t in alone.trials]


@pytest.mark.parametrize("kind", ["identical", "transfer"])
def test_replaying_gives_the_same_trials(kind):
    from tuneplug.surrogate.fitting import clear_cache

    parents = [finished(n=20), finished(n=15, seed=4)]
    found = []
    for _ in range(2):
        clear_cache()
        study = started(parents, kind, n_trials=10)
        study.optimize(lambda trial: 3.0 * loss(trial.params) + 1.0, 10)
        found.append([trial.params for trial in study.trials])
    assert found[0] == found[1]


# ------------------------------------------------------------------ the best ones


def test_the_best_trial_is_of_this_study_and_the_overall_best_of_identical_parents_too():
    parents = [finished(n=5), finished(n=25, seed=3)]
    study = started(parents)
    assert study.overall_best == (parents[1].best_params, parents[1].best_value, 1)
    with pytest.raises(NoCompletedTrialError):
        study.best_trial  # noqa: B018
    study.tell(study.ask(), 5.0)
    assert study.best_value == 5.0
    assert study.overall_best.parent == 1
    study.tell(trial := study.ask(), -1.0)
    assert study.overall_best == (trial.params, -1.0, None)


def test_the_overall_best_has_the_units_of_the_study():
    parent = finished(direction="maximize")
    study = started([parent], direction="maximize")
    assert study.overall_best.value == parent.best_value


def test_parents_with_other_data_have_no_overall_best():
    study = started([finished()], "transfer")
    with pytest.raises(NoCompletedTrialError):
        study.overall_best  # noqa: B018


def constrained(*results, **options):
    """Return a study of (x, value, constraints)."""
    study = Study({"x": Float(0.0, 1.0)}, seed=0, **options)
    for x, value, constraints in results:
        study.enqueue({"x": x})
        study.tell(study.ask(), value, constraints=constraints)
    return study


def with_infeasible_best(kind):
    """Return a parent whose smallest value is infeasible, in the form of its kind."""
    study = constrained((0.1, 1.0, [0.5, -1.0]), (0.2, 2.0, [-0.5, -1.0]))
    if kind == "study":
        return study
    frame = study.to_frame()
    if kind == "frame":
        return frame
    return {
        "params": [t.params for t in study.trials],
        "mean_test_score": [-t.value for t in study.trials],
        "mean_constraint_0": frame["constraint_0"].to_numpy(),
        "mean_constraint_1": frame["constraint_1"].to_numpy(),
    }


@pytest.mark.parametrize("kind", ["study", "frame", "cv_results_"])
def test_constraints_of_a_parent_are_read_and_its_best_is_feasible(kind):
    (parent,) = Study({"x": Float(0.0, 1.0)}, warm_start_from=[with_infeasible_best(kind)]).parents
    assert [o.constraints for o in parent.observations] == [(0.5, -1.0), (-0.5, -1.0)]
    assert parent.n_constraints == 2
    assert parent.best.params == {"x": 0.2}


def test_the_overall_best_of_infeasible_parents_is_of_the_study():
    parent = constrained((0.1, 1.0, [0.5]))
    study = constrained(warm_start_from=[parent])
    with pytest.raises(NoCompletedTrialError):
        _ = study.overall_best
    study.enqueue({"x": 0.3})
    study.tell(study.ask(), 9.0, constraints=[-1.0])
    assert study.overall_best == ({"x": 0.3}, 9.0, None)


def test_a_parent_without_the_constraints_of_a_study_is_not_the_overall_best():
    plain = constrained((0.1, 1.0, None))
    assert constrained((0.3, 9.0, [-1.0]), warm_start_from=[plain]).overall_best.parent is None
    assert constrained((0.3, 9.0, None), warm_start_from=[plain]).overall_best.parent == 0


def test_type_without_parents_is_warned_of():
    with pytest.warns(UserWarning, match="warm_start_type='transfer' has no effect"):
        Study(SPACE, warm_start_type="transfer")
