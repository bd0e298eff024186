"""Numbers and categories in one pipeline
======================================

Real tables have numbers with gaps and columns of text.  A ``ColumnTransformer`` prepares each kind
of column, and its choices are parameters as well: how gaps are filled and how rare a category may
be before it is pooled are searched together with the model.  ``when=`` makes a parameter exist only
where it has a meaning: the elastic net's mixture exists for no other penalty.
"""

# %%
# A table
# -------
#
# Made up, so that the truth is known: age, income and city decide, and the hour is noise.

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tuneplug import Categorical, Float, Int
from tuneplug_matplotlib import ImportanceDisplay
from tuneplug_sklearn import WarpedBayesSearchCV

rng = np.random.default_rng(0)
n = 600
table = pd.DataFrame(
    {
        "age": rng.normal(45, 15, n),
        "income": rng.lognormal(10, 0.5, n),
        "hour": rng.integers(0, 24, n).astype(float),
        "city": rng.choice(["Bonn", "Lyon", "Oslo", "Turin"], n, p=[0.5, 0.3, 0.15, 0.05]),
    }
)
logit = 0.05 * (table["age"] - 45) + (np.log(table["income"]) - 10) + (table["city"] == "Oslo")
churned = rng.random(n) < 1 / (1 + np.exp(-2 * logit))
table = table.mask(rng.random(table.shape) < 0.05)  # gaps

# %%
# One space for the whole pipeline
# --------------------------------

columns = ColumnTransformer(
    [
        ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income", "hour"]),
        ("text", OneHotEncoder(handle_unknown="infrequent_if_exist"), ["city"]),
    ]
)
model = Pipeline([("columns", columns), ("model", SGDClassifier("log_loss", random_state=0))])
space = {
    "columns__number__simpleimputer__strategy": Categorical(["mean", "median"]),
    "columns__text__min_frequency": Int(1, 100),
    "model__alpha": Float(1e-6, 10.0),
    "model__penalty": Categorical(["l2", "elasticnet"]),
    "model__l1_ratio": Float(0.0, 1.0, when={"model__penalty": ["elasticnet"]}),
}
search = WarpedBayesSearchCV(model, space, n_iter=15, cv=3, scoring="roc_auc", random_state=0)
search.fit(table, churned)
print(f"AUC {search.best_score_:.3f}")
for name, value in search.best_params_.items():
    print(f"  {name} = {value}")

# %%
# What mattered
# -------------
#
# A whisker is the interval of a share at 90 %: after 15 candidates it is wide.

ImportanceDisplay.from_estimator(search)
