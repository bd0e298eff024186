"""What differs between database servers: options of connections, and statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MYSQL", "POSTGRESQL", "Dialect"]


@dataclass(frozen=True)
class Dialect:
    """A kind of database server.

    Attributes
    ----------
    driver : str
        The driver that is used, as in URLs of SQLAlchemy.
    connect_args : mapping of str to Any
        Options of connections, unless the URL has them.
    on_connect : tuple of str
        Statements for each new connection.  A transaction whose process is suspended, or whose
        machine is gone, ends by itself, so that it does not hold its lock for ever.
    lock_schema, unlock_schema : str
        Queries that wait for a lock on the tables of a database, and release it.
    now : str
        Query for the seconds since the epoch by the clock of the server.
    not_durable : str or None
        Statement for a transaction whose changes need not outlive a power cut.
    read_only : frozenset of str and int
        Codes of the errors of a user or a server that may only read.
    """

    driver: str
    connect_args: Mapping[str, Any]
    on_connect: tuple[str, ...]
    lock_schema: str
    unlock_schema: str
    now: str
    not_durable: str | None
    read_only: frozenset[str | int]


POSTGRESQL = Dialect(
    driver="psycopg",
    connect_args={
        "connect_timeout": 10,
        "client_encoding": "utf8",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "prepare_threshold": None,  # a pooler between gives each transaction another session
    },
    on_connect=(
        "set lock_timeout = '30s'",
        "set idle_in_transaction_session_timeout = '60s'",
    ),
    lock_schema="select pg_advisory_xact_lock(hashtext('tuneplug'))",
    unlock_schema="select 1",  # the end of the transaction has released it
    now="select extract(epoch from clock_timestamp())",
    not_durable="set local synchronous_commit to off",
    read_only=frozenset({"25006", "42501"}),
)

MYSQL = Dialect(
    driver="pymysql",
    connect_args={
        "connect_timeout": 10,
        "read_timeout": 120,
        "write_timeout": 120,
        "charset": "utf8mb4",
    },
    on_connect=(
        "set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        "set session innodb_lock_wait_timeout = 30",
        "set session wait_timeout = 60",
    ),
    lock_schema="select get_lock(concat('tuneplug_', md5(database())), 30)",
    unlock_schema="select release_lock(concat('tuneplug_', md5(database())))",
    now="select timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1000000",
    not_durable=None,
    read_only=frozenset({1044, 1142, 1143, 1290, 1792, 1836}),
)
