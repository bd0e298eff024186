"""The last step of an estimator: its arguments of ``fit``, its data, and a hook on its ``fit``.

The last step is found through pipelines and through ``TransformedTargetRegressor``, nested in any
way.  The latter fits a clone of its regressor on a transformed target.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from tuneplug.monitoring import FitMonitor
from tuneplug.optional import is_instance_of

__all__ = [
    "call_fit",
    "fixed_rounds",
    "has_target_transformer",
    "intercept_fit",
    "intercept_last_fit",
    "last_step",
    "own_params",
    "scored_step",
    "step_label",
    "target_transformers",
    "transform_steps",
]


def last_step(estimator: Any) -> Any:
    """Return the estimator that the innermost ``fit`` belongs to, before the fit.

    Pipelines are followed to their last step, and ``TransformedTargetRegressor`` to its regressor.
    Other estimators are returned unchanged.
    """
    return _chain(estimator)[-1]


def scored_step(estimator: Any) -> Any:
    """Return the estimator whose ``score`` is called: pipelines call that of their last step."""
    return next(step for step in _chain(estimator) if not isinstance(step, Pipeline))


def has_target_transformer(estimator: Any) -> bool:
    """Return whether the last step predicts a transformed target."""
    return any(_transforms_target(outer) for outer in _chain(estimator)[:-1])


def _chain(estimator: Any, *, fitted: bool = False) -> list[Any]:
    """Return the estimators from the outermost one to the last step.

    If ``fitted``, ``TransformedTargetRegressor`` is followed to the clone that it fits.
    """
    chain = [estimator]
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif _transforms_target(estimator):
            estimator = estimator.regressor_ if fitted else estimator.regressor
        else:
            return chain
        chain.append(estimator)


def _transforms_target(estimator: Any) -> bool:
    transforms_target = is_instance_of(estimator, "sklearn.compose", "TransformedTargetRegressor")
    return transforms_target and estimator.regressor is not None


def own_params(estimator: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``fit`` that the last step receives, under its own names."""
    *outer, last = _chain(estimator)
    if not outer:
        return dict(params)
    if not get_config()["enable_metadata_routing"]:
        pipelines = [step for step in outer if isinstance(step, Pipeline)]
        prefix = "".join(f"{pipeline.steps[-1][0]}__" for pipeline in pipelines)
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
    """Yield the name of each step before the last step and the step, in the order of ``predict``.

    The estimators around the last step are fitted.  Steps that ``predict`` does not call are left
    out: those that pass data through, and samplers, which have ``fit_resample`` and no
    ``transform``.
    """
    for outer in _chain(estimator, fitted=True)[:-1]:
        for name, step in outer.steps[:-1] if isinstance(outer, Pipeline) else ():
            sampler = hasattr(step, "fit_resample") and not hasattr(step, "transform")
            if step is not None and step != "passthrough" and not sampler:
                yield name, step


def target_transformers(estimator: Any) -> Iterator[Any]:
    """Yield the fitted transformers of the target, from the outermost one inward."""
    for outer in _chain(estimator, fitted=True)[:-1]:
        if _transforms_target(outer):
            yield outer.transformer_


def step_label(step: Any, name: str | None = None) -> str:
    """Return the name and class of a step for messages; those of the last step if it has one."""
    if name is None:
        *outer, step = _chain(step)
        name = outer[-1].steps[-1][0] if outer and isinstance(outer[-1], Pipeline) else None
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


@contextmanager
def intercept_last_fit(estimator: Any, replacement: Callable[..., Any]) -> Iterator[None]:
    """Context manager: the next ``fit`` of the last step calls ``replacement`` instead.

    The replacement gets the last step before the arguments of ``fit``.  If a metaestimator fits a
    clone of the last step, it gets that clone.
    """
    with ExitStack() as hooks:
        _intercept_last(estimator, replacement, hooks)
        yield


def _intercept_last(estimator: Any, replacement: Callable[..., Any], hooks: ExitStack) -> None:
    target = next((outer for outer in _chain(estimator) if _transforms_target(outer)), None)
    if target is None:
        last = last_step(estimator)
        hooks.enter_context(intercept_fit(last, functools.partial(replacement, last)))
        return
    template = target.regressor

    def cloned() -> Any:
        template.__dict__.pop("__sklearn_clone__", None)
        regressor = clone(template)
        _intercept_last(regressor, replacement, hooks)
        return regressor

    template.__sklearn_clone__ = cloned
    hooks.callback(template.__dict__.pop, "__sklearn_clone__", None)


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

    def fit(fitted: Any, X: Any, y: Any = None, **params: Any) -> Any:
        return call_fit(fitted, X, y, monitor.refit_params(fitted, params, n_rounds))

    return intercept_last_fit(estimator, fit)
