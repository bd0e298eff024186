"""What a search keeps in a storage, as dicts of JSON values.

fingerprint         whether a stored search is the same search
stored_folds        the row numbers of the folds
stored_evaluations  the result of one fit
"""

from tuneplug_sklearn.storing.fingerprint import (
    Fingerprint,
    SearchDefinition,
    changed_versions,
    check_fingerprint,
    compare,
    fingerprint_key,
    make_fingerprint,
)
from tuneplug_sklearn.storing.stored_evaluations import decode_result, encode_result
from tuneplug_sklearn.storing.stored_folds import decode_folds, encode_folds

__all__ = [
    "Fingerprint",
    "SearchDefinition",
    "changed_versions",
    "check_fingerprint",
    "compare",
    "decode_folds",
    "decode_result",
    "encode_folds",
    "encode_result",
    "fingerprint_key",
    "make_fingerprint",
]
