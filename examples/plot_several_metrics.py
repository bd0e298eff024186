"""Several metrics, and a model that is good enough
================================================

A search is driven by one metric (``objective_metric=``), and records as many as you name.  A
callable ``refit`` then chooses by all of them: here the smallest forest whose AUC is within one
standard error of the best.  Such a choice costs nothing, as all candidates are already scored.
"""

# %%
# Two metrics and a rule of choice
# --------------------------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

from tuneplug import Float, Int
from tuneplug_matplotlib import FoldScoresDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

N_FOLDS = 3


def smallest_good_forest(results):
    """Return the index of the fewest trees within one standard error of the best AUC."""
    auc = np.where(np.isnan(results["mean_test_roc_auc"]), -np.inf, results["mean_test_roc_auc"])
    best = int(np.argmax(auc))
    enough = auc[best] - results["std_test_roc_auc"][best] / np.sqrt(N_FOLDS)
    trees = np.array([params["n_estimators"] for params in results["params"]])
    return int(np.argmin(np.where(auc >= enough, trees, trees.max() + 1)))


X, y = load_breast_cancer(return_X_y=True)
search = WarpedBayesSearchCV(
    RandomForestClassifier(random_state=0),
    {"n_estimators": Int(2, 60), "max_features": Float(0.05, 1.0)},
    n_iter=12,
    cv=N_FOLDS,
    scoring=["roc_auc", "neg_log_loss"],
    objective_metric="roc_auc",
    refit=smallest_good_forest,
    random_state=0,
)
search.fit(X, y)
results = search.cv_results_
for label, index in [("best AUC", np.nanargmax(results["mean_test_roc_auc"])), ("chosen", None)]:
    index = search.best_index_ if index is None else index
    print(
        f"{label}: {results['params'][index]['n_estimators']} trees, "
        f"AUC {results['mean_test_roc_auc'][index]:.4f}, "
        f"log loss {-results['mean_test_neg_log_loss'][index]:.4f}"
    )

# %%
# Metrics disagree
# ----------------
#
# Ranks by AUC do not see whether probabilities are right; the log loss does.

_, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
ax.scatter(results["mean_test_roc_auc"], -results["mean_test_neg_log_loss"])
ax.set(xlabel="AUC", ylabel="log loss")

# %%
# Folds of the best candidates
# ----------------------------
#
# The candidates differ less than the folds do, which is why the choice above gives away little.

FoldScoresDisplay.from_estimator(search, metric="roc_auc")
