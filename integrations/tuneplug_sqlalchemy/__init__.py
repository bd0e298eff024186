"""Storages on database servers: PostgreSQL, MySQL and MariaDB, through SQLAlchemy Core.

SQLAlchemy and the driver of the database are imported when a storage is created.
"""

from __future__ import annotations

from tuneplug_sqlalchemy.storages import MariadbStorage, MysqlStorage, PostgresqlStorage

__all__ = ["MariadbStorage", "MysqlStorage", "PostgresqlStorage"]
