"""SageMaker adapter: read, run and write tuning jobs, and tune any program.

It needs no account.  botocore is imported when a description is checked; SageMaker's SDK is never
imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_sagemaker.job import TuningJob
    from tuneplug_sagemaker.program_objective import ProgramObjective, objective_of
    from tuneplug_sagemaker.programs import ProgramError
    from tuneplug_sagemaker.reading import read_job
    from tuneplug_sagemaker.results import analytics_frame, as_parent, describe
    from tuneplug_sagemaker.service_model import validate
    from tuneplug_sagemaker.writing import to_job

_MODULE_OF = {
    "ProgramError": "programs",
    "ProgramObjective": "program_objective",
    "TuningJob": "job",
    "analytics_frame": "results",
    "as_parent": "results",
    "describe": "results",
    "objective_of": "program_objective",
    "read_job": "reading",
    "to_job": "writing",
    "validate": "service_model",
}

__all__ = [
    "ProgramError",
    "ProgramObjective",
    "TuningJob",
    "analytics_frame",
    "as_parent",
    "describe",
    "objective_of",
    "read_job",
    "to_job",
    "validate",
]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
