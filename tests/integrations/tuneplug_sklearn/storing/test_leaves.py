"""Leaves of descriptions."""

from __future__ import annotations

from tuneplug_sklearn.storing.leaves import same_leaf


def test_code_of_other_versions_of_python_is_not_compared():
    old, new = ["code of Python 3.10", "1"], ["code of Python 3.11", "2"]
    assert same_leaf(old, new)
    assert not same_leaf(old, ["code of Python 3.10", "2"])
    assert not same_leaf(old, None)
