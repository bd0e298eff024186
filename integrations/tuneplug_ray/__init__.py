"""Searches on a Ray cluster; Ray is imported where an executor is made."""

from __future__ import annotations

from tuneplug_ray.executor import RayExecutor

__all__ = ["RayExecutor"]
