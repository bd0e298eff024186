"""Declare botocore as an optional dependency."""

from __future__ import annotations

from tuneplug.optional import OptionalDependency

__all__ = ["BOTOCORE"]

BOTOCORE = OptionalDependency("botocore", "botocore", "sagemaker")
