"""Evaluation data in pipelines, and fits that go on without a monitor if monitoring fails."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost
from imblearn import FunctionSampler
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tuneplug import Float, TrialState
from tuneplug.monitoring import FitMonitor
from tuneplug.stopping import MedianRule
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn import hist_gradient_boosting as hist_module

#: LightGBM before 4.7 gives itself names of features, which scikit-learn then misses in an array.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

X, Y = make_classification(150, 5, weights=[0.8], random_state=0)
NEVER = MedianRule(n_warmup_steps=10**6)


def xgb(**params):
    return xgboost.XGBClassifier(**{"n_estimators": 10, "n_jobs": 1, "max_depth": 2} | params)


def lgb(**params):
    defaults = {"n_estimators": 10, "n_jobs": 1, "num_leaves": 3, "verbosity": -1}
    return lightgbm.LGBMClassifier(**defaults | params)


def hgb(**params):
    return HistGradientBoostingClassifier(**{"max_iter": 10, "random_state": 0} | params)


BOOSTERS = {"xgboost": xgb, "lightgbm": lgb, "hist": hgb}
ALL = pytest.mark.parametrize("booster", BOOSTERS.values(), ids=BOOSTERS)
BOTH = pytest.mark.parametrize("booster", [xgb, lgb], ids=["xgboost", "lightgbm"])
EARLY = {xgb: {"early_stopping_rounds": 3}, lgb: {"early_stopping_round": 3}}


def searched(estimator, prefix="", data=(X, Y), fit_params=None, **options):
    defaults = {"n_iter": 2, "cv": 3, "random_state": 0, "strategy": "random"}
    search = WarpedBayesSearchCV(
        estimator, {f"{prefix}learning_rate": Float(0.05, 0.5)}, **defaults | options
    )
    return search.fit(*data, **fit_params or {})


def folds_reported(search):
    return [sorted({report.fold for report in t.reports}) for t in search.study_.trials]


class Ratio(TransformerMixin, BaseEstimator):
    """Learns nothing, so it has no fitted attribute."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.c_[X, X[:, 0] / (1 + X[:, 1] ** 2)]


# ------------------------------------------------------------------ steps before the last one

PIPELINES = {
    "last": lambda model: Pipeline([("ratio", Ratio()), ("model", model)]),
    "middle": lambda model: Pipeline(
        [("scale", StandardScaler()), ("ratio", Ratio()), ("none", "passthrough"), ("model", model)]
    ),
    "nested": lambda model: Pipeline(
        [("ratio", Ratio()), ("inner", Pipeline([("ratio", Ratio()), ("model", model)]))]
    ),
}


def prefix_of(pipeline):
    return "inner__model__" if "inner" in dict(pipeline.steps) else "model__"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("options", [{"timeout": 1e6}, {"stopping": NEVER}])
@pytest.mark.parametrize("kind", PIPELINES)
@ALL
def test_evaluation_data_pass_through_transformers_without_fitted_attributes(
    booster, kind, options
):
    pipeline = PIPELINES[kind](booster())
    search = searched(pipeline, prefix_of(pipeline), **options)
    assert folds_reported(search) == [[0, 1, 2]] * 2
    plain = searched(pipeline, prefix_of(pipeline))
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("kind", PIPELINES)
@BOTH
def test_early_stopping_works_behind_transformers_without_fitted_attributes(booster, kind):
    pipeline = PIPELINES[kind](booster(n_estimators=100, **EARLY[booster]))
    search = searched(pipeline, prefix_of(pipeline))
    assert (search.cv_results_["split0_best_round"] < 100).all()


SAMPLERS = {
    "smote": lambda: SMOTE(random_state=0),
    "over": lambda: RandomOverSampler(random_state=0),
    "under": lambda: RandomUnderSampler(random_state=0),
    "function": FunctionSampler,
}


def imbalanced(sampler, model, kind):
    if kind == "scaled":
        steps = [("scale", StandardScaler()), ("sample", sampler), ("model", model)]
    elif kind == "first":
        steps = [("sample", sampler), ("ratio", Ratio()), ("model", model)]
    else:
        inner = ImbalancedPipeline([("sample", sampler), ("model", model)])
        return Pipeline([("ratio", Ratio()), ("inner", inner)])
    return ImbalancedPipeline(steps)


@pytest.mark.parametrize("kind", ["scaled", "first", "nested"])
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@ALL
def test_samplers_of_imbalanced_learn_do_not_resample_evaluation_data(booster, sampler, kind):
    pipeline = imbalanced(sampler(), booster(), kind)
    search = searched(pipeline, prefix_of(pipeline), stopping=NEVER, scoring="neg_log_loss")
    assert folds_reported(search) == [[0, 1, 2]] * 2
    for trial in search.study_.trials:
        last = [r.value for r in trial.reports if r.step == 9]
        assert abs(np.mean(last)) == pytest.approx(-trial.value, rel=1e-5)  # a loss, or the score


@BOTH
def test_early_stopping_works_behind_a_sampler(booster):
    pipeline = imbalanced(SMOTE(random_state=0), booster(n_estimators=400, **EARLY[booster]), "")
    search = searched(pipeline, "inner__model__", timeout=1e6)
    assert (search.cv_results_["split0_best_round"] < 400).all()


# ------------------------------------------------------------------ monitoring that fails


class OnlyFits(TransformerMixin, BaseEstimator):
    """Cannot transform data that it is not fitted on."""

    def fit(self, X, y=None):
        return self

    def fit_transform(self, X, y=None):
        return X

    def transform(self, X):
        raise ArithmeticError(f"{len(X)} rows")


def constant(model, X, y):
    return 0.5


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("options", [{"timeout": 1e6}, {"stopping": NEVER}])
@ALL
def test_fits_go_on_with_one_warning_if_a_step_cannot_transform_evaluation_data(
    booster, options, n_jobs
):
    pipeline = Pipeline([("inner", Pipeline([("odd", OnlyFits()), ("model", booster())]))])
    options |= {"n_jobs": n_jobs, "scoring": constant}
    with warnings.catch_warnings(record=True) as caught, joblib.parallel_config("threading"):
        warnings.simplefilter("always")
        search = searched(pipeline, "inner__model__", **options)
    (warning,) = caught
    assert warning.filename == __file__
    assert "6 fits ran to the end without" in str(warning.message)
    assert "step 'odd' (OnlyFits) raised ArithmeticError: " in str(warning.message)
    assert {trial.state for trial in search.study_.trials} == {TrialState.COMPLETE}
    assert search.cv_results_["mean_test_score"].tolist() == [0.5, 0.5]


@pytest.mark.usefixtures("ticking")
@BOTH
def test_a_deadline_holds_without_evaluation_data(booster):
    pipeline = Pipeline([("odd", OnlyFits()), ("model", booster(n_estimators=3000))])
    with (
        pytest.warns(UserWarning, match="'odd'"),
        pytest.raises(ValueError, match=r"\(trial_timeout\)"),
    ):
        searched(pipeline, "model__", trial_timeout=0.5, scoring=constant)


@BOTH
def test_early_stopping_needs_evaluation_data_and_the_error_names_the_step(booster):
    pipeline = Pipeline([("odd", OnlyFits()), ("model", booster(**EARLY[booster]))])
    with pytest.raises(ValueError, match=r"step 'odd' \(OnlyFits\) raised ArithmeticError"):
        searched(pipeline, "model__", error_score="raise")


def broken_metric(y_true, y_pred):
    raise ArithmeticError("the metric")


def lightgbm_evaluation(rows, labels):
    """Return the arguments of ``fit``, which have other names since LightGBM 4.7."""
    if "eval_X" in inspect.signature(lightgbm.LGBMClassifier.fit).parameters:
        return {"eval_X": (rows,), "eval_y": (labels,)}
    return {"eval_set": [(rows, labels)]}


BROKEN_METRICS = {
    "xgboost": (xgb(eval_metric=broken_metric), {}),
    "lightgbm": (lgb(), {"eval_metric": broken_metric}),
    "hist": (hgb(), {}),
}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {"timeout": 1e6}) for name in BROKEN_METRICS),
        *((name, {"stopping": NEVER}) for name in ("xgboost", "lightgbm")),  # hist: the scorer
    ],
)
def test_fits_go_on_with_one_warning_if_a_metric_raises(name, options, monkeypatch):
    def raises(*args):
        raise ArithmeticError("the metric")

    monkeypatch.setattr(hist_module, "_log_loss", raises)
    model, fit_params = BROKEN_METRICS[name]
    with pytest.warns(UserWarning, match=r"6 fits .* raised ArithmeticError: the metric") as caught:
        search = searched(model, fit_params=fit_params, **options)
    assert len(caught) == 1
    plain = searched(BOOSTERS[name]())
    for key in ("split0_test_score", "mean_test_score"):
        np.testing.assert_array_equal(search.cv_results_[key], plain.cv_results_[key])
    assert folds_reported(search) == [[], []]


class Drawn(HistGradientBoostingClassifier):
    """Its model depends on the state of its generator."""


@dataclass(frozen=True)
class Broken(FitMonitor):
    """Raises in one of its methods."""

    name: ClassVar[str] = "broken"
    where: str = "fit"
    calls: ClassVar[list[Any]] = []

    def _reach(self, where):
        if where == self.where:
            raise ArithmeticError(where)

    def accepts(self, estimator):
        self.calls.append(estimator)
        if len(self.calls) > 1:  # the search asks before the first fit
            self._reach("accepts")
        return True

    def has_eval_set(self, params):
        self._reach("has_eval_set")
        return False

    def has_early_stopping(self, estimator, params):
        self._reach("has_early_stopping")
        return False

    def fit(self, watched):
        self._reach("fit")
        watched.estimator.set_params(max_iter=3, warm_start=True)
        watched.estimator.fit(watched.X, watched.y)
        watched.reporter.set_metric("loss", "minimize")
        watched.reporter.report(0.0, 0)
        self._reach("after fit")


@pytest.mark.parametrize(
    "where", ["accepts", "has_eval_set", "has_early_stopping", "fit", "after fit"]
)
def test_fits_go_on_as_without_a_monitor_if_the_monitor_raises(where):
    Broken.calls.clear()
    model = hgb(max_features=0.4, random_state=np.random.RandomState(3))
    with pytest.warns(UserWarning, match=f"ArithmeticError.*{where}") as caught:
        search = searched(model, monitor=Broken(where), stopping=NEVER)
    assert len(caught) == 1 + (where in ("accepts", "has_eval_set", "has_early_stopping"))
    assert "6 fits ran to the end without" in str(caught[0].message)
    plain = searched(hgb(max_features=0.4, random_state=np.random.RandomState(3)))
    for fold in range(3):
        key = f"split{fold}_test_score"
        np.testing.assert_array_equal(search.cv_results_[key], plain.cv_results_[key])
    assert search.best_estimator_.get_params()["max_iter"] == 10
    assert folds_reported(search) == [[], []]


@pytest.mark.filterwarnings("ignore")
@ALL
def test_a_fit_that_fails_without_a_monitor_too_fails_with_its_own_error(booster):
    words = np.full(X.shape, "word", dtype=object)
    with pytest.raises(ValueError, match="All the 6 fits failed") as caught:
        searched(booster(), data=(words, Y), stopping=NEVER)
    assert "evaluation data" not in str(caught.value)


def test_a_fit_of_which_only_one_fold_is_unmonitored_keeps_the_reports_of_the_others():
    class Once(FitMonitor):
        name = "once"

        def accepts(self, estimator):
            return True

        def fit(self, watched):
            if 0.0 in watched.X_val:
                raise ArithmeticError("row 0")
            watched.reporter.set_metric("loss", "minimize")
            watched.reporter.report(1.0, 0)
            watched.estimator.fit(watched.X, watched.y)

    rows = np.arange(60.0)[:, None]
    with pytest.warns(UserWarning, match="1 fit ran to the end without a monitor"):
        search = searched(
            hgb(),
            data=(rows, np.arange(60) % 2),
            cv=KFold(3),
            monitor=Once(),
            stopping=NEVER,
            n_iter=1,
        )
    (trial,) = search.study_.trials
    assert [(r.fold, r.value) for r in trial.reports] == [(1, 1.0), (2, 1.0)]
    assert (trial.metric, trial.direction) == ("loss", "minimize")


# ------------------------------------------------------------------ margins and schedules

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(300, 4))
OFFSET = 100 * RNG.normal(size=300)
TARGET = OFFSET + WIDE[:, 0] + 0.1 * RNG.normal(size=300)
ROUNDS = 60
REGRESSORS = {
    "base_margin": xgboost.XGBRegressor(n_estimators=ROUNDS, n_jobs=1, base_score=0.0),
    "init_score": lightgbm.LGBMRegressor(n_estimators=ROUNDS, n_jobs=1, verbosity=-1),
}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", REGRESSORS)
def test_margins_are_split_with_the_folds_and_passed_to_the_evaluation_set(name, nested):
    model, prefix = REGRESSORS[name], ""
    if nested:
        inner = Pipeline([("ratio", Ratio()), ("model", model)])
        model, prefix = Pipeline([("scale", StandardScaler()), ("inner", inner)]), "inner__model__"
    search = searched(
        model, prefix, (WIDE, TARGET), {f"{prefix}{name}": OFFSET}, stopping=NEVER, n_iter=1
    )
    losses = [r.value for r in search.study_.trials[0].reports if r.step == ROUNDS - 1]
    assert len(losses) == 3
    assert max(losses) < 1.0  # about 100, or its square, without the margin


def rounds_by_hand(model, name, train, test):
    """Return the rounds that early stopping chooses on the test part, with its margins."""
    params = {name: OFFSET[train]}
    if name == "base_margin":
        params |= {"eval_set": [(WIDE[test], TARGET[test])], "verbose": False}
        params |= {"base_margin_eval_set": [OFFSET[test]]}
        return model.fit(WIDE[train], TARGET[train], **params).best_iteration + 1
    params |= lightgbm_evaluation(WIDE[test], TARGET[test])
    params |= {"eval_init_score": [OFFSET[test]]}
    return model.fit(WIDE[train], TARGET[train], **params).best_iteration_


@pytest.mark.parametrize("name", REGRESSORS)
def test_early_stopping_with_margins_chooses_the_rounds_of_the_same_fits_by_hand(name):
    early = EARLY[xgb if name == "base_margin" else lgb]
    model = clone(REGRESSORS[name]).set_params(**early, learning_rate=0.3)
    cv = KFold(3)
    search = WarpedBayesSearchCV(
        model, {"learning_rate": [0.3]}, n_iter=1, cv=cv, validation_fraction=None
    ).fit(WIDE, TARGET, **{name: OFFSET})
    for fold, (train, test) in enumerate(cv.split(WIDE)):
        rounds = search.cv_results_[f"split{fold}_best_round"][0]
        assert rounds == rounds_by_hand(clone(model), name, train, test) > 5
    held_out = WarpedBayesSearchCV(model, {"learning_rate": [0.3]}, n_iter=1, cv=cv, random_state=0)
    held_out.fit(WIDE, TARGET, **{name: OFFSET})
    assert min(held_out.cv_results_[f"split{fold}_best_round"][0] for fold in range(3)) > 5


def schedule(n, kind):
    rates = [0.5 * 0.9**i for i in range(n)]
    return {
        "list": lightgbm.reset_parameter(learning_rate=rates),
        "function": lightgbm.reset_parameter(learning_rate=lambda i: 0.5 * 0.9**i),
        "both": lightgbm.reset_parameter(learning_rate=rates, bagging_fraction=lambda i: 1.0),
    }[kind]


@pytest.mark.parametrize("kind", ["list", "function", "both"])
@pytest.mark.parametrize("nested", [False, True])
def test_the_refit_uses_the_first_values_of_a_schedule_of_lightgbm(kind, nested):
    callback, prefix = schedule(40, kind), "model__" if nested else ""
    model = lgb(n_estimators=40, num_leaves=15, early_stopping_round=2)
    estimator = Pipeline([("ratio", Ratio()), ("model", model)]) if nested else model
    search = WarpedBayesSearchCV(
        estimator, {f"{prefix}num_leaves": [15, 31]}, n_iter=2, cv=3, random_state=0
    ).fit(X, Y, **{f"{prefix}callbacks": [callback]})
    fitted = search.best_estimator_[-1] if nested else search.best_estimator_
    n_rounds = fitted.n_estimators
    assert n_rounds < 40
    by_hand = lgb(n_estimators=n_rounds, num_leaves=fitted.num_leaves)
    rows = Ratio().transform(X) if nested else X
    by_hand.fit(rows, Y, callbacks=[schedule(n_rounds, kind)])
    np.testing.assert_array_equal(fitted.predict_proba(rows), by_hand.predict_proba(rows))
    assert not isinstance(callback.kwargs["learning_rate"], list) or (
        len(callback.kwargs["learning_rate"]) == 40
    )


def test_the_refit_of_xgboost_uses_the_first_values_of_a_schedule():
    callback = xgboost.callback.LearningRateScheduler([0.9] * 40)
    model = xgb(n_estimators=40, early_stopping_rounds=2, callbacks=[callback])
    search = WarpedBayesSearchCV(model, {"max_depth": [4, 5]}, n_iter=2, cv=3, random_state=0)
    search.fit(X, Y)
    assert search.best_estimator_.n_estimators < 40
