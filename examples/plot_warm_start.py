"""Learn from last month's search
==============================

The data of this month are new, but not unlike those of last month.  With
``warm_start_type="transfer"`` a search starts where the earlier one ended, and believes it only as
far as it ranks the new trials.  On the *same* data, ``"identical"`` takes its results as evidence.
"""

# %%
# Last month, and this month with and without it
# ----------------------------------------------

from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Float
from tuneplug_matplotlib import BestSoFarDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

model = make_pipeline(StandardScaler(), SVC())
space = {"svc__C": Float(1e-4, 1e4), "svc__gamma": Float(1e-6, 1e2)}
options = {"cv": 3, "scoring": "roc_auc", "random_state": 3, "lag": 0}
X, y = make_classification(600, n_informative=8, flip_y=0.05, random_state=0)
last_month, this_month = slice(0, 300), slice(300, 600)

earlier = WarpedBayesSearchCV(model, space, n_iter=20, **options)
earlier.fit(X[last_month], y[last_month])

cold = WarpedBayesSearchCV(model, space, n_iter=10, **options)
cold.fit(X[this_month], y[this_month])

warm = WarpedBayesSearchCV(
    model, space, n_iter=10, warm_start_from=[earlier], warm_start_type="transfer", **options
)
warm.fit(X[this_month], y[this_month])

for name, search in [("cold", cold), ("warm", warm)]:
    scores = [f"{score:.3f}" for score in search.cv_results_["mean_test_score"][:6]]
    print(f"{name}: first six {', '.join(scores)}; best {search.best_score_:.4f}")

# %%
# The first candidate of the warm search is the best one of last month.  A cold search may be lucky,
# or not; this one was not at first.

display = BestSoFarDisplay.from_estimator(cold, name="cold")
BestSoFarDisplay.from_estimator(warm, name="warm", ax=display.ax_)

# %%
# A parent may also be a data frame or a CSV file of an earlier ``cv_results_``, or a stored study.
