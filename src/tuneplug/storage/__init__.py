"""Where the trials of a study are kept beyond the life of its process.

>>> from tuneplug.storage import SqliteStorage
"""

from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.memory import MemoryStorage
from tuneplug.storage.sqlite import SqliteStorage

__all__ = ["MemoryStorage", "SqliteStorage", "Storage", "StoredStudy", "TrialRecord"]
