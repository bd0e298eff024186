"""Groups and time series
======================

A score is only as honest as its folds.  Rows of one patient must not be on both sides of a split,
and a forecast must not learn from the future.  The search takes scikit-learn's splitters, makes the
folds once, and gives all candidates the same ones.  ``groups`` goes to ``fit``.
"""

# %%
# Groups: the same search with honest and with leaking folds
# ----------------------------------------------------------
#
# Forty patients with eight visits each: what a row says about its own patient does not help with
# new ones.

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor

from tuneplug import Categorical, Float, Int
from tuneplug_matplotlib import FoldScoresDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

rng = np.random.default_rng(0)
patients = np.repeat(np.arange(40), 8)
center = rng.normal(size=(40, 3))[patients]
X = center + 0.1 * rng.normal(size=center.shape)
y = X[:, 0] + rng.normal(size=40)[patients] + 0.1 * rng.normal(size=320)

space = {"n_neighbors": Int(1, 60), "weights": Categorical(["uniform", "distance"])}
for name, cv, groups in [
    ("leaking", KFold(5, shuffle=True, random_state=0), None),
    ("honest", GroupKFold(5), patients),
]:
    search = WarpedBayesSearchCV(KNeighborsRegressor(), space, n_iter=12, cv=cv, random_state=0)
    search.fit(X, y, groups=groups)
    print(f"{name}: r2 {search.best_score_:.2f} with {search.best_params_}")

# %%
# The leaking search prefers a model that looks up a patient among that patient's other visits.  New
# patients have none, so the honest search chooses a model that averages over more neighbors.
#
# Time: each fold tests what comes after its training part
# --------------------------------------------------------
#
# A seasonal series, forecast from its last days.  ``gap=`` leaves out the days between.

days = np.arange(500)
series = np.sin(2 * np.pi * days / 7) + 0.002 * days + 0.3 * rng.normal(size=days.size)
lags = np.lib.stride_tricks.sliding_window_view(series[:-1], 14)
search = WarpedBayesSearchCV(
    Ridge(),
    {"alpha": Float(1e-3, 1e4), "fit_intercept": Categorical([True, False])},
    n_iter=12,
    cv=TimeSeriesSplit(5, gap=7),
    scoring="neg_mean_absolute_error",
    random_state=0,
)
search.fit(lags, series[14:])
print(f"mean absolute error {-search.best_score_:.3f} with {search.best_params_}")

# %%

FoldScoresDisplay.from_estimator(search)
