"""SageMaker adapter: descriptions of tuning jobs, in and out, without an account.

botocore is imported when a description is checked; SageMaker's SDK is never imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug_sagemaker.job import TuningJob
    from tuneplug_sagemaker.reading import read_job
    from tuneplug_sagemaker.results import analytics_frame, as_parent, describe
    from tuneplug_sagemaker.service_model import validate
    from tuneplug_sagemaker.writing import to_job

_MODULE_OF = {
    "TuningJob": "job",
    "analytics_frame": "results",
    "as_parent": "results",
    "describe": "results",
    "read_job": "reading",
    "to_job": "writing",
    "validate": "service_model",
}

__all__ = [
    "TuningJob",
    "analytics_frame",
    "as_parent",
    "describe",
    "read_job",
    "to_job",
    "validate",
]

__getattr__, __dir__ = lazy_attributes(__name__, _MODULE_OF)
