"""SearchSpace: one place in the cube for every configuration, and every error in one message."""

from __future__ import annotations

import copy
import pickle
import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tuneplug import Categorical, Float, Int, SearchSpace, SpaceError
from tuneplug.space.encoding import SubspaceEncoder

SETTINGS = settings(deadline=None, derandomize=True, max_examples=60)
#: encode undoes decode but for the roundings of a logarithm and its inverse.
ROUND_TRIP = 1e-9


def rows_of(space, n, seed=0):
    return np.random.default_rng(seed).random((n, space.n_dimensions))


def errors_of(declared):
    with pytest.raises(SpaceError) as caught:
        SearchSpace(declared)
    return str(caught.value)


BOOSTER = {
    "eta": Float(1e-4, 1.0),
    "booster": Categorical(["gbtree", "gblinear", "dart"]),
    "rate_drop": Float(0, 1, when={"booster": ["dart"]}),
    "max_depth": Int(2, 12, when={"booster": ["gbtree", "dart"]}),
    "seed": Int(7, 7),
}

# -------------------------------------------------------------------------- spaces to go through

CHOICE = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=3), st.tuples(st.integers(0, 2))
)
FLOATS = st.one_of(
    st.builds(lambda low, width: Float(low, low + width), st.floats(-9, 9), st.floats(0.5, 9)),
    st.builds(lambda low, e: Float(low, low * 10**e, "log"), st.floats(1e-6, 1), st.floats(0.5, 6)),
    st.builds(lambda low, e: Float(low, 1 - (1 - low) * 10**-e, "reverse_log"),
              st.floats(0, 0.9), st.floats(0.5, 3)),
)  # fmt: skip
INTS = st.one_of(
    st.builds(lambda low, width: Int(low, low + width), st.integers(-50, 50), st.integers(1, 50)),
    st.builds(
        lambda low, width: Int(low, low + width, "log"), st.integers(1, 9), st.integers(1, 500)
    ),
)
CONSTANTS = st.one_of(
    st.builds(lambda v: Float(v, v), st.floats(-9, 9)),
    st.builds(lambda v: Int(v, v), st.integers(-9, 9)),
    st.builds(lambda v: Categorical([v]), CHOICE),
)
CHOICES = st.lists(CHOICE, min_size=1, max_size=5)
QUANTILES = st.sampled_from([stats.poisson(3), stats.expon(), stats.norm(), stats.binom(9, 0.4)])
PARAMETERS = st.one_of(FLOATS, INTS, CONSTANTS, CHOICES, QUANTILES)


@st.composite
def subspaces(draw):
    """A mapping of up to six parameters, some of them switched by a choice or an integer."""
    subspace = dict(enumerate(draw(st.lists(PARAMETERS, min_size=0, max_size=4))))
    subspace = {f"p{i}": parameter for i, parameter in subspace.items()}
    subspace["switch"] = Categorical(["a", "b", None])
    subspace["depth"] = Int(1, 4, when=draw(st.sampled_from([None, {"switch": ["a", None]}])))
    inner = draw(st.sampled_from([{"switch": ["b"]}, {"depth": [1, 3]}, {"depth": [2, 4]}]))
    subspace["inner"] = draw(
        st.sampled_from([Float(0, 1, when=inner), Int(1, 5, when=inner), Int(3, 3, when=inner)])
    )
    names = draw(st.permutations(list(subspace)))
    return {name: subspace[name] for name in names}


SPACES = st.one_of(subspaces(), st.lists(subspaces(), min_size=1, max_size=3)).map(SearchSpace)


def assert_same_configuration(a, b):
    assert list(a) == list(b)
    for name in a:
        assert type(a[name]) is type(b[name])
        if type(a[name]) is float:
            # 20: the steepest of the quantile functions above, at the ends of u drawn here
            assert a[name] == pytest.approx(b[name], rel=ROUND_TRIP, abs=20 * ROUND_TRIP)
        else:
            assert a[name] == b[name]


@SETTINGS
@given(space=SPACES, seed=st.integers(0, 10))
def test_configuration_to_cube_and_back(space, seed):
    for u in rows_of(space, 8, seed):
        configuration = space.decode(u)
        assert_same_configuration(space.decode(space.encode(configuration)), configuration)


@SETTINGS
@given(space=SPACES, seed=st.integers(0, 10))
def test_snap_is_the_encoding_of_the_configuration(space, seed):
    U = rows_of(space, 8, seed)
    encoded = np.array([space.encode(space.decode(u)) for u in U])
    np.testing.assert_allclose(space.snap(U), encoded, atol=ROUND_TRIP)


@SETTINGS
@given(space=SPACES, seed=st.integers(0, 10))
def test_snap_keeps_the_configuration_and_is_done_once(space, seed):
    U = rows_of(space, 8, seed)
    snapped = space.snap(U)
    np.testing.assert_array_equal(space.snap(snapped), snapped)
    for before, after in zip(U, snapped, strict=True):
        assert_same_configuration(space.decode(after), space.decode(before))


@SETTINGS
@given(space=SPACES, seed=st.integers(0, 10))
def test_canonical_leaves_a_configuration_as_it_is(space, seed):
    for u in rows_of(space, 4, seed):
        configuration = space.decode(u)
        shuffled = dict(sorted(configuration.items(), reverse=True))
        canonical = space.canonical(shuffled)
        assert canonical == configuration
        assert list(canonical) == list(configuration)


@SETTINGS
@given(space=SPACES, seed=st.integers(0, 10))
def test_the_corners_of_the_cube_are_configurations(space, seed):
    corners = np.random.default_rng(seed).integers(0, 2, (8, space.n_dimensions)).astype(float)
    for u in corners:
        configuration = space.decode(u)
        assert_same_configuration(space.decode(space.encode(configuration)), configuration)


@SETTINGS
@given(space=SPACES)
def test_a_space_of_a_space_is_the_same(space):
    again = SearchSpace(space)
    U = rows_of(space, 4)
    np.testing.assert_array_equal(again.snap(U), space.snap(U))
    assert again.names == space.names


def test_a_finite_space_lists_what_it_decodes_to():
    space = SearchSpace({"a": Int(1, 3), "b": ["x", "y"], "c": Int(1, 4, when={"b": ["y"]})})
    listed = [space.decode(row) for row in space.rows()]
    assert len(listed) == 3 + 3 * 4
    drawn = space.sample(2000, np.random.default_rng(0))
    assert all(configuration in listed for configuration in drawn)
    assert all(
        configuration in drawn for configuration in listed
    )  # the rarest is missed once in e^80


# ------------------------------------------------------------------------------ the unit cube


def test_constants_are_in_every_configuration_and_in_no_dimension():
    space = SearchSpace({"a": Float(0, 1), "b": Int(3, 3), "c": ["x"], "d": Float(2, 2)})
    assert (space.n_dimensions, space.column_names) == (1, ["a"])
    assert space.decode([0.5]) == {"a": 0.5, "b": 3, "c": "x", "d": 2.0}


def test_constants_have_no_scaling_to_explain():
    space = SearchSpace({"a": Float(0, 1), "b": Int(3, 3)})
    assert [record["parameter"] for record in space.explain_scaling()] == ["a"]


def test_a_conditional_constant_comes_and_goes():
    space = SearchSpace({"kind": ["p", "q"], "order": Int(2, 2, when={"kind": ["q"]})})
    assert space.n_dimensions == 1
    assert [space.decode(row) for row in space.rows()] == [{"kind": "p"}, {"kind": "q", "order": 2}]
    assert space.encode({"kind": "q", "order": 2}).tolist() == [0.75]


def test_an_inactive_coordinate_rests_in_the_middle():
    space = SearchSpace(BOOSTER)
    row = space.encode({"eta": 1.0, "booster": "gblinear", "seed": 7})
    assert dict(zip(space.column_names, row, strict=True))["rate_drop"] == 0.5
    assert dict(zip(space.column_names, row, strict=True))["max_depth"] == 0.5


def test_in_use_tells_the_coordinates_that_bear_on_the_configuration():
    space = SearchSpace(BOOSTER)
    rows = [[0.5, u, 0.1, 0.1] for u in (0.1, 0.5, 0.9)]
    columns = [
        space.column_names.index(name) for name in ("eta", "booster", "rate_drop", "max_depth")
    ]
    U = np.empty((3, 4))
    U[:, columns] = rows
    used = space.active_mask(U)[:, columns].tolist()
    assert used == [[True, True, False, True], [True, True, False, False], [True] * 4]


def test_bounds_have_one_row_for_each_dimension():
    space = SearchSpace({"a": Float(0, 1), "b": stats.norm(), "c": Int(1, 1), "d": ["x", "y"]})
    assert space.bounds.tolist() == [[0.0, 1.0], [0.001, 0.999], [0.0, 1.0]]


def test_a_space_of_nothing_has_one_configuration():
    space = SearchSpace({})
    assert (space.n_dimensions, space.size, space.bounds.shape) == (0, 1, (0, 2))
    assert [space.decode(row) for row in space.rows()] == [{}]
    assert space.sample(2, np.random.default_rng(0)) == [{}, {}]
    assert space.encode({}).shape == (0,)


def test_sample_is_the_configurations_of_uniform_rows():
    space = SearchSpace(BOOSTER)
    U = np.random.default_rng(3).random((50, space.n_dimensions))
    for drawn, u in zip(space.sample(50, np.random.default_rng(3)), U, strict=True):
        assert_same_configuration(drawn, space.decode(u))


SIZES = [
    ({"a": Int(1, 4), "b": list("xyz")}, 12),
    ({"a": Int(1, 4), "b": Float(2, 2)}, 4),
    ({"a": Int(1, 4), "b": Float(0, 1)}, np.inf),
    ({"a": stats.expon()}, np.inf),
    ({"a": stats.poisson(2)}, 18),  # 0 to 17: larger ones have a probability below 1e-11
    ([{"a": [1, 2, 3]}, {"b": [1, 2], "c": [1, 2]}], 7),
    ({"a": ["x", "y"], "b": Int(1, 9, when={"a": ["y"]})}, 18),  # an upper bound: 10 in truth
]


@pytest.mark.parametrize(("declared", "size"), SIZES)
def test_size(declared, size):
    assert SearchSpace(declared).size == size


@pytest.mark.parametrize("u", [[0.5], [0.5, 0.5, 0.5], [[0.5, 0.5]], [1.1, 0.5], [np.nan, 0.5]])
def test_decode_refuses_what_is_no_place_in_the_cube(u):
    with pytest.raises(ValueError, match="u must hold 2 coordinates"):
        SearchSpace({"a": Float(0, 1), "b": Int(1, 9)}).decode(u)


def test_equal_configurations_have_equal_keys():
    space = SearchSpace(BOOSTER)
    U = rows_of(space, 200)
    keys = space.keys(space.snap(U))
    again = space.keys(np.array([space.encode(space.decode(u)) for u in U]))
    assert keys == again
    assert len(set(keys)) == 200  # every row has a continuous coordinate of its own


@SETTINGS
@given(space=SPACES, seed=st.integers(0, 10))
def test_locate_is_the_encoding_snapped_and_key_is_its_key(space, seed):
    for u in rows_of(space, 4, seed):
        configuration = space.decode(u)
        point = space.locate(configuration)
        assert point.shape == (space.n_dimensions,)
        np.testing.assert_array_equal(point, space.snap(space.encode(configuration)))
        np.testing.assert_array_equal(space.snap(point), point)
        assert [space.key(configuration)] == space.keys(point)


@SETTINGS
@given(space=SPACES)
def test_points_may_have_any_leading_shape(space):
    U = rows_of(space, 6)
    shape = (2, 3, space.n_dimensions)
    snapped = space.snap(U)
    np.testing.assert_array_equal(space.snap(U.reshape(shape)), snapped.reshape(shape))
    np.testing.assert_array_equal(
        space.active_mask(U.reshape(shape)), space.active_mask(U).reshape(shape)
    )
    assert space.keys(snapped.reshape(shape)) == space.keys(snapped)
    for u, point, key in zip(U, snapped, space.keys(snapped), strict=True):
        np.testing.assert_array_equal(space.snap(u), point)
        np.testing.assert_array_equal(space.active_mask(u), space.active_mask(u[None, :])[0])
        assert space.keys(point) == [key]


def test_points_of_another_number_of_dimensions_are_refused():
    space = SearchSpace(BOOSTER)
    for operation in (space.snap, space.active_mask, space.keys):
        with pytest.raises(ValueError, match="reshape"):
            operation(np.zeros((2, 3)))


def test_keys_do_not_see_inactive_coordinates():
    space = SearchSpace({"b": ["x", "y"], "c": Float(0, 1, when={"b": ["y"]})})
    x1, x2, y1, y2 = space.keys(space.snap(np.array([[0, 0.1], [0, 0.9], [1, 0.1], [1, 0.9]])))
    assert x1 == x2
    assert y1 != y2


def test_keys_do_not_tell_zero_from_minus_zero():
    space = SearchSpace({"a": Float(0, 1)})
    assert len(set(space.keys(np.array([[0.0], [-0.0], [1e-15]])))) == 1


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies_are_the_same_space(clone):
    space = SearchSpace(BOOSTER)
    list(space.rows(levels=3))  # whatever is cached must not be in the way
    U = rows_of(space, 10)
    np.testing.assert_array_equal(clone(space).snap(U), space.snap(U))


# --------------------------------------------------------------------------------- conditions


def test_nested_conditions_need_every_parent():
    space = SearchSpace(
        {
            "leaf": Float(0, 1, when={"depth": [2]}),
            "depth": Int(1, 3, when={"kind": ["tree"]}),
            "kind": ["line", "tree"],
        }
    )
    names = {tuple(configuration) for configuration in space.sample(200, np.random.default_rng(0))}
    assert names == {("kind",), ("depth", "kind"), ("leaf", "depth", "kind")}
    for configuration in space.sample(200, np.random.default_rng(1)):
        assert ("leaf" in configuration) == (configuration.get("depth") == 2)


def test_several_parents_must_all_agree():
    space = SearchSpace(
        {"a": ["x", "y"], "b": Int(1, 3), "c": Float(0, 1, when={"a": ["y"], "b": [2, 3]})}
    )
    for configuration in space.sample(200, np.random.default_rng(0)):
        assert ("c" in configuration) == (configuration["a"] == "y" and configuration["b"] > 1)


@pytest.mark.parametrize(
    ("parent", "when", "share"),
    [
        (Int(1, 4), [1, 4], 0.5),
        (Int(1, 1000), range(1, 1001), 1.0),
        (stats.randint(0, 4), [3], 0.25),
        (stats.binom(1, 0.25), [1], 0.25),
        (stats.poisson(1), [0], np.exp(-1)),
        ([10, 20, 30, 40], [20, 30], 0.5),
        (Categorical([None, True, 1]), [True], 1 / 3),
        (Int(5, 5), [5, 6], 1.0),
        (Float(0.5, 0.5), [0.5], 1.0),
        (Categorical(["only"]), ["only"], 1.0),
    ],
)
def test_a_parent_may_be_anything_with_distinct_values(parent, when, share):
    space = SearchSpace({"p": parent, "c": Float(0, 1, when={"p": when})})
    drawn = space.sample(4000, np.random.default_rng(0))
    active = [s for s in drawn if "c" in s]
    assert all(s["p"] in when for s in active)
    # four standard deviations of a count of 4000
    assert len(active) / 4000 == pytest.approx(share, abs=4 * np.sqrt(0.25 / 4000))


MISFITS = [
    ({"eta": 0.1, "booster": "dart", "seed": 7}, "['max_depth', 'rate_drop'] missing"),
    ({"booster": "gblinear", "seed": 7}, "['eta'] missing"),
    (
        {"eta": 0.1, "booster": "gblinear", "seed": 7, "max_depth": 3},
        "a configuration must give active parameters only: ['max_depth'] not expected",
    ),
    ({"eta": 0.1, "booster": "gblinear", "seed": 7, "zeta": 3}, "['zeta'] not expected"),
    ({"eta": 0.1, "booster": "gblinear", "seed": 8}, "seed is constant, but got 8"),
    ({"eta": 9.0, "booster": "gblinear", "seed": 7}, "eta: values must lie in [0.0001, 1.0]"),
    ({"eta": 0.1, "booster": "tree", "seed": 7}, "booster: values must be among the categories"),
]


@pytest.mark.parametrize(("configuration", "message"), MISFITS)
def test_encode_refuses_what_is_no_configuration(configuration, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SearchSpace(BOOSTER).encode(configuration)


def test_all_errors_of_a_configuration_are_in_one_message():
    with pytest.raises(ValueError, match="eta: values must") as caught:
        SearchSpace(BOOSTER).encode({"eta": 9.0, "boostr": "dart", "seed": 8})
    message = str(caught.value)
    for part in (
        "eta: values must lie in [0.0001, 1.0], but got 9.0",
        "seed is constant, but got 8",
        "['booster'] missing",
        "['boostr'] not expected; 'boostr': did you mean 'booster'?",
    ):
        assert part in message


def test_a_condition_on_an_unknown_name_names_the_similar_one():
    declared = {"booster": ["dart", "gbtree"], "drop": Float(0, 1, when={"boster": ["dart"]})}
    assert "not a parameter of this space: did you mean 'booster'?" in errors_of(declared)


# -------------------------------------------------------------------------------------- errors


def test_every_error_is_in_one_message():
    message = errors_of(
        {
            "momentum": Float(0, 1, "log"),
            "decay": Float(0, 1, "reverse_log"),
            "depth": Float(2, 1),
            "fixed": Int(3, 3),
            "choices": [],
            "thing": 3.0,
            "child": Float(0, 1, when={"nobody": [1]}),
            "broken_child": Float(5, 1, when={"fixed": [4]}),
            "orphan": Float(0, 1, when={"depth": [1]}),
            "hen": Int(1, 2, when={"egg": [1]}),
            "egg": Int(1, 2, when={"hen": [1]}),
            8: Float(0, 1),
        }
    )
    lines = message.splitlines()
    assert lines[0] == "the search space has 10 errors:"
    starts = [
        "momentum: log scaling needs `low > 0`",
        "decay: reverse-log scaling needs",
        "depth: `low <= high` must hold",
        "choices: choices must hold at least one value",
        "thing: a parameter must be",
        "broken_child: `low <= high` must hold",
        "names must be strings, but got 8",
        "child: when= names 'nobody', which is not a parameter of this space",
        "broken_child: when['fixed'] must contain the constant 'fixed', but got",
        "`when=` must not be circular, but is: ['egg', 'hen']",
    ]
    assert len(lines) == 1 + len(starts)
    for line, start in zip(lines[1:], starts, strict=True):
        assert line.startswith("  - " + start)


def test_errors_of_all_subspaces_are_in_one_message():
    message = errors_of([{"a": Float(2, 1)}, {"a": Float(0, 1)}, {"b": Int(3, 1), "c": "x"}, 7])
    for part in ("4 errors", "[0] a: ", "[2] b: ", "[2] c: ", "[3] must be a mapping of names"):
        assert part in message
    assert "[1]" not in message


CONDITIONS = [
    ({"c": Float(0, 1, when=["a"])}, "when= must map parameter names to lists of values"),
    ({"c": Float(0, 1, when={"z": [1]})}, "names 'z', which is not a parameter of this space"),
    ({"c": Float(0, 1, when={"a": "x"})}, "when['a'] must be a list of values, but got 'x'"),
    ({"c": Float(0, 1, when={"a": []})}, "when['a'] must be a list of values, but got []"),
    ({"c": Float(0, 1, when={"a": ["w"]})}, "when['a']: values must be among the categories"),
    ({"c": Float(0, 1, when={"n": [9]})}, "when['n']: values must lie in [1, 4], but got 9"),
    ({"c": Float(0, 1, when={"x": [0.5]})}, "distinct values, but 'x' is continuous"),
    ({"c": Float(0, 1, when={"g": [0.5]})}, "distinct values, but 'g' is continuous"),
    ({"c": Float(0, 1, when={"one": [2]})}, "must contain the constant 'one', but got [2]"),
    ({"c": Float(0, 1, when={"c": [1]})}, "but 'c' is continuous"),
    ({"c": Int(0, 1, when={"c": [1]})}, "`when=` must not be circular, but is: ['c']"),
    (
        {"c": Int(0, 1, when={"d": [1]}), "d": Int(0, 1, when={"e": [1]}),
         "e": Int(0, 1, when={"c": [1]})},
        "`when=` must not be circular, but is: ['c', 'd', 'e']",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "message"), CONDITIONS)
def test_an_impossible_condition_is_an_error(declared, message):
    parents = {"a": ["x", "y"], "n": Int(1, 4), "x": Float(0, 1), "g": stats.norm(), "one": [1]}
    assert message in errors_of(parents | declared)


@pytest.mark.parametrize("declared", [3, "abc", None, [], set(), [[]], ["a"], iter([{}])])
def test_what_is_no_space_is_refused(declared):
    assert "mapping of names to parameters" in errors_of(declared)


# ------------------------------------------------------------------------------ grids, sub-spaces

GRIDS = [
    {"b": [1, 2], "a": ["x", "y", "z"]},
    {"b": [True, False], "a": [None], "c": np.array([0.1, 0.2])},
    {"C": [100, 10, 1], "kernel": ["rbf", "linear"], "gamma": [0.5, 0.1]},
    [{"kernel": ["linear"], "C": [1, 10]}, {"kernel": ["rbf"], "C": [1, 10], "gamma": [0.1, 0.2]}],
    [{"z": [1, 2], "a": [1, 2]}, {"z": [3], "b": [None, "n"]}, {}],
    {"many": list(range(40)), "more": list(range(40))},
]


@pytest.mark.parametrize("grid", GRIDS)
def test_rows_come_in_the_order_of_the_names_and_the_last_name_varies_fastest(grid):
    space = SearchSpace(grid)
    expected = [
        dict(zip(sorted(sub_space), values, strict=True))
        for sub_space in (grid if isinstance(grid, list) else [grid])
        for values in product(*(sub_space[name] for name in sorted(sub_space)))
    ]
    assert [space.decode(row) for row in space.rows()] == expected
    assert space.size == len(expected)


def test_rows_sit_where_their_configurations_do():
    space = SearchSpace(GRIDS[3])
    for row in space.rows():
        np.testing.assert_array_equal(space.encode(space.decode(row)), row)


def test_rows_of_a_continuous_space_need_levels():
    space = SearchSpace({"a": Float(0, 1), "b": ["x", "y"]})
    with pytest.raises(ValueError, match="levels must be given for an infinite space"):
        next(space.rows())
    values = [tuple(space.decode(row).values()) for row in space.rows(levels=3)]
    assert values == [(a, b) for a in (0.0, 0.5, 1.0) for b in "xy"]


def test_subspaces_share_a_dimension_that_they_declare_alike():
    same = {"C": Float(1e-3, 1e3)}
    space = SearchSpace([same | {"kernel": ["linear"]}, {"kernel": ["rbf"], "C": Float(1e-3, 1e3)}])
    assert space.column_names == ["(sub-space)", "C"]
    assert space.n_subspaces == 2


def test_subspaces_do_not_share_parameters_that_they_declare_differently():
    space = SearchSpace([{"C": Float(1e-3, 1e3)}, {"C": Float(1, 2), "g": [1, 2, 3]}])
    assert space.column_names == ["(sub-space)", "C[0]", "C[1]", "g"]
    assert space.names == ["C", "g"]


def test_conditional_parameters_of_subspaces_keep_their_own_conditions():
    shared = {"kind": ["p", "q"], "n": Int(1, 5, when={"kind": ["q"]})}
    space = SearchSpace([shared | {"b": [1]}, {**shared, "n": Int(1, 5, when={"kind": ["p"]})}])
    for configuration in space.sample(200, np.random.default_rng(0)):
        active = "q" if "b" in configuration else "p"
        assert ("n" in configuration) == (configuration["kind"] == active)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_subspaces_have_no_order(n):
    space = SearchSpace([{f"only{i}": Float(0, 1)} for i in range(n)])
    assert [parameter.ordered for parameter in space.dimensions] == [False] + [True] * n


def test_subspaces_are_sampled_equally_often():
    space = SearchSpace([{"a": [1]}, {"b": list(range(50))}, {"c": Float(0, 1)}])
    names = [next(iter(s)) for s in space.sample(3000, np.random.default_rng(0))]
    assert stats.chisquare([names.count(name) for name in "abc"]).pvalue > 1e-3


OVERLAPPING = [
    [{"a": [1, 2]}, {"a": [2, 3]}],
    [{"a": [1, 2], "b": ["x"]}, {"b": ["x", "y"], "a": Int(2, 3)}],
    [{"a": [1, 2]}, {"a": [1, 2]}, {"a": [3, 1]}],
    [{"a": [1, 2], "b": Int(1, 2, when={"a": [2]})}, {"a": [1, 3]}, {"a": [2], "b": [2, 4]}],
    [{}, {}],
]


@pytest.mark.parametrize("declared", OVERLAPPING)
def test_a_configuration_of_two_subspaces_has_one_point(declared):
    space = SearchSpace(declared)
    listed = [space.decode(row) for row in space.rows()]
    assert len({str(sorted(configuration.items())) for configuration in listed}) == len(listed)
    drawn = rows_of(space, 300)
    encoded = [space.encode(space.decode(u)) for u in drawn]
    np.testing.assert_array_equal(space.snap(drawn), encoded)
    assert all(space.decode(u) in listed for u in drawn)


def test_a_configuration_of_two_continuous_subspaces_has_one_point():
    space = SearchSpace([{"a": Float(0, 2)}, {"a": Float(1, 3)}])
    for a in (1.0, 1.5, 2.0):
        second = np.array([[0.75, 0.5, (a - 1) / 2]])
        assert space.decode(second[0]) == {"a": a}
        np.testing.assert_allclose(space.snap(second), [[0.25, a / 2, 0.5]], atol=1e-15)
    beyond = np.array([[0.75, 0.5, 0.75]])
    np.testing.assert_array_equal(space.snap(beyond), beyond)


def test_many_overlapping_subspaces_encode_each_configuration_once(monkeypatch):
    calls = []
    encode = SubspaceEncoder.encode
    monkeypatch.setattr(SubspaceEncoder, "encode", lambda *args: calls.append(1) or encode(*args))
    n, rows = 40, 64
    space = SearchSpace([{"x": Float(0, 1 + i), "y": Int(1, 9 + i)} for i in range(n)])
    space.snap(np.random.default_rng(0).random((rows, space.n_dimensions)))
    assert len(calls) <= rows


@pytest.mark.parametrize("swap", [False, True])
def test_a_number_belongs_to_the_subspace_of_its_type(swap):
    declared = [{"max_features": Float(0.1, 1.0)}, {"max_features": Int(1, 20)}]
    space = SearchSpace(declared[::-1] if swap else declared)
    for value in (1, 1.0):
        own = space.canonical({"max_features": value})["max_features"]
        assert type(own) is type(value)
    as_numpy = space.canonical({"max_features": np.int64(7)})["max_features"]
    assert (type(as_numpy), as_numpy) == (int, 7)


# ----------------------------------------------------------------------------- explain_scaling


def test_explain_scaling_has_a_line_for_each_number():
    space = SearchSpace(
        {
            "alpha": Float(0.01, 10),
            "momentum": Float(0.9, 0.999),
            "drop": Float(0, 1),
            "depth": Int(1, 10, "Logarithmic"),
            "kind": ["a", "b"],
            "rate": stats.loguniform(1e-3, 1),
        }
    )
    records = space.explain_scaling()
    assert [(r["parameter"], r["scaling"], r["chosen_by"]) for r in records] == [
        ("alpha", "log", "auto"),
        ("momentum", "reverse_log", "auto"),
        ("drop", "linear", "auto"),
        ("depth", "log", "user"),
        ("rate", "log", "user"),
    ]
    assert [bool(r["advice"]) for r in records] == [False, False, True, False, False]
    assert all(r["reason"] for r in records)


def test_repr_shows_the_parameters():
    assert repr(SearchSpace({"a": Int(1, 3)})) == "SearchSpace({'a': " + repr(Int(1, 3)) + "})"
