"""A range on the right scale
==========================

Two searches see the same ranges of a support vector machine, one on linear and one on automatic
scales.  ``explain_scaling()`` gives the reason of each scale.
"""

# %%
# The model and the two spaces
# ----------------------------

from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Float
from tuneplug_matplotlib import ComparisonDisplay, TriedConfigurationsDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), SVC())
searches = {}
for scaling in ("linear", "auto"):
    space = {"svc__C": Float(1e-2, 1e4, scaling), "svc__gamma": Float(1e-6, 1.0, scaling)}
    search = WarpedBayesSearchCV(model, space, n_iter=15, cv=3, random_state=0)
    searches[scaling] = search.fit(X, y)
    print(f"{scaling}: best cross-validated accuracy {search.best_score_:.4f}")

# %%
# Why these scales
# ----------------

for record in searches["auto"].study_.explain_scaling():
    print(record["parameter"], record["scaling"], record["reason"])

# %%
# What was tried
# --------------

TriedConfigurationsDisplay.from_estimator(searches["auto"])

# %%
# One run of each is no proof: :func:`tuneplug.compare` runs replications.

ComparisonDisplay.from_estimators({name: [search] for name, search in searches.items()})
