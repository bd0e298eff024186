"""The hooks that plugins implement, ours included.

Registering hooks return a class, or a list of classes, each with a ``name``; it is made without
arguments where it is named (a storage with its location).  Events tell observers what happens.  A
plugin may take fewer arguments than a hook has, by their names; hooks may get more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from tuneplug.execution import Executor
    from tuneplug.monitoring import FitMonitor
    from tuneplug.plugins.commands import Command
    from tuneplug.plugins.converters import Converter
    from tuneplug.space.scaling import Scaling
    from tuneplug.stopping.base import StoppingRule
    from tuneplug.storage.base import Storage
    from tuneplug.strategies.base import Strategy
    from tuneplug.study import Study
    from tuneplug.trial import Trial

__all__ = [
    "API_VERSION",
    "PROJECT",
    "hookimpl",
    "hookspec",
    "tuneplug_commands",
    "tuneplug_converters",
    "tuneplug_executors",
    "tuneplug_fit_monitors",
    "tuneplug_observers",
    "tuneplug_scalings",
    "tuneplug_stopping_rules",
    "tuneplug_storages",
    "tuneplug_strategies",
    "tuneplug_study_finished",
    "tuneplug_study_started",
    "tuneplug_trial_asked",
    "tuneplug_trial_finished",
    "tuneplug_trial_reported",
]

#: Name of the project in pluggy, and of the entry-point group that plugins are found in.
PROJECT = "tuneplug"
#: Major version of the hooks.  A plugin made for another one, ``tuneplug_api_version``, is skipped.
API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# ---------------------------------------------------------------- what can be named


@hookspec
def tuneplug_strategies() -> type[Strategy] | list[type[Strategy]]:  # type: ignore[empty-body]
    """Return strategies: ``Study(strategy="its-name")``."""


@hookspec
def tuneplug_scalings() -> type[Scaling] | list[type[Scaling]]:  # type: ignore[empty-body]
    """Return scalings: ``Float(low, high, scaling="its-name")`` in the space of a study."""


@hookspec
def tuneplug_stopping_rules() -> type[StoppingRule] | list[type[StoppingRule]]:  # type: ignore[empty-body]
    """Return stopping rules: ``Study(stopping="its-name")``."""


@hookspec
def tuneplug_executors() -> type[Executor] | list[type[Executor]]:  # type: ignore[empty-body]
    """Return executors, with ``submit``: ``study.optimize(objective, executor="its-name")``."""


@hookspec
def tuneplug_storages() -> type[Storage] | list[type[Storage]]:  # type: ignore[empty-body]
    """Return storages: ``Study(storage="its-name://location")``, made with the location."""


@hookspec
def tuneplug_fit_monitors() -> type[FitMonitor] | list[type[FitMonitor]]:  # type: ignore[empty-body]
    """Return fit monitors; a search asks each whether it accepts the estimator.

    Neither the hook nor ``accepts`` may import the framework.
    """


@hookspec
def tuneplug_observers() -> type[Any] | list[type[Any]]:  # type: ignore[empty-body]
    """Return observers of the events below: ``study.optimize(objective, verbose="its-name")``."""


@hookspec
def tuneplug_converters() -> type[Converter] | list[type[Converter]]:  # type: ignore[empty-body]
    """Return converters, which turn declarations of other packages into parameters.

    Neither the hook nor ``accepts`` may import the other package.
    """


@hookspec
def tuneplug_commands() -> type[Command] | list[type[Command]]:  # type: ignore[empty-body]
    """Return subcommands of the command line: ``tuneplug its-name``.

    Neither the hook nor the import of the class may import a framework.
    """


# ---------------------------------------------------------------- events


@hookspec
def tuneplug_study_started(study: Study) -> None:
    """Observe that a study begins to run trials: before the first of ``optimize`` or a search."""


@hookspec
def tuneplug_study_finished(study: Study, error: BaseException | None) -> None:
    """Observe the end of that, with the error that ended it, if one did."""


@hookspec
def tuneplug_trial_asked(study: Study, trial: Trial) -> None:
    """Observe that a trial was asked for; it is running."""


@hookspec
def tuneplug_trial_reported(study: Study, trial: Trial, reports: list[Any]) -> None:
    """Observe what a trial has reported, in one call before it is finished.

    Reports are made on workers, and come home with the trial.
    """


@hookspec
def tuneplug_trial_finished(study: Study, trial: Trial) -> None:
    """Observe that a trial has ended: complete, stopped or failed."""
