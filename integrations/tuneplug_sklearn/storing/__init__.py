"""Store a search in a storage, so that it can be resumed; every record is a dict of JSON values.

fingerprint         describe a search, and list how it differs from the stored one
stored_folds        encode and decode the row numbers of the folds
stored_evaluations  encode and decode the result of one fit
kept_results        store the results of a candidate with its trial, and read them
restart             start a trial again whose process has ended
stored_search       open the study of a search, and check that it is the same search
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
from tuneplug_sklearn.storing.restart import concurrent_search_error, restart_trial
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
    "concurrent_search_error",
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
    "restart_trial",
]
