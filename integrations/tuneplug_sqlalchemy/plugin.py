"""Register the storages through tuneplug's hooks."""

from __future__ import annotations

from tuneplug.plugins import hookimpl
from tuneplug.storage import Storage
from tuneplug_sqlalchemy.storages import MariadbStorage, MysqlStorage, PostgresqlStorage

__all__ = ["tuneplug_storages"]


@hookimpl
def tuneplug_storages() -> list[type[Storage]]:
    return [PostgresqlStorage, MysqlStorage, MariadbStorage]
