"""Declare botocore and regex as optional dependencies."""

from __future__ import annotations

from tuneplug.optional import OptionalDependency

__all__ = ["BOTOCORE", "REGEX"]

BOTOCORE = OptionalDependency("botocore", "botocore", "sagemaker")
REGEX = OptionalDependency("regex", "regex", "sagemaker")
