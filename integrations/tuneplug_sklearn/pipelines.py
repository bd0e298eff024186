"""The last step of a pipeline: its arguments of ``fit``, its data, and a hook on its ``fit``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from tuneplug.monitoring import FitMonitor

__all__ = [
    "call_fit",
    "fixed_rounds",
    "intercept_fit",
    "last_step",
    "own_params",
    "step_label",
    "transform_steps",
]


def last_step(estimator: Any) -> Any:
    """Return the last step of a pipeline, also of nested pipelines; other estimators unchanged."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def own_params(estimator: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``fit`` that the last step receives, under its own names."""
    prefix, last = "", estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    if not prefix:
        return dict(params)
    if not get_config()["enable_metadata_routing"]:
        names = {name.removeprefix(prefix): name for name in params if name.startswith(prefix)}
    else:
        names = _requested(last)
    return {own: params[name] for own, name in names.items() if name in params}


def _requested(estimator: Any) -> dict[str, str]:
    """Return the metadata that an estimator requests for ``fit``: its name to the caller's."""
    routing = getattr(get_routing_for_object(estimator), "fit", None)
    requests = {} if routing is None else routing.requests
    return {
        name: name if alias is True else alias
        for name, alias in requests.items()
        if alias is True or isinstance(alias, str)
    }


def transform_steps(estimator: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name of each step before the last step and the step, also of nested pipelines.

    Steps that ``predict`` does not call are left out: those that pass data through, and samplers,
    which have ``fit_resample`` and no ``transform``.
    """
    while isinstance(estimator, Pipeline):
        for name, step in estimator.steps[:-1]:
            sampler = hasattr(step, "fit_resample") and not hasattr(step, "transform")
            if step is not None and step != "passthrough" and not sampler:
                yield name, step
        estimator = estimator.steps[-1][1]


def step_label(step: Any, name: str | None = None) -> str:
    """Return the name and class of a step for messages; those of the last step for a pipeline."""
    while name is None and isinstance(step, Pipeline):
        last_name, step = step.steps[-1]
        name = None if isinstance(step, Pipeline) else last_name
    kind = type(step).__name__
    return kind if name is None else f"step {name!r} ({kind})"


def call_fit(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> Any:
    """Call ``fit``, without the argument ``y`` if it is None."""
    return estimator.fit(X, *([] if y is None else [y]), **params)


@contextmanager
def intercept_fit(estimator: Any, replacement: Callable[..., Any]) -> Iterator[None]:
    """Context manager: the next call of ``estimator.fit`` calls ``replacement`` instead.

    When the replacement runs, ``estimator.fit`` is the original method again.  The signature of
    ``fit`` stays visible to introspection.
    """

    @functools.wraps(estimator.fit)
    def fit(*args: Any, **params: Any) -> Any:
        del estimator.fit
        return replacement(*args, **params)

    estimator.fit = fit
    try:
        yield
    finally:
        estimator.__dict__.pop("fit", None)


def fixed_rounds(
    estimator: Any, monitor: FitMonitor | None, fit_params: Mapping[str, Any], n_rounds: int | None
) -> AbstractContextManager[None]:
    """Context manager: the last step fits ``n_rounds`` rounds instead of stopping early.

    If the user passes evaluation sets, the fit uses them and stops early.  If ``n_rounds`` is None,
    because early stopping chose no number (DART), the estimator's own number of rounds is used.
    """
    last, own = last_step(estimator), own_params(estimator, fit_params)
    if monitor is None or monitor.has_eval_set(own) or not monitor.has_early_stopping(last, own):
        return nullcontext()

    def fit(X: Any, y: Any = None, **params: Any) -> Any:
        return call_fit(last, X, y, monitor.refit_params(last, params, n_rounds))

    return intercept_fit(last, fit)
