"""tuneplug on Ray: searches run as its tasks, by the executor named "ray".

Ray is imported when the first job is submitted.
"""

from __future__ import annotations

from tuneplug_ray.executor import RayExecutor

__all__ = ["RayExecutor"]
