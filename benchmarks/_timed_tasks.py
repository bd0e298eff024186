"""Tasks on the clock: real models of which each fit takes its time, some of them with a resource.

The resource is a share of the training rows, or the value of a parameter such as the number of
epochs. A model that is trained again with a larger parameter continues, and pays the difference
only; a model on more rows is trained anew.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import models
from _tasks import Configuration
from models import Model, log
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Categorical, Int, SearchSpace

#: The resource that is a share of the training rows.
ROWS = "rows"


@dataclass(frozen=True, eq=False)
class TimedTask:
    """A model, and what its fits can be given less of.

    ``resource`` is ``"rows"``, the name of a parameter, or None if every fit is a full one. It is
    between ``least`` and ``full``, where a row count is a share of ``full``.
    """

    model: Model
    resource: str | None = None
    least: int = 1
    full: int = 1

    @property
    def name(self) -> str:
        """Name of the model, and of the resource if there is one."""
        return self.model.name + (f" ({self.resource.split('__')[-1]})" if self.resource else "")

    @property
    def space(self) -> SearchSpace:
        """The space of configurations, without the resource."""
        return SearchSpace(self.model.parameters)

    @property
    def resumes(self) -> bool:
        """Whether a configuration pays the difference only to what it was trained with before."""
        return self.resource not in (None, ROWS)

    def loss(self, configuration: Configuration, resource: int) -> float:
        """Return the cross-validated loss of a configuration that gets this much."""
        if self.resource in (None, ROWS):
            return self.model.loss(configuration, resource / self.full)
        return self.model.loss(configuration | {self.resource: resource})

    def levels(self, factor: int = 3) -> list[int]:
        """Return the resources of successive halving, ascending: the last is the full one."""
        found = [self.full]
        while found[0] // factor >= self.least:
            found.insert(0, found[0] // factor)
        return found


def _known(name: str) -> Model:
    return next(model for model in models.MODELS + models.STEPS if model.name == name)


def _without(name: str, parameter: str) -> Model:
    model = _known(name)
    rest = {key: value for key, value in model.parameters.items() if key != parameter}
    return dataclasses.replace(model, parameters=rest)


NETWORK = {
    "hidden_layer_sizes": Int(4, 128, scaling="log"),
    "learning_rate_init": log(1e-4, 1.0),
    "batch_size": Int(8, 128, scaling="log"),
    "alpha": log(1e-6, 1e1),
    "activation": Categorical(["relu", "tanh", "logistic"]),
}


def _network(name: str, estimator: type, scoring: str) -> Model:
    """Return a network that trains for as many epochs as it is given."""
    network = estimator(random_state=0, tol=0.0, n_iter_no_change=1000)
    data = {"cancer": models.cancer, "diabetes": models.diabetes, "parity": models.parity}
    step = estimator.__name__.lower()
    ranges = {f"{step}__{key}": value for key, value in NETWORK.items()}
    pipeline = make_pipeline(StandardScaler(), network)
    return Model(f"mlp, {name}", pipeline, data[name], scoring, ranges)


TASKS = (
    TimedTask(_known("boosting, diabetes")),
    TimedTask(_known("random forest, digits")),
    TimedTask(_known("pca and svm, parity")),
    TimedTask(_known("adaboost, cancer")),
    TimedTask(_known("xgboost, diabetes")),
    TimedTask(_known("mlp, digits")),
    TimedTask(
        _network("parity", MLPClassifier, "neg_log_loss"), "mlpclassifier__max_iter", full=27
    ),
    TimedTask(
        _network("diabetes", MLPRegressor, "neg_root_mean_squared_error"),
        "mlpregressor__max_iter",
        full=27,
    ),
    TimedTask(_without("xgboost, cancer", "n_estimators"), "n_estimators", least=3, full=81),
    TimedTask(_without("lightgbm, parity", "n_estimators"), "n_estimators", least=3, full=81),
    TimedTask(
        Model(
            "svm, all digits",
            make_pipeline(StandardScaler(), SVC(max_iter=5000)),
            models.all_digits,
            "accuracy",
            {"svc__C": log(1e-3, 1e4), "svc__gamma": log(1e-6, 1e1)},
        ),
        ROWS,
        full=27,
    ),
    TimedTask(
        Model(
            "random forest, all digits",
            RandomForestClassifier(n_jobs=1, random_state=0),
            models.all_digits,
            "neg_log_loss",
            _known("random forest, digits").parameters,
        ),
        ROWS,
        full=27,
    ),
)
