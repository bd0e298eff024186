"""Models that a search cannot monitor, because a metaestimator fits clones of them.

``MultiOutputRegressor``, ``CalibratedClassifierCV``, ``StackingClassifier`` and others fit a model
on targets or rows of their own, so a search has no evaluation data for it.  A model that stops
early by its own rule cannot be fitted there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sklearn.frozen import FrozenEstimator

from tuneplug.monitoring import FitMonitor
from tuneplug_sklearn.pipelines import last_step

__all__ = ["InnerModel", "check_early_stopping", "inner_models"]

SUPPORTED = (
    "evaluation data reach a model that is the estimator itself, the last step of a Pipeline, or "
    "the regressor of a TransformedTargetRegressor"
)


@dataclass(frozen=True)
class InnerModel:
    """A model within an estimator that is not its last step.

    Attributes
    ----------
    model : estimator
    monitor : FitMonitor
        The monitor that accepts it.
    around : sequence of estimator
        The estimators around it, from the outermost one.
    """

    model: Any
    monitor: FitMonitor
    around: Sequence[Any]

    @property
    def label(self) -> str:
        """Classes of the model and of the estimators around it, for messages."""
        return " in ".join(type(e).__name__ for e in (self.model, *reversed(self.around)))

    def needs_evaluation_data(self, fit_params: Mapping[str, Any]) -> bool:
        """Return whether the model stops early, and nobody but the search could pass data.

        Metaestimators outside of scikit-learn and imbalanced-learn may make evaluation data
        themselves.
        """
        own = {name.rpartition("__")[2]: value for name, value in fit_params.items()}
        known = ("sklearn.", "imblearn.")
        if any(not type(outer).__module__.startswith(known) for outer in self.around):
            return False
        with suppress(Exception):  # a monitor that raises must not prevent a fit
            early = self.monitor.has_early_stopping(self.model, own)
            return early and not self.monitor.has_eval_set(own)
        return False


def inner_models(estimator: Any, monitors: Sequence[FitMonitor]) -> Iterator[InnerModel]:
    """Yield the models within an estimator that a monitor accepts, without its last step.

    Models that are already fitted (``FrozenEstimator``, ``"prefit"``) are left out.
    """
    params, last = estimator.get_params(deep=True), last_step(estimator)
    models = {name: value for name, value in params.items() if _is_model(value)}
    for name, model in models.items():
        monitor = None if model is last else _monitor_of(model, monitors)
        if monitor is None:
            continue
        parts = name.split("__")
        outer = (models.get("__".join(parts[:n])) for n in range(1, len(parts)))
        around = [estimator, *(step for step in outer if step is not None)]
        if not any(_is_prefit(step) for step in around):
            yield InnerModel(model, monitor, around)


def _monitor_of(model: Any, monitors: Sequence[FitMonitor]) -> FitMonitor | None:
    """Return the first monitor that accepts a model; one that raises cannot be relied on."""
    for monitor in monitors:
        with suppress(Exception):
            if monitor.accepts(model):
                return monitor
    return None


def _is_model(value: Any) -> bool:
    return hasattr(value, "fit") and not isinstance(value, type)


def _is_prefit(estimator: Any) -> bool:
    """Return whether an estimator uses fitted models: ``cv="prefit"``, ``prefit=True``, frozen."""
    if isinstance(estimator, FrozenEstimator) or getattr(estimator, "prefit", False) is True:
        return True
    cv = getattr(estimator, "cv", None)
    return isinstance(cv, str) and cv == "prefit"


def check_early_stopping(models: Sequence[InnerModel], fit_params: Mapping[str, Any]) -> None:
    """Check that no model stops early where it has no evaluation data.

    Raises
    ------
    ValueError
        If one does.
    """
    for inner in models:
        if inner.needs_evaluation_data(fit_params):
            raise ValueError(
                f"early stopping needs evaluation data, and {SUPPORTED}, but got {inner.label}: "
                "turn off the early stopping of the model, or tune its number of rounds instead"
            )
