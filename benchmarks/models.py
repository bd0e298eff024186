"""Cross-validated losses of real models on data sets of scikit-learn.

Row counts and ensembles are reduced, so that one evaluation takes about a tenth of a second on one
core. The search spaces are those for the full data. A fit that fails gets the loss of a constant
prediction.

``MODELS`` have smooth losses, apart from noise. ``STEPS`` have losses with steps, ties and
plateaus: single trees, small ensembles of them, neighbors, accuracies on few rows, in wide ranges.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from _tasks import Configuration, Task
from lightgbm import LGBMClassifier
from sklearn import datasets
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

from tuneplug import Categorical, Float, Int, SearchSpace

FOLDS = 3
REGRESSION = ("neg_root_mean_squared_error", "neg_mean_absolute_error")
Data = tuple[Any, Any]


@cache
def _loaded(load: Callable[..., Data], rows: int) -> Data:
    X, y = load(return_X_y=True)
    kept = np.random.default_rng(0).permutation(len(y))[:rows]
    return X[kept], y[kept]


def cancer() -> Data:
    """Breast cancer: 569 rows, 30 columns, two classes."""
    return _loaded(datasets.load_breast_cancer, 569)


def diabetes() -> Data:
    """Diabetes: 442 rows, 10 columns, a number."""
    return _loaded(datasets.load_diabetes, 442)


def digits() -> Data:
    """Digits: 600 rows, 64 columns, ten classes."""
    return _loaded(datasets.load_digits, 600)


def all_digits() -> Data:
    """Digits: 1797 rows, 64 columns, ten classes."""
    return _loaded(datasets.load_digits, 1797)


def parity() -> Data:
    """Digits, told odd from even: 600 rows, 64 columns, two classes."""
    X, y = digits()
    return X, y % 2


def wine() -> Data:
    """Wine: 178 rows, 13 columns, three classes."""
    return _loaded(datasets.load_wine, 178)


def log(low: float, high: float, **more: Any) -> Float:
    """Return a real range on a log scale."""
    return Float(low, high, scaling="log", **more)


def linear(low: float, high: float, **more: Any) -> Float:
    """Return a real range on a linear scale."""
    return Float(low, high, scaling="linear", **more)


@dataclass(frozen=True)
class Model:
    """An estimator, its data, a scikit-learn scorer, and the parameters to set on it."""

    name: str
    estimator: Any
    data: Callable[[], Data]
    scoring: str
    parameters: dict[str, Any]

    def task(self, family: str = "models") -> Task:
        """Return the model as a task: the negative mean score of three folds is minimized."""
        return Task(self.name, family, SearchSpace(self.parameters), self.loss)

    def loss(self, configuration: Configuration, share: float = 1.0) -> float:
        """Return the cross-validated loss of a configuration.

        Each fold trains on this share of its training rows, and is scored on all of its other
        rows. The rows of a smaller share are among those of a larger one.
        """
        return self._cross_validated(clone(self.estimator).set_params(**configuration), share)

    def _cross_validated(self, estimator: Any, share: float) -> float:
        X, y = self.data()
        regression = self.scoring in REGRESSION
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                folds = _folds(y, regression, share)
                scores = cross_val_score(
                    estimator, X, y, cv=folds, scoring=self.scoring, error_score="raise"
                )
            if np.isfinite(scores).all():
                return float(-scores.mean())
        except (ValueError, ArithmeticError):  # for example a diverged network
            pass
        knows_nothing = DummyRegressor() if regression else DummyClassifier(strategy="prior")
        return self._cross_validated(knows_nothing, 1.0)


def _folds(y: Any, regression: bool, share: float) -> list[tuple[Any, Any]]:
    kind = KFold if regression else StratifiedKFold
    folds = kind(FOLDS, shuffle=True, random_state=0).split(y, y)
    return [(_part(train, None if regression else y[train], share), test) for train, test in folds]


def _part(rows: Any, classes: Any | None, share: float) -> Any:
    """Return a random share of rows, with at least one row of each class, in their order."""
    if share >= 1.0:
        return rows
    rng = np.random.default_rng(0)
    groups = [rows] if classes is None else [rows[classes == k] for k in np.unique(classes)]
    kept = [rng.permutation(group)[: max(round(share * len(group)), 1)] for group in groups]
    return np.sort(np.concatenate(kept))


BOOSTED = {
    "n_estimators": Int(5, 60, scaling="log"),
    "learning_rate": log(1e-3, 1.0),
    "max_depth": Int(1, 10, scaling="linear"),
    "min_child_weight": log(1e-2, 1e2),
    "subsample": linear(0.3, 1.0),
    "colsample_bytree": linear(0.1, 1.0),
    "reg_lambda": log(1e-4, 1e3),
    "reg_alpha": log(1e-4, 1e3),
}

MODELS = (
    Model(
        "xgboost, cancer",
        XGBClassifier(n_jobs=1, random_state=0, verbosity=0),
        cancer,
        "neg_log_loss",
        BOOSTED,
    ),
    Model(
        "xgboost, diabetes",
        XGBRegressor(n_jobs=1, random_state=0, verbosity=0),
        diabetes,
        "neg_root_mean_squared_error",
        BOOSTED,
    ),
    Model(
        "lightgbm, parity",
        LGBMClassifier(n_jobs=1, random_state=0, verbosity=-1, subsample_freq=1),
        parity,
        "neg_log_loss",
        {
            "n_estimators": Int(5, 60, scaling="log"),
            "learning_rate": log(1e-3, 1.0),
            "num_leaves": Int(2, 64, scaling="log"),
            "min_child_samples": Int(1, 100, scaling="log"),
            "subsample": linear(0.3, 1.0),
            "colsample_bytree": linear(0.1, 1.0),
            "reg_lambda": log(1e-4, 1e3),
        },
    ),
    Model(
        "boosting, diabetes",
        HistGradientBoostingRegressor(random_state=0, early_stopping=False),
        diabetes,
        "neg_root_mean_squared_error",
        {
            "max_iter": Int(5, 60, scaling="log"),
            "learning_rate": log(1e-3, 1.0),
            "max_leaf_nodes": Int(2, 32, scaling="log"),
            "min_samples_leaf": Int(1, 100, scaling="log"),
            "l2_regularization": log(1e-4, 1e3),
            "max_features": linear(0.1, 1.0),
        },
    ),
    Model(
        "random forest, digits",
        RandomForestClassifier(n_jobs=1, random_state=0),
        digits,
        "neg_log_loss",
        {
            "n_estimators": Int(5, 40, scaling="log"),
            "max_depth": Int(2, 20, scaling="linear"),
            "max_features": linear(0.02, 1.0),
            "min_samples_leaf": Int(1, 20, scaling="log"),
            "criterion": Categorical(["gini", "entropy"]),
            "ccp_alpha": log(1e-6, 1e-1),
        },
    ),
    Model(
        "svm, cancer",
        make_pipeline(StandardScaler(), SVC(max_iter=5000)),
        cancer,
        "roc_auc",
        {"svc__C": log(1e-3, 1e4), "svc__gamma": log(1e-6, 1e1)},
    ),
    Model(
        "svm, diabetes",
        make_pipeline(StandardScaler(), SVR(max_iter=5000)),
        diabetes,
        "neg_root_mean_squared_error",
        {"svr__C": log(1e-2, 1e4), "svr__gamma": log(1e-6, 1e1), "svr__epsilon": log(1e-2, 1e2)},
    ),
    Model(
        "pca and svm, parity",
        make_pipeline(StandardScaler(), PCA(random_state=0), SVC(max_iter=5000)),
        parity,
        "roc_auc",
        {
            "pca__n_components": Int(2, 60, scaling="log"),
            "pca__whiten": Categorical([True, False]),
            "svc__kernel": Categorical(["linear", "poly", "rbf", "sigmoid"]),
            "svc__C": log(1e-3, 1e3),
            "svc__gamma": log(1e-5, 1e1, when={"svc__kernel": ["poly", "rbf", "sigmoid"]}),
            "svc__degree": Int(2, 5, scaling="linear", when={"svc__kernel": ["poly"]}),
        },
    ),
    Model(
        "logistic regression, digits",
        make_pipeline(StandardScaler(), PCA(random_state=0), LogisticRegression(max_iter=50)),
        digits,
        "neg_log_loss",
        {
            "pca__n_components": Int(2, 60, scaling="linear"),
            "pca__whiten": Categorical([True, False]),
            "logisticregression__C": log(1e-4, 1e4),
            "logisticregression__class_weight": Categorical(["balanced", None]),
        },
    ),
    Model(
        "elastic net, diabetes",
        make_pipeline(PolynomialFeatures(), StandardScaler(), ElasticNet(max_iter=300)),
        diabetes,
        "neg_root_mean_squared_error",
        {
            "polynomialfeatures__degree": Int(1, 2, scaling="linear"),
            "elasticnet__alpha": log(1e-3, 1e3),
            "elasticnet__l1_ratio": linear(0.0, 1.0),
        },
    ),
    Model(
        "mlp, digits",
        make_pipeline(StandardScaler(), MLPClassifier(max_iter=6, random_state=0)),
        digits,
        "neg_log_loss",
        {
            "mlpclassifier__hidden_layer_sizes": Int(4, 64, scaling="log"),
            "mlpclassifier__learning_rate_init": log(1e-4, 1.0),
            "mlpclassifier__batch_size": Int(8, 128, scaling="log"),
            "mlpclassifier__alpha": log(1e-6, 1e1),
            "mlpclassifier__activation": Categorical(["relu", "tanh", "logistic"]),
            "mlpclassifier__solver": Categorical(["adam", "sgd"]),
            "mlpclassifier__momentum": linear(0.0, 0.99, when={"mlpclassifier__solver": ["sgd"]}),
        },
    ),
)


TREE = {
    "max_depth": Int(1, 30, scaling="linear"),
    "min_samples_split": Int(2, 128, scaling="log"),
    "min_samples_leaf": Int(1, 64, scaling="log"),
    "ccp_alpha": log(1e-6, 1.0),
}

#: Losses with steps, ties and plateaus.
STEPS = (
    Model(
        "tree, cancer",
        DecisionTreeClassifier(random_state=0),
        cancer,
        "neg_log_loss",
        TREE | {"criterion": Categorical(["gini", "entropy"])},
    ),
    Model(
        "tree, wine",
        DecisionTreeClassifier(random_state=0),
        wine,
        "accuracy",
        TREE | {"max_features": linear(0.05, 1.0)},
    ),
    Model(
        "tree, digits",
        DecisionTreeClassifier(random_state=0),
        digits,
        "neg_log_loss",
        {**TREE, "ccp_alpha": log(1e-4, 1.0), "min_impurity_decrease": log(1e-6, 1.0)},
    ),
    Model(
        "tree, diabetes",
        DecisionTreeRegressor(random_state=0),
        diabetes,
        "neg_mean_absolute_error",
        {**TREE, "ccp_alpha": log(1e-2, 1e4), "min_impurity_decrease": log(1e-2, 1e4)},
    ),
    Model(
        "small forest, wine",
        RandomForestClassifier(n_jobs=1, random_state=0),
        wine,
        "accuracy",
        TREE | {"n_estimators": Int(1, 16, scaling="log"), "max_features": linear(0.05, 1.0)},
    ),
    Model(
        "adaboost, cancer",
        AdaBoostClassifier(DecisionTreeClassifier(random_state=0), random_state=0),
        cancer,
        "accuracy",
        {
            "n_estimators": Int(1, 32, scaling="log"),
            "learning_rate": log(1e-4, 10.0),
            "estimator__max_depth": Int(1, 10, scaling="linear"),
            "estimator__min_samples_leaf": Int(1, 64, scaling="log"),
        },
    ),
    Model(
        "neighbors, digits",
        make_pipeline(StandardScaler(), PCA(random_state=0), KNeighborsClassifier()),
        digits,
        "accuracy",
        {
            "pca__n_components": Int(2, 60, scaling="linear"),
            "kneighborsclassifier__n_neighbors": Int(1, 200, scaling="log"),
            "kneighborsclassifier__weights": Categorical(["uniform", "distance"]),
            "kneighborsclassifier__p": Int(1, 4, scaling="linear"),
        },
    ),
    Model(
        "svm, wine",
        make_pipeline(StandardScaler(), SVC(max_iter=5000)),
        wine,
        "accuracy",
        {"svc__C": log(1e-4, 1e5), "svc__gamma": log(1e-6, 1e3)},
    ),
)


def tasks() -> list[Task]:
    """Return all models as tasks: families ``"models"`` and ``"steps"``."""
    return [model.task() for model in MODELS] + [model.task("steps") for model in STEPS]
