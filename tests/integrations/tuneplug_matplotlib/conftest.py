"""Studies and searches that are hard to draw: long names, conditions, failures, divergence."""

from __future__ import annotations

import math

import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from tuneplug import Categorical, Float, Int, Study
from tuneplug_sklearn import WarpedBayesSearchCV

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

X, y = load_iris(return_X_y=True)
SPACE = {
    "C": Float(1e-2, 1e3),
    "kernel": Categorical(["rbf", "poly"]),
    "degree": Int(2, 5, when={"kernel": ["poly"]}),
}
HARD_SPACE = {
    "model__clf__learning_rate": Float(1e-4, 1.0),
    "model__clf__n_estimators": Int(10, 2000),
    "model__clf__max_depth": Int(1, 12),
    "model__clf__booster": Categorical(["gbtree", "dart", "gblinear"]),
    "model__clf__rate_drop": Float(0.0, 0.9, when={"model__clf__booster": ["dart"]}),
    "model__num__scaler": Categorical(
        ["passthrough", "StandardScaler(with_mean=False)", "QuantileTransformer()", "a_$/b_$"]
    ),
    "model__num__imputer__strategy": Categorical(["mean", "median", "most_frequent"]),
    "model__cat__encoder__min_frequency": Int(1, 100),
    "model__clf__reg_alpha": Float(1e-8, 100.0),
    "model__clf__reg_lambda": Float(1e-8, 100.0),
    "model__clf__subsample": Float(0.5, 1.0),
    "model__clf__momentum": Float(0.8, 0.9999),
}
#: Numbers of the trials of ``hard_study`` that fail, that are stopped, and whose value diverges.
FAILED, STOPPED, DIVERGED = (4, 11), (6, 13), 9


class FailsAbove(SVC):
    """Raises where C is above 30, so that candidates go without a score."""

    def fit(self, X, y):
        if self.C > 30:
            raise RuntimeError("C is too large")
        return super().fit(X, y)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="package")
def search():
    return WarpedBayesSearchCV(SVC(), SPACE, n_iter=14, cv=3, random_state=0).fit(X, y)


@pytest.fixture(scope="package")
def with_failures():
    grid = {"C": [100.0, 0.01, 1.0, 50.0, 0.1], "kernel": ["rbf"]}
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        return GridSearchCV(FailsAbove(), grid, cv=3).fit(X, y)


@pytest.fixture(scope="package")
def several_metrics():
    scoring = ["accuracy", "f1_macro"]
    grid = {"C": [0.01, 1.0], "kernel": ["rbf", "poly"]}
    return GridSearchCV(SVC(), grid, cv=3, scoring=scoring, refit=False).fit(X, y)


@pytest.fixture(scope="package")
def hard_study():
    """Return a maximizing study of 12 pipeline parameters, of which two matter."""
    study = Study(HARD_SPACE, direction="maximize", seed=0, name="hard")
    for number in range(24):
        trial = study.ask()
        depth = trial.params["model__clf__max_depth"]
        rate = trial.params["model__clf__learning_rate"]
        value = 0.95 - 0.008 * (depth - 6) ** 2 - 0.05 * (math.log10(rate) + 1.5) ** 2
        for step in range(5):
            trial.report(value * (1 - 0.5 ** (step + 1)), step)
        if number in FAILED:
            study.fail(trial, "RuntimeError: boom")
        elif number in STOPPED:
            trial.reporter.stop_reason = "median"
            study.tell(trial, value - 0.02)
        else:
            study.tell(trial, -1e6 if number == DIVERGED else value)
    return study
