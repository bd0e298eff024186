"""Ray adapter: the executor named "ray" runs jobs as Ray tasks.

Ray is imported when the first job is submitted.
"""

from __future__ import annotations

from tuneplug_ray.executor import RayExecutor

__all__ = ["RayExecutor"]
