"""Checks that the user's function of scores returns the same metrics for each fit."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ReturnedScores"]


class ReturnedScores:
    """Compares the scores of each fit with those of the first one.

    A fit without the metric that drives the search counts as failed: its scorer as one that raised.
    So does one with a number where the first fit had several metrics, or the other way round.

    Parameters
    ----------
    metric : str or None
        Metric that drives the search.  If None, the first one of the first fit.
    check_names : callable
        Called with the metrics of the first fit; raises if they do not fit the arguments of the
        search.
    error_score : "raise" or float
        Score of a fit that counts as failed.
    """

    def __init__(
        self,
        metric: str | None,
        check_names: Callable[[Mapping[str, Any]], None],
        error_score: Any,
    ) -> None:
        self._metric, self._check_names = metric, check_names
        self._error_score = error_score
        self._first: list[str] | None = None  # metrics of the first fit; None for a number
        self._has_first = False

    def checked(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a fit, with metrics in the order of the first fit.

        One that counts as failed has ``error_score`` and a ``"score_error"``.

        Raises
        ------
        ValueError
            If the metrics of the first fit do not fit the arguments of the search, or a fit counts
            as failed and ``error_score`` is ``"raise"``.
        """
        if result["fit_error"] is not None or result.get("score_error") is not None:
            return result
        scores = result["test_scores"]
        names = list(scores) if isinstance(scores, Mapping) else None
        if not self._has_first:
            if names is not None:
                self._check_names(scores)
            self._has_first, self._first = True, names
        error = self._error_of(names, scores)
        kinds = [kind for kind in ("test_scores", "train_scores") if kind in result]
        if error is None:
            return result | {kind: self._in_order(result[kind]) for kind in kinds}
        if self._error_score == "raise":
            raise ValueError(error)
        failed: dict[str, Any] = dict.fromkeys(kinds, self._error_score)
        return {**result, **failed, "score_error": f"ValueError: {error}"}

    def _error_of(self, names: list[str] | None, scores: Any) -> str | None:
        """Return what is wrong with the scores of a fit; None if they can be compared."""
        first = self._first
        if names is None and first is None:
            return None
        if first is None:
            return (
                "scoring must return a number for each fit, as for the first one, but got "
                f"{reprlib.repr(scores)}: return one kind of score for all configurations"
            )
        metric = self._metric or next(iter(first), None)
        if names is not None and (metric in names or metric is None):
            return None
        return (
            f"scoring must return the metrics {first} for each fit, as for the first one, but got "
            f"{reprlib.repr(scores)} without {metric!r}: return float('nan') for a metric that "
            "has no value"
        )

    def _in_order(self, scores: Any) -> Any:
        if not isinstance(scores, Mapping) or self._first is None:
            return scores
        known = {name: scores[name] for name in self._first if name in scores}
        return {**known, **scores}
