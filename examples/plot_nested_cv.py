"""Nested cross-validation
=======================

The best of many scores is partly luck, so ``best_score_`` is too optimistic about new data: the
more candidates, the more.  Nested cross-validation searches anew inside each outer training part
and scores what it chose on rows that the search has not seen.  The search is an estimator, so
``cross_validate`` does this in one line.
"""

# %%
# Data without any signal
# -----------------------
#
# The labels mean nothing.  No model can be better than 0.5, and the best of 25 claims to be.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import cross_validate
from sklearn.svm import SVC

from tuneplug import Float
from tuneplug_sklearn import WarpedBayesSearchCV

rng = np.random.default_rng(1)
X, y = rng.normal(size=(80, 20)), np.repeat([0, 1], 40)
space = {"C": Float(1e-3, 1e3), "gamma": Float(1e-5, 10.0)}
search = WarpedBayesSearchCV(SVC(), space, n_iter=25, random_state=0)
nested = cross_validate(search, X, y, cv=5, return_estimator=True)
claimed = [fitted.best_score_ for fitted in nested["estimator"]]
print(f"claimed by the searches:   {np.mean(claimed):.3f}")
print(f"on rows that none has seen: {nested['test_score'].mean():.3f}")

# %%
# What was chosen
# ---------------
#
# Where a signal exists, the searches of the outer folds choose alike.  Here they do not, which is
# a warning of its own.

for fitted in nested["estimator"]:
    print({name: f"{value:.3g}" for name, value in fitted.best_params_.items()})

# %%

_, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
for scores in zip(claimed, nested["test_score"], strict=True):
    ax.plot(["best_score_", "outer test"], scores, color="C0", marker="o")
ax.axhline(0.5, color="gray", linestyle="--")
ax.set_ylabel("accuracy")

# %%
# Each outer search starts fresh.  To continue a search that was killed inside of
# ``cross_validate``, give it ``storage=`` and ``resume=True``: each outer fold finds its own study.
