"""Track a search in MLflow
========================

``MLflowObserver`` logs a search while it runs: a run for the study, with a nested run for each
candidate.  The file of the example is a database that ``mlflow ui`` shows.

    python examples/mlflow_tracking.py
    mlflow ui --backend-store-uri sqlite:///mlflow.db
"""

from __future__ import annotations

import argparse

import mlflow
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Float
from tuneplug_mlflow import MLflowObserver
from tuneplug_sklearn import WarpedBayesSearchCV


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uri", default="sqlite:///mlflow.db")
    parser.add_argument("--n-iter", type=int, default=20)
    options = parser.parse_args()
    mlflow.set_tracking_uri(options.uri)
    search = WarpedBayesSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": Float(1e-2, 1e4), "svc__gamma": Float(1e-6, 1.0)},
        n_iter=options.n_iter,
        random_state=0,
        plugins=[MLflowObserver(experiment="breast cancer")],
    )
    search.fit(*load_breast_cancer(return_X_y=True))
    runs = mlflow.search_runs(
        experiment_names=["breast cancer"],
        filter_string="attributes.status = 'FINISHED' and tags.trial != ''",
        order_by=["metrics.value DESC"],
    )
    print(runs[["tags.trial", "metrics.value", "params.svc__C", "params.svc__gamma"]].head())


if __name__ == "__main__":
    main()
