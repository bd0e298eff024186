"""The monitors of a search, chosen by its estimator and its space before the first fit."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuneplug import SearchSpace, Study
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import warn_caller
from tuneplug_sklearn.metaestimators import (
    SUPPORTED,
    InnerModel,
    check_early_stopping,
    inner_models,
)
from tuneplug_sklearn.monitored_fit import MonitorConfig
from tuneplug_sklearn.pipelines import last_step
from tuneplug_sklearn.splitting import TimeOrder

if TYPE_CHECKING:
    from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = ["choose_monitors", "make_monitor_config"]


def make_monitor_config(
    monitors: tuple[FitMonitor, ...],
    study: Study,
    search: WarpedBayesSearchCV,
    splits: Sequence[tuple[Any, Any]],
    groups: Any,
) -> MonitorConfig | None:
    """Return the configuration of monitored fits; None if there is no monitor."""
    if not monitors:
        return None
    return MonitorConfig(
        monitors,
        study.stopping is not None,
        search.validation_fraction,
        study.seed,
        groups,
        TimeOrder.of(search.cv, splits),
    )


def _inner_models(
    search: WarpedBayesSearchCV,
    study: Study,
    configured: Sequence[Any],
    fit_params: Mapping[str, Any],
) -> list[InnerModel]:
    """Return the models that metaestimators fit; none if a monitor accepts a last step.

    Raises
    ------
    ValueError
        If one of them stops early by its own rule.
    """
    monitors: list[FitMonitor] = [] if search.monitor is None else [search.monitor]
    if not monitors:
        parts = [p for e in configured for p in e.get_params().values() if hasattr(p, "fit")]
        monitors = study.plugins.matching("fit monitor", *parts) if parts else []
    models = [model for e in configured for model in inner_models(e, monitors)]
    check_early_stopping(models, fit_params)
    if not models:
        return []
    lasts = [last_step(estimator) for estimator in configured]
    unmonitored = not any(monitor.accepts(last) for monitor in monitors for last in lasts)
    return models if unmonitored else []


def _fit_limits(search: WarpedBayesSearchCV) -> str:
    """Return the arguments of the search that need monitored fits, for messages."""
    names = ("stopping", "timeout", "trial_timeout")
    return " and ".join(f"{name}=" for name in names if getattr(search, name) is not None)


def _warn_unmonitored(requested: str, inner: InnerModel) -> None:
    warnings.warn(
        f"{requested} cannot end a running fit of {inner.label}, because {SUPPORTED}: "
        "each fit runs to its end without a monitor",
        UserWarning,
        stacklevel=6,  # the line that calls fit of the search
    )


def choose_monitors(
    search: WarpedBayesSearchCV,
    study: Study,
    configured: Sequence[Any],
    fit_params: Mapping[str, Any],
) -> tuple[FitMonitor, ...]:
    """Return the monitors that accept the last step, or a step that the space replaces it with.

    Parameters
    ----------
    search : WarpedBayesSearchCV
    study : Study
    configured : sequence of estimator
        The estimator with configurations of the space.
    fit_params : mapping
        Arguments of ``fit`` of the estimator.

    Raises
    ------
    ValueError
        If a model stops early by its own rule, but a metaestimator fits it.  Or if there is a
        stopping rule, but no monitor accepts a step, nor a model within a metaestimator.
    """
    inner = _inner_models(search, study, configured, fit_params)
    steps = [last_step(estimator) for estimator in (search.estimator, *_estimators_in(study.space))]
    needed = study.stopping is not None
    third_party = any(not type(step).__module__.startswith("sklearn.") for step in steps)
    if search.monitor is not None:
        known = [search.monitor.name]
        monitors = tuple(m for m in [search.monitor] if any(m.accepts(step) for step in steps))
    elif needed or third_party or search.timeout is not None or search.trial_timeout is not None:
        known = sorted(study.plugins.providers("fit monitor"))
        monitors = tuple(study.plugins.matching("fit monitor", *steps))
    else:
        return ()  # scikit-learn's own early stopping needs no validation data from outside
    requested = _fit_limits(search)
    if inner and requested and (search.stopping is not None or not needed):
        _warn_unmonitored(requested, inner[0])
        return ()
    if needed and (inner or not monitors):
        raise _no_monitor(search, study, steps[0], known)
    if search.monitor is not None and not monitors:
        warn_caller(
            f"monitor={known[0]!r} has no effect: it does not accept {type(steps[0]).__name__}, "
            "so that each fit runs to its end without it; leave it out, or pass one that does",
            UserWarning,
        )
    return monitors


def _no_monitor(
    search: WarpedBayesSearchCV, study: Study, step: Any, known: Sequence[str]
) -> ValueError:
    """Return the error for a stopping rule without reports."""
    estimator, reason = type(step).__name__, ""
    if hasattr(step, "partial_fit") and "max_iter" in step.get_params():
        reason = ", because epochs of partial_fit do not train the model that fit trains"
    source, cure = "stopping", "leave stopping out"
    if search.stopping is None:
        source, cure = f"strategy {study.strategy.name!r}", "take another strategy"
    return ValueError(
        f"{source} needs an estimator that a monitor accepts, but got {estimator}, which none of "
        f"{known} accepts{reason}: {cure}, or pass monitor=, a tuneplug.monitoring.FitMonitor"
    )


def _estimators_in(space: SearchSpace) -> list[Any]:
    """Return the estimators among the categories of the space."""
    return [
        category
        for subspace in space.subspaces
        for parameter in subspace.values()
        for category in getattr(parameter, "values", ())
        if hasattr(category, "fit")
    ]
