"""The base class of displays of one search."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, Self

from tuneplug import Study
from tuneplug.storage import Storage
from tuneplug_matplotlib.results import Results

__all__ = ["Display"]


class Display(ABC):
    """A display of one search, in scikit-learn's convention.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Set by ``plot``.
    """

    @classmethod
    def from_study(cls, study: Study, *, ax: Any = None, **options: Any) -> Self:
        """Draw a study and return the display.

        Parameters
        ----------
        study : Study
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        **options
            Other arguments of the display and of its ``plot``.

        Raises
        ------
        ValueError
            If no trial has ended, or the display cannot show the study.
        MissingDependencyError
            If matplotlib is not installed.
        """
        return cls._drawn(Results.from_study(study), ax, options)

    @classmethod
    def from_storage(
        cls,
        storage: str | Storage,
        name: str,
        *,
        ax: Any = None,
        load: dict[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Draw a study in a storage; nothing is written.

        Parameters
        ----------
        storage : str or Storage
            Storage, or its URL.
        name : str
            Name of the study.
        load : dict, default None
            Options of ``Study.load``, such as ``{"space": ...}``.
        ax, **options
            As in ``from_study``.
        """
        return cls._drawn(Results.from_storage(storage, name, **(load or {})), ax, options)

    @classmethod
    def from_estimator(
        cls, search: Any, *, metric: str | None = None, ax: Any = None, **options: Any
    ) -> Self:
        """Draw a fitted search: a ``WarpedBayesSearchCV`` or one of scikit-learn.

        Parameters
        ----------
        search : fitted search
        metric : str, default None
            If None, the only metric, or the one that ``refit`` names.
        ax, **options
            As in ``from_study``.

        Raises
        ------
        NotFittedError
            If the search has no ``cv_results_``.
        ValueError
            If the search has no such metric, or if it has several and ``metric`` is None.
        MissingDependencyError
            If matplotlib is not installed.
        """
        return cls._drawn(Results.from_estimator(search, metric), ax, options)

    @classmethod
    def _drawn(cls, results: Results, ax: Any, options: dict[str, Any]) -> Self:
        """Return the display, drawn; options that ``plot`` names go to it, others to the class."""
        of_plot = set(inspect.signature(cls.plot).parameters)
        display = cls._of(results, **{k: v for k, v in options.items() if k not in of_plot})
        display.plot(ax, **{k: v for k, v in options.items() if k in of_plot})
        return display

    @classmethod
    def _of(cls, results: Results, **options: Any) -> Self:
        return cls(results, **options)

    def __init__(self, results: Results) -> None:
        self.results = results

    @abstractmethod
    def plot(self, ax: Any = None) -> Self:
        """Draw the data on ``ax``, or in a new figure, and return the display."""
