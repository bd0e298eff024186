"""The core agrees with scikit-learn: order of grids, kernel, and estimators as categories."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import Matern
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid
from sklearn.svm import SVC

from tuneplug import SearchSpace, Study
from tuneplug.surrogate.kernels import matern52, squared_distances

GRIDS = [
    {"b": [1, 2], "a": ["x", "y", "z"]},
    {"b": [True, False], "a": [None], "c": np.array([0.1, 0.2])},
    {"C": [100, 10, 1], "kernel": ["rbf", "linear"], "gamma": [0.5, 0.1]},
    [{"kernel": ["linear"], "C": [1, 10]}, {"kernel": ["rbf"], "C": [1, 10], "gamma": [0.1, 0.2]}],
    [{"z": [1, 2], "a": [1, 2]}, {"z": [3], "b": [None, "n"]}, {}],
]


@pytest.mark.parametrize("grid", GRIDS)
def test_rows_and_grid_search_have_the_order_of_parameter_grid(grid):
    space, expected = SearchSpace(grid), list(ParameterGrid(grid))
    assert [space.decode(row) for row in space.rows()] == expected
    assert space.size == len(expected)
    study = Study(grid, strategy="grid")
    study.optimize(lambda trial: 0.0, len(expected))
    assert [trial.params for trial in study.trials] == expected


@pytest.mark.parametrize("lengthscale", [0.1, 1.0, 10.0])
def test_the_kernel_is_that_of_scikit_learn(lengthscale):
    rng = np.random.default_rng(0)
    A, B = rng.random((7, 3)), rng.random((5, 3))
    k, _ = matern52(squared_distances(A / lengthscale, B / lengthscale), 1.0)
    # The expansion of r² keeps twelve digits.
    np.testing.assert_allclose(k, Matern(length_scale=lengthscale, nu=2.5)(A, B), rtol=1e-10)


def test_estimators_can_be_categories():
    estimators = [LogisticRegression(C=1.0), LogisticRegression(C=2.0)]
    space = SearchSpace({"x": estimators})
    assert [space.decode(row)["x"] for row in space.rows()] == estimators
    assert all(space.canonical({"x": estimator})["x"] is estimator for estimator in estimators)


def test_estimators_can_be_categories_of_sub_spaces():
    svc, rbf = SVC(kernel="linear"), SVC(kernel="rbf")
    space = SearchSpace([{"clf": [svc], "clf__C": [1, 10]}, {"clf": [rbf], "clf__gamma": [0.1, 1]}])
    listed = [space.decode(row) for row in space.rows()]
    assert [params["clf"] is svc for params in listed] == [True, True, False, False]
    assert all(space.decode(space.encode(p))["clf"] is p["clf"] for p in listed)
