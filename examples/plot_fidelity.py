"""Hyperband and fidelity: many cheap looks, few full fits
=======================================================

A fit on a tenth of the rows costs about a tenth and says much about a configuration.  ``resource=``
makes use of that.  Hyperband tries random configurations on few rows and promotes the best third
of them, again and again.  The Bayesian strategy learns one model of configurations *and* rows, and
asks which look is worth its cost.  The budget of both is ``n_iter`` **full** candidates.
"""

# %%
# Three searches on one budget
# ----------------------------

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Float
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = make_classification(1200, n_features=12, n_informative=6, flip_y=0.05, random_state=0)
model = make_pipeline(StandardScaler(), SVC())
space = {"svc__C": Float(1e-3, 1e3), "svc__gamma": Float(1e-5, 10.0)}
searches = {}
for name, strategy, resource in [
    ("full fits", "bayesian", None),
    ("bayesian", "bayesian", "n_samples"),
    ("hyperband", "hyperband", "n_samples"),
]:
    search = WarpedBayesSearchCV(
        model, space, n_iter=6, cv=3, strategy=strategy, resource=resource, random_state=0
    )
    searches[name] = search.fit(X, y)
    print(f"{name}: {len(search.cv_results_['params'])} candidates, best {search.best_score_:.4f}")

# %%
# What was tried on how many rows
# -------------------------------
#
# Only candidates with all rows can be the best.  A validation part is always whole, so that a score
# on few rows is worse because the model is worse, and not because it was judged on less.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharex=True, sharey=True, layout="constrained")
for ax, name in zip(axes, ["bayesian", "hyperband"], strict=True):
    results = searches[name].cv_results_
    ax.scatter(results["n_resources"], results["mean_test_score"], alpha=0.6)
    ax.set(xscale="log", title=name, xlabel="rows")
axes[0].set_ylabel("accuracy")

# %%
# One seed proves nothing about which is better: :func:`tuneplug_sklearn.compare_searches` runs
# paired replications.
