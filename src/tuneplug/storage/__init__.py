"""Storages keep the trials of studies after their processes have ended.

>>> from tuneplug.storage import SqliteStorage
"""

from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.copying import copy
from tuneplug.storage.documents import seal, unseal
from tuneplug.storage.foreign import check_sqlite_url
from tuneplug.storage.memory import MemoryStorage
from tuneplug.storage.shared import (
    Changes,
    SharedStorage,
    SharedStudy,
    StoredSession,
    Transaction,
)
from tuneplug.storage.sqlite import SqliteStorage
from tuneplug.storage.urls import as_storage

__all__ = [
    "Changes",
    "MemoryStorage",
    "SharedStorage",
    "SharedStudy",
    "SqliteStorage",
    "Storage",
    "StoredSession",
    "StoredStudy",
    "Transaction",
    "TrialRecord",
    "as_storage",
    "check_sqlite_url",
    "copy",
    "seal",
    "unseal",
]
