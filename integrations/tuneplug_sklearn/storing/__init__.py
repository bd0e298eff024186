"""What a search keeps in a storage, as dicts of JSON values.

fingerprint         whether a stored search is the same search
stored_folds        the row numbers of the folds
stored_evaluations  the result of one fit
kept_results        the results of a candidate, with its trial
stored_search       the study of a search in a storage
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
from tuneplug_sklearn.storing.kept_results import (
    keep_result,
    keep_stopped_after,
    kept_results,
    kept_stopped_after,
)
from tuneplug_sklearn.storing.stored_evaluations import decode_result, encode_result
from tuneplug_sklearn.storing.stored_folds import decode_folds, encode_folds
from tuneplug_sklearn.storing.stored_search import (
    FitData,
    StoredSearch,
    check_storage_arguments,
    open_search,
)

__all__ = [
    "Fingerprint",
    "FitData",
    "SearchDefinition",
    "StoredSearch",
    "changed_versions",
    "check_fingerprint",
    "check_storage_arguments",
    "compare",
    "decode_folds",
    "decode_result",
    "encode_folds",
    "encode_result",
    "fingerprint_key",
    "keep_result",
    "keep_stopped_after",
    "kept_results",
    "kept_stopped_after",
    "make_fingerprint",
    "open_search",
]
