"""Evaluation data of a monitored fit: rows that the last step is evaluated on after each round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from tuneplug.execution import format_failure
from tuneplug.study import exception_of
from tuneplug_sklearn._compat import check_method_params, safe_split
from tuneplug_sklearn.pipelines import (
    last_step,
    step_label,
    target_transformers,
    transform_steps,
)

__all__ = ["EvaluationData", "EvaluationDataError", "failure_text"]


class EvaluationDataError(ValueError):
    """A step of a pipeline cannot transform the evaluation data; the message names the step."""

    @classmethod
    def of(cls, step: str, error: Exception) -> EvaluationDataError:
        """Return the error for a step that raised an exception."""
        return cls(
            f"each step before the last must transform evaluation data, but {step} raised "
            f"{_summary(error)}: correct the step"
        )


def failure_text(estimator: Any, error: Exception) -> str:
    """Return the cause of a fit that could not be monitored; it names the step."""
    if isinstance(error, EvaluationDataError):
        return str(error)
    return f"{step_label(estimator)} raised {_summary(error)}"


def _summary(error: Exception) -> str:
    return exception_of(format_failure(error))


class EvaluationData(NamedTuple):
    """Evaluation data of a fit; all None if the user passes evaluation sets.

    Attributes
    ----------
    X, y : array-like or None
    params : mapping
        Arguments of ``fit`` that have one entry per row, for these rows.
    """

    X: Any = None
    y: Any = None
    params: Mapping[str, Any] = {}

    @classmethod
    def of_rows(
        cls,
        estimator: Any,
        data: tuple[Any, Any, Mapping[str, Any]],
        rows: NDArray[np.intp],
        train: NDArray[np.intp],
    ) -> EvaluationData:
        """Return some rows of (X, y, arguments of ``fit`` of the last step).

        ``train`` are the rows of the training data, for precomputed kernels.
        """
        X, y, params = data
        X_val, y_val = safe_split(estimator, X, y, rows, train)
        return cls(X_val, y_val, _of_rows(params, X, rows))

    def transformed(self, pipeline: Any, y_train: Any) -> EvaluationData | None:
        """Return the data as the last step receives them, also its target.

        For a classifier, rows of classes that the training data lack are left out.  If no row is
        left, return None.

        Raises
        ------
        EvaluationDataError
            If a step cannot transform the data.
        """
        X = self.X
        for name, step in transform_steps(pipeline):
            try:
                X = step.transform(X)
            except Exception as error:
                raise EvaluationDataError.of(step_label(step, name), error) from error
        last = last_step(pipeline)
        data = self._replace(X=X, y=_transformed_target(self.y, pipeline))
        if not is_classifier(last) or np.ndim(y_train) != 1:
            return data
        known = np.isin(self.y, np.unique(y_train))
        if known.all():
            return data
        return data._take(last, np.flatnonzero(known)) if known.any() else None

    def _take(self, estimator: Any, rows: NDArray[np.intp]) -> EvaluationData:
        X, y = safe_split(estimator, self.X, self.y, rows)
        return EvaluationData(X, y, _of_rows(self.params, self.X, rows))


def _transformed_target(y: Any, estimator: Any) -> Any:
    """Return the target as ``TransformedTargetRegressor`` passes it to its regressor."""
    for transformer in target_transformers(estimator):
        try:
            y = np.asarray(y)
            columns = transformer.transform(y.reshape(-1, 1) if y.ndim == 1 else y)
        except Exception as error:
            label = f"the transformer of the target ({type(transformer).__name__})"
            raise EvaluationDataError.of(label, error) from error
        single = y.ndim == 1 and columns.ndim == 2 and columns.shape[1] == 1
        y = columns.squeeze(axis=1) if single else columns
    return y


def _of_rows(params: Mapping[str, Any], X: Any, rows: NDArray[np.intp]) -> dict[str, Any]:
    """Return the arguments with one entry per row of X, for some rows."""
    indexed = check_method_params(X, params=params, indices=rows)
    return {name: value for name, value in indexed.items() if value is not params[name]}
