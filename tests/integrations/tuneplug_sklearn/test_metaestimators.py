"""Boosted models within metaestimators of scikit-learn."""

from __future__ import annotations

import warnings
from functools import partial

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import HistGradientBoostingRegressor, StackingRegressor, VotingRegressor
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import KFold, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from tuneplug import Categorical, Float
from tuneplug.stopping import MedianRule
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.evaluation_data import EvaluationData
from tuneplug_sklearn.metaestimators import inner_models
from tuneplug_sklearn.pipelines import last_step
from tuneplug_xgboost import XGBoostMonitor

#: LightGBM before 4.7 gives itself names of features, which scikit-learn then misses in an array.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

X, Y = make_regression(150, 5, noise=5.0, random_state=0)
Y = Y / 100  # so that arcsinh bends the target only mildly
X_CLASS, Y_CLASS = make_classification(150, 5, random_state=0)
NEVER = MedianRule(n_warmup_steps=10**6)
RATE = {"learning_rate": Float(0.05, 0.5)}


def xgb(**params):
    return xgboost.XGBRegressor(**{"n_estimators": 10, "n_jobs": 1, "max_depth": 2} | params)


def lgb(**params):
    defaults = {"n_estimators": 10, "n_jobs": 1, "num_leaves": 3, "verbosity": -1}
    return lightgbm.LGBMRegressor(**defaults | params)


def hgb(**params):
    return HistGradientBoostingRegressor(**{"max_iter": 10, "random_state": 0} | params)


EARLY = {xgb: {"early_stopping_rounds": 3}, lgb: {"early_stopping_round": 3}}
BOTH = pytest.mark.parametrize("booster", [xgb, lgb], ids=["xgboost", "lightgbm"])


def searched(estimator, prefix, data=(X, Y), fit_params=None, space=None, **options):
    space = space or {f"{prefix}learning_rate": Float(0.05, 0.5)}
    defaults = {"n_iter": 2, "cv": 3, "random_state": 0, "strategy": "random"}
    search = WarpedBayesSearchCV(estimator, space, **defaults | options)
    return search.fit(*data, **fit_params or {})


def folds_reported(search):
    return [sorted({report.fold for report in t.reports}) for t in search.study_.trials]


# ------------------------------------------------------------------ TransformedTargetRegressor

TRANSFORMED = {
    "functions": (
        "regressor__",
        lambda model: TransformedTargetRegressor(model, func=np.arcsinh, inverse_func=np.sinh),
    ),
    "no transformer": ("regressor__", TransformedTargetRegressor),
    "transformer": (
        "regressor__",
        lambda model: TransformedTargetRegressor(
            model, transformer=QuantileTransformer(n_quantiles=20)
        ),
    ),
    "pipeline inside": (
        "regressor__model__",
        lambda model: TransformedTargetRegressor(
            Pipeline([("scale", StandardScaler()), ("model", model)]), transformer=StandardScaler()
        ),
    ),
    "pipeline outside": (
        "model__regressor__",
        lambda model: Pipeline(
            [
                ("scale", StandardScaler()),
                ("model", TransformedTargetRegressor(model, transformer=StandardScaler())),
            ]
        ),
    ),
    "nested": (
        "regressor__regressor__",
        lambda model: TransformedTargetRegressor(
            TransformedTargetRegressor(model, func=np.arcsinh, inverse_func=np.sinh),
            transformer=StandardScaler(),
        ),
    ),
}
EACH = pytest.mark.parametrize("kind", TRANSFORMED)


@EACH
@BOTH
def test_a_model_of_a_transformed_target_stops_early_in_each_fold(booster, kind):
    prefix, wrap = TRANSFORMED[kind]
    search = searched(wrap(booster(n_estimators=300, **EARLY[booster])), prefix)
    rounds = [search.cv_results_[f"split{fold}_best_round"] for fold in range(3)]
    assert (np.array(rounds) < 300).all()
    assert search.score(X, Y) > 0.5


@pytest.mark.filterwarnings("error")
@EACH
@pytest.mark.parametrize("booster", [xgb, lgb, hgb], ids=["xgboost", "lightgbm", "hist"])
def test_monitoring_does_not_change_the_scores_of_a_transformed_target(booster, kind):
    prefix, wrap = TRANSFORMED[kind]
    search = searched(wrap(booster()), prefix, timeout=1e6)
    assert folds_reported(search) == [[0, 1, 2]] * 2
    plain = searched(wrap(booster()), prefix)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


@EACH
def test_the_validation_target_is_transformed_as_the_inner_fit_sees_it(kind):
    prefix, wrap = TRANSFORMED[kind]
    search = searched(wrap(xgb()), prefix, timeout=1e6, n_iter=1, monitor=XGBoostMonitor("rmse"))
    report = search.study_.trials[0].reports[-1]
    train, test = list(KFold(3).split(X))[report.fold]
    model = clone(wrap(xgb())).set_params(**search.study_.trials[0].params).fit(X[train], Y[train])
    data = EvaluationData(X[test], Y[test]).transformed(model, Y[train])
    inner = model
    while not isinstance(inner, xgboost.XGBRegressor):
        inner = inner.regressor_ if hasattr(inner, "regressor_") else inner[-1]
    error = np.sqrt(np.mean((inner.predict(data.X) - data.y) ** 2))
    assert report.value == pytest.approx(error, rel=1e-5)


def test_the_refit_trains_the_median_of_the_rounds_without_early_stopping():
    model = TransformedTargetRegressor(
        xgb(n_estimators=300, early_stopping_rounds=3), transformer=StandardScaler()
    )
    search = searched(model, "regressor__")
    rounds = [search.cv_results_[f"split{f}_best_round"][search.best_index_] for f in range(3)]
    fitted = search.best_estimator_.regressor_
    assert fitted.get_booster().num_boosted_rounds() == np.median(rounds)
    assert "fit" not in vars(fitted)
    assert "__sklearn_clone__" not in vars(search.best_estimator_.regressor)


SCORES = {
    "r2": None,
    "name": "neg_mean_absolute_error",
    "scorer": make_scorer(mean_absolute_error, greater_is_better=False),
    "function": lambda model, X, y: -float(np.abs(model.predict(X) - y).max()),
}


@pytest.mark.parametrize("scoring", SCORES.values(), ids=SCORES)
def test_the_scorer_gets_the_untransformed_target(scoring):
    model = TransformedTargetRegressor(hgb(), func=np.arcsinh, inverse_func=np.sinh)
    search = searched(model, "regressor__", stopping=NEVER, scoring=scoring)
    for trial, i in zip(search.study_.trials, range(2), strict=True):
        for fold in range(3):
            last = [report.value for report in trial.reports if report.fold == fold][-1]
            assert last == search.cv_results_[f"split{fold}_test_score"][i]


LOGARITHM = {"func": np.log1p, "inverse_func": np.expm1}
MATCHED = {
    "no transformer": ({}, "neg_mean_absolute_percentage_error", {"mape"}),
    "standardized, r2": ({"transformer": StandardScaler()}, None, {"rmse", "l2"}),
    "range, absolute error": (
        {"transformer": MinMaxScaler()},
        "neg_mean_absolute_error",
        {"mae", "l1"},
    ),
    "quartiles, squared error": (
        {"transformer": RobustScaler()},
        "neg_root_mean_squared_error",
        {"rmse"},
    ),
    "logarithm": (LOGARITHM, "neg_mean_squared_log_error", {"rmse"}),
    "logarithm, standardized": (LOGARITHM, "neg_root_mean_squared_log_error", {"rmse"}),
}


@BOTH
@pytest.mark.parametrize("case", MATCHED)
def test_a_metric_orders_fits_as_the_score_does_where_the_transformer_keeps_the_order(
    booster, case
):
    options, scoring, metrics = MATCHED[case]
    inner, prefix = booster(), "regressor__"
    if case == "logarithm, standardized":
        inner, prefix = TransformedTargetRegressor(inner, transformer=StandardScaler()), 2 * prefix
    model = TransformedTargetRegressor(inner, **options)
    search = searched(
        model, prefix, (X, np.exp(Y) + 2.0), scoring=scoring, stopping=NEVER, n_iter=6
    )
    shown = {trial.metric.replace("'s ", "-").split("-")[1] for trial in search.study_.trials}
    assert shown <= metrics
    for fold in range(3):
        reports = [[r.value for r in t.reports if r.fold == fold][-1] for t in search.study_.trials]
        scores = search.cv_results_[f"split{fold}_test_score"]
        assert np.argsort(reports).tolist() == np.argsort(-scores).tolist()


@pytest.mark.parametrize(
    ("options", "scoring"),
    [
        (LOGARITHM, "r2"),
        ({"transformer": StandardScaler()}, "neg_mean_absolute_percentage_error"),
        ({"transformer": MinMaxScaler(clip=True)}, "r2"),
        ({"transformer": FunctionTransformer(np.log1p, np.exp, check_inverse=False)}, "r2"),
    ],
)
@pytest.mark.filterwarnings("ignore:The provided functions:UserWarning")
def test_a_transformer_that_may_change_the_order_leaves_the_score_without_a_metric(
    options, scoring
):
    model = TransformedTargetRegressor(xgb(), **options)
    with pytest.warns(UserWarning, match=f"compared by scoring='{scoring}'"):
        searched(model, "regressor__", (X, np.exp(Y)), scoring=scoring, stopping=NEVER)


def test_several_targets_of_different_scales_leave_the_score_without_a_metric():
    model = TransformedTargetRegressor(xgb(), transformer=StandardScaler())
    with pytest.warns(UserWarning, match="compared by scoring='neg_mean_squared_error'"):
        searched(
            model,
            "regressor__",
            (X, np.column_stack([Y, 100 * Y])),
            scoring="neg_mean_squared_error",
            stopping=NEVER,
        )


@BOTH
def test_a_score_has_no_metric_on_the_transformed_scale(booster):
    model = TransformedTargetRegressor(booster(), func=np.arcsinh, inverse_func=np.sinh)
    with pytest.warns(UserWarning, match="r2"):
        search = searched(model, "regressor__", stopping=NEVER)
    assert folds_reported(search) == [[0, 1, 2]] * 2


def test_a_target_that_cannot_be_transformed_leaves_the_fits_unmonitored():
    def trained_only(y):
        if len(y) == 50:  # the validation part of a fold
            raise RuntimeError("only the training part")
        return y

    transformer = FunctionTransformer(trained_only, trained_only, check_inverse=False)
    model = TransformedTargetRegressor(xgb(), transformer=transformer, check_inverse=False)

    def halved(model, X, y):
        return float(-np.mean((model.regressor_.predict(X) - y) ** 2))

    with pytest.warns(UserWarning, match="the transformer of the target .FunctionTransformer."):
        search = searched(model, "regressor__", stopping=NEVER, scoring=halved)
    assert folds_reported(search) == [[], []]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_sample_weights_reach_the_evaluation_set_of_a_transformed_target():
    weight = np.where(np.arange(150) % 2, 1.0, 1e-9)
    monitor = XGBoostMonitor("rmse")
    model = TransformedTargetRegressor(xgb(early_stopping_rounds=5), transformer=StandardScaler())
    options = {"fit_params": {"sample_weight": weight}, "monitor": monitor, "stopping": NEVER}
    weighted = searched(model, "regressor__", **options)
    plain = searched(model, "regressor__", **options | {"fit_params": {}})
    assert weighted.study_.trials[0].reports[0] != plain.study_.trials[0].reports[0]


@pytest.mark.parametrize("routing", [False, True], ids=["names", "routing"])
def test_unit_weights_through_a_transformed_target_change_nothing(routing):
    with config_context(enable_metadata_routing=routing):
        scale, model = StandardScaler(), xgb(n_estimators=100, early_stopping_rounds=3)
        if routing:
            scale.set_fit_request(sample_weight=False)
            model.set_fit_request(sample_weight=True)
        pipeline = Pipeline([("scale", scale), ("model", model)])
        wrapped = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
        name = "sample_weight" if routing else "model__sample_weight"
        options = {"scoring": "neg_max_error"}  # it takes no weights
        weights = {name: np.ones(len(Y))}
        weighted = searched(wrapped, "regressor__model__", fit_params=weights, **options)
        plain = searched(wrapped, "regressor__model__", **options)
    for key in ("split0_best_round", "split2_test_score"):
        np.testing.assert_allclose(weighted.cv_results_[key], plain.cv_results_[key], rtol=1e-5)


# ------------------------------------------------------------------ other metaestimators

Y_TWO = np.c_[Y, Y**2]


def _classifier(**params):
    return xgboost.XGBClassifier(n_estimators=10, n_jobs=1, max_depth=2, **params)


def _light_classifier(**params):
    return lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, verbosity=-1, **params)


METAESTIMATORS = {
    "MultiOutputRegressor": (
        "estimator__",
        lambda light, **p: MultiOutputRegressor((lgb if light else xgb)(**p)),
        (X, Y_TWO),
    ),
    "RegressorChain": (
        "estimator__",
        lambda light, **p: RegressorChain((lgb if light else xgb)(**p)),
        (X, Y_TWO),
    ),
    "CalibratedClassifierCV": (
        "estimator__",
        lambda light, **p: CalibratedClassifierCV(
            (_light_classifier if light else _classifier)(**p), cv=2
        ),
        (X_CLASS, Y_CLASS),
    ),
    "OneVsRestClassifier": (
        "estimator__",
        lambda light, **p: OneVsRestClassifier((_light_classifier if light else _classifier)(**p)),
        (X_CLASS, Y_CLASS),
    ),
    "StackingRegressor": (
        "model__",
        lambda light, **p: StackingRegressor([("model", (lgb if light else xgb)(**p))], cv=2),
        (X, Y),
    ),
    "VotingRegressor": (
        "model__",
        lambda light, **p: VotingRegressor(
            [("model", (lgb if light else xgb)(**p)), ("ridge", Ridge())]
        ),
        (X, Y),
    ),
    "TransformedTargetRegressor in MultiOutputRegressor": (
        "estimator__regressor__",
        lambda light, **p: MultiOutputRegressor(
            TransformedTargetRegressor((lgb if light else xgb)(**p), transformer=StandardScaler())
        ),
        (X, Y_TWO),
    ),
}
OTHERS = pytest.mark.parametrize("kind", METAESTIMATORS)
LIGHT = pytest.mark.parametrize("light", [False, True], ids=["xgboost", "lightgbm"])


@OTHERS
@LIGHT
def test_early_stopping_in_other_metaestimators_is_refused_before_any_fit(kind, light):
    prefix, make, data = METAESTIMATORS[kind]
    model = make(light, **{"early_stopping_round" if light else "early_stopping_rounds": 3})
    with pytest.raises(ValueError, match=f"early stopping needs evaluation data.* in {kind}: "):
        searched(model, prefix, data)


@OTHERS
@LIGHT
@pytest.mark.parametrize("options", [{"timeout": 1e6}, {"stopping": "median"}], ids=str)
def test_fits_in_other_metaestimators_run_unmonitored_with_one_warning(kind, light, options):
    prefix, make, data = METAESTIMATORS[kind]
    with pytest.warns(UserWarning, match="cannot end a running fit") as caught:
        search = searched(make(light), prefix, data, **options)
    (message,) = [str(w.message) for w in caught if "cannot end" in str(w.message)]
    assert f"{next(iter(options))}= cannot end a running fit" in message
    assert f" in {kind}, because" in message
    assert folds_reported(search) == [[], []]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def _cat(kind, **params):
    catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")
    quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
    return getattr(catboost, kind)(**{"iterations": 5} | quiet | params)


OF_SEVERAL_TARGETS = {
    "MultiOutputRegressor": (MultiOutputRegressor, Y_TWO),
    "RegressorChain": (RegressorChain, Y_TWO),
    "MultiOutputClassifier": (MultiOutputClassifier, np.median(Y_TWO, axis=0) < Y_TWO),
    "ClassifierChain": (ClassifierChain, np.median(Y_TWO, axis=0) < Y_TWO),
}


@pytest.mark.parametrize("library", ["XGB", "LGBM", "CatBoost"])
@pytest.mark.parametrize("kind", OF_SEVERAL_TARGETS)
def test_a_model_of_each_target_runs_unmonitored_and_must_not_stop_early(kind, library):
    make, targets = OF_SEVERAL_TARGETS[kind]
    suffix = "Classifier" if "Classifier" in kind else "Regressor"
    models = {
        "XGB": (_classifier, xgb),
        "LGBM": (_light_classifier, lgb),
        "CatBoost": (partial(_cat, "CatBoostClassifier"), partial(_cat, "CatBoostRegressor")),
    }
    model = models[library][suffix == "Regressor"]
    label = f"{library}{suffix} in {kind}"
    data = X, targets.astype(float) if suffix == "Regressor" else targets.astype(int)
    with pytest.warns(UserWarning, match=f"cannot end a running fit of {label}, because"):
        search = searched(make(model()), "estimator__", data, stopping="median")
    assert folds_reported(search) == [[], []]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with pytest.raises(ValueError, match=f"early stopping needs evaluation data.*{label}"):
        searched(make(model(early_stopping_rounds=2)), "estimator__", data)


@pytest.mark.filterwarnings("error")
@OTHERS
def test_a_search_without_limits_of_fits_is_silent(kind):
    prefix, make, data = METAESTIMATORS[kind]
    search = searched(make(False), prefix, data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_early_stopping_that_the_space_turns_on_is_refused():
    model = MultiOutputRegressor(xgb())
    space = {"estimator__early_stopping_rounds": Categorical([None, 5])}
    with pytest.raises(ValueError, match="XGBRegressor in MultiOutputRegressor"):
        searched(model, "", (X, Y_TWO), space=space)


def test_early_stopping_that_the_space_turns_off_is_accepted():
    model = MultiOutputRegressor(xgb(early_stopping_rounds=5))
    space = {"estimator": Categorical([xgb(max_depth=1), xgb(max_depth=2)])}
    search = searched(model, "", (X, Y_TWO), space=space)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_model_with_early_stopping_that_selects_features_is_refused():
    selector = SelectFromModel(xgb(early_stopping_rounds=5))
    with pytest.raises(ValueError, match="XGBRegressor in SelectFromModel in Pipeline"):
        searched(make_pipeline(selector, Ridge()), "", space={"ridge__alpha": Float(0.1, 1.0)})


def test_evaluation_sets_of_the_user_are_accepted():
    model = MultiOutputRegressor(xgb(early_stopping_rounds=5))
    fit_params = {"eval_set": [(X[:20], Y[:20])], "verbose": False}
    search = searched(model, "estimator__", (X, Y_TWO), fit_params)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_models_that_are_already_fitted_are_accepted():
    fitted = _classifier(early_stopping_rounds=3).fit(
        X_CLASS, Y_CLASS, eval_set=[(X_CLASS, Y_CLASS)], verbose=False
    )
    model = CalibratedClassifierCV(FrozenEstimator(fitted))
    space = {"method": Categorical(["sigmoid", "isotonic"])}
    search = searched(model, "", (X_CLASS, Y_CLASS), space=space)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class HoldsOut(RegressorMixin, BaseEstimator):
    """Makes evaluation data for the model that it fits."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        X, X_val, y, y_val = train_test_split(X, y, random_state=0)
        self.model_ = clone(self.model).fit(X, y, eval_set=[(X_val, y_val)], verbose=False)
        return self

    def predict(self, X):
        return self.model_.predict(X)


def test_metaestimators_that_make_evaluation_data_are_accepted():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = searched(HoldsOut(xgb(early_stopping_rounds=3)), "model__")
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_inner_models_leave_out_the_last_step():
    model = make_pipeline(SelectFromModel(xgb()), xgb())
    (inner,) = inner_models(model, [XGBoostMonitor()])
    assert inner.label == "XGBRegressor in SelectFromModel in Pipeline"
    assert last_step(model) is model[-1]


@pytest.mark.parametrize("stopping", [NEVER, None], ids=["stopping", "timeout"])
def test_a_space_of_models_in_a_metaestimator_warns_too(stopping):
    space = {"estimator": Categorical([xgb(max_depth=1), xgb(max_depth=2)])}
    model = MultiOutputRegressor(Ridge())
    with pytest.warns(UserWarning, match="cannot end a running fit of XGBRegressor in Multi"):
        searched(model, "", (X, Y_TWO), space=space, stopping=stopping, timeout=1e6)


def test_a_strategy_that_needs_reports_is_refused_in_a_metaestimator():
    with pytest.raises(ValueError, match="needs an estimator that a monitor accepts"):
        searched(MultiOutputRegressor(xgb()), "estimator__", (X, Y_TWO), strategy="hyperband")


def test_a_transformed_target_is_monitored_on_workers():
    model = TransformedTargetRegressor(
        xgb(n_estimators=50, early_stopping_rounds=3), transformer=StandardScaler()
    )
    parallel = searched(
        model, "regressor__", n_jobs=2, stopping=NEVER, monitor=XGBoostMonitor("rmse")
    )
    alone = searched(model, "regressor__", stopping=NEVER, monitor=XGBoostMonitor("rmse"))
    for a, b in zip(parallel.study_.trials, alone.study_.trials, strict=True):
        assert a.reports
        assert sorted(a.reports, key=str) == sorted(b.reports, key=str)
