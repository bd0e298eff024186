"""Search on a Dask or Ray cluster
===============================

The cluster is running, or is started for the search.

    python examples/cluster.py
    python examples/cluster.py --executor ray
    python examples/cluster.py --scheduler tcp://scheduler:8786
"""

from __future__ import annotations

import argparse

from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier

from tuneplug import Categorical, Float, Int
from tuneplug_sklearn import WarpedBayesSearchCV

SPACE = {
    "max_depth": Int(2, 20),
    "min_samples_leaf": Int(1, 50),
    "max_features": Float(0.05, 1.0),
    "criterion": Categorical(["gini", "entropy"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executor", default="dask", choices=["dask", "ray"])
    parser.add_argument("--scheduler", help="address of a running Dask scheduler")
    parser.add_argument("--n-iter", type=int, default=20)
    options = parser.parse_args()
    if options.scheduler:
        from distributed import Client

        Client(options.scheduler)  # executor="dask" uses the current client
    search = WarpedBayesSearchCV(
        ExtraTreesClassifier(50, random_state=0),
        SPACE,
        n_iter=options.n_iter,
        cv=3,
        random_state=0,
        executor=options.executor,
    )
    search.fit(*load_digits(return_X_y=True))
    print(f"{search.best_score_:.4f} with {search.best_params_}")


if __name__ == "__main__":  # the workers of a local cluster import this file
    main()
