"""XGBoost: early stopping, and stopping early
===========================================

Two things are called early stopping.  ``early_stopping_rounds=`` of XGBoost ends *one fit* where
its own validation error no longer falls.  ``stopping=`` of the search ends a *poor candidate*: a
fit that is worse than the fits of earlier candidates were after as many rounds.  They answer
different questions and work together, in cross-validation and without an evaluation set of yours.
"""

# %%
# Both in one search
# ------------------

from sklearn.datasets import make_classification
from xgboost import XGBClassifier

from tuneplug import Float, Int
from tuneplug_matplotlib import LearningCurvesDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = make_classification(400, n_informative=6, flip_y=0.1, random_state=0)
model = XGBClassifier(n_estimators=50, early_stopping_rounds=10, n_jobs=1)
space = {"learning_rate": Float(1e-3, 1.0), "max_depth": Int(1, 6)}
search = WarpedBayesSearchCV(
    model, space, n_iter=15, cv=3, scoring="neg_log_loss", stopping="median", random_state=0
)
search.fit(X, y)
print(search.best_params_)

# %%
# How many rounds the refit trains
# --------------------------------
#
# Each fold has selected a number of rounds.  The refit has no fold left to stop on, so it trains
# their median.

best = search.best_index_
print([int(search.cv_results_[f"split{fold}_best_round"][best]) for fold in range(3)])
print(search.best_estimator_.get_booster().num_boosted_rounds())

# %%
# What the stopped candidates saved
# ---------------------------------
#
# ``stop_reason`` says what each was compared with.

print(search.study_.savings())
for trial in search.study_.trials:
    if trial.stop_reason:
        print(trial.number, trial.stop_reason)

# %%

LearningCurvesDisplay.from_estimator(search)
