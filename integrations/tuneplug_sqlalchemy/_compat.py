"""Declare SQLAlchemy and the drivers of the databases as optional dependencies."""

from __future__ import annotations

from tuneplug.optional import OptionalDependency

__all__ = ["SQLALCHEMY"]

SQLALCHEMY = OptionalDependency("SQLAlchemy", "sqlalchemy", "sqlalchemy", ("psycopg", "pymysql"))
