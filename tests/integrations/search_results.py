"""Comparison of the results of searches."""

from __future__ import annotations

import numpy as np


def assert_same_results(found, expected):
    """Compare two ``cv_results_`` with the same columns, except their times."""
    assert list(found) == list(expected)
    for name in found:
        if "time" not in name:
            np.testing.assert_array_equal(
                np.asarray(found[name]), np.asarray(expected[name]), err_msg=name
            )
