"""Overhead of a job on Dask and on Ray, and the time saved by sending data once.

    python benchmarks/clusters.py
    python benchmarks/clusters.py --executors dask --megabytes 400

Each executor starts its own workers on this machine. *job* is the time from the submission of an
empty call to its result, one call after the other; *sent once* the same with an array that was
``put`` before, *sent each time* with the array itself. All are medians of ``--jobs``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tuneplug.plugins import Plugins


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds and what the call returned."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executors", nargs="+", default=["dask", "ray"])
    parser.add_argument("--megabytes", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=20)
    options = parser.parse_args()
    data = np.random.default_rng(0).normal(size=options.megabytes * 125_000)

    def median(submit: Callable[[], Any]) -> float:
        submit().result()
        return float(np.median([timed(lambda: submit().result())[0] for _ in range(options.jobs)]))

    print("| executor | start s | put s | job ms | sent once ms | sent each time ms | end s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in options.executors:
        executor = Plugins().create("executor", name)
        begin, _ = timed(lambda: executor.submit(int).result())  # noqa: B023
        put, sent = timed(lambda: executor.put(data))  # noqa: B023
        first, _ = timed(lambda: executor.submit(np.size, sent).result())  # noqa: B023
        jobs = [
            median(lambda: executor.submit(int)),  # noqa: B023
            median(lambda: executor.submit(np.size, sent)),  # noqa: B023
            median(lambda: executor.submit(np.size, data)),  # noqa: B023
        ]
        end, _ = timed(executor.shutdown)
        shown = " | ".join(f"{1000 * job:.1f}" for job in jobs)
        print(f"| `{name}` | {begin:.1f} | {put + first:.2f} | {shown} | {end:.1f} |")


if __name__ == "__main__":
    main()
