"""Convert the ranges of SageMaker's SDK, of both generations, to parameters."""

from __future__ import annotations

from typing import Any, ClassVar, final

from tuneplug.plugins import Converter, Parameter
from tuneplug_sagemaker.sdk import range_of

__all__ = ["SageMakerConverter"]

RANGES = ("ContinuousParameter", "IntegerParameter", "CategoricalParameter")


@final
class SageMakerConverter(Converter):
    """Takes ``ContinuousParameter``, ``IntegerParameter`` and ``CategoricalParameter``."""

    name: ClassVar[str] = "sagemaker"

    def accepts(self, declared: Any) -> bool:
        """Whether this is a range of the SDK."""
        return any(
            cls.__module__.partition(".")[0] == "sagemaker" and cls.__name__ in RANGES
            for cls in type(declared).__mro__
        )

    def convert(self, declared: Any) -> Parameter:
        """Return the parameter; categories become text, as in the service."""
        return range_of(declared)
