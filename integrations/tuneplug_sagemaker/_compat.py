"""Declare botocore, pandas and regex as optional dependencies."""

from __future__ import annotations

from tuneplug.optional import OptionalDependency

__all__ = ["BOTOCORE", "PANDAS", "REGEX"]

BOTOCORE = OptionalDependency("botocore", "botocore", "sagemaker")
PANDAS = OptionalDependency("pandas", "pandas", "pandas")
REGEX = OptionalDependency("regex", "regex", "sagemaker")
