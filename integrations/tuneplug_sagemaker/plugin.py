"""Register the adapter through tuneplug's hooks, and end programs with their search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.execution import INTERRUPTED_MESSAGE
from tuneplug.plugins import Command, Converter, hookimpl
from tuneplug_sagemaker.converter import SageMakerConverter
from tuneplug_sagemaker.programs import Program

if TYPE_CHECKING:
    from tuneplug import Study

__all__ = ["tuneplug_commands", "tuneplug_converters", "tuneplug_study_finished"]


@hookimpl
def tuneplug_commands() -> type[Command]:
    from tuneplug_sagemaker.command import RunCommand

    return RunCommand


@hookimpl
def tuneplug_converters() -> type[Converter]:
    return SageMakerConverter


@hookimpl
def tuneplug_study_finished(study: Study, error: BaseException | None) -> None:
    """After an error or Ctrl-C, end the programs that run in other threads."""
    if error is not None:
        Program.interrupt(
            (trial.number, trial.started)
            for trial in study.trials
            if trial.error == INTERRUPTED_MESSAGE
        )
