"""Storages on servers satisfy the contract of storages."""

from __future__ import annotations

import pytest

from tuneplug.testing import StorageContract
from tuneplug_sqlalchemy import MariadbStorage, MysqlStorage, PostgresqlStorage

pytestmark = pytest.mark.slow


class TestPostgresql(StorageContract):
    names = (*StorageContract.names, "a ", "ä", "😀", "y" * 100_000)

    @pytest.fixture
    def storage(self, postgresql):
        self.url = postgresql.new_url()
        return PostgresqlStorage(self.url)

    def reopened(self, storage):
        return type(storage)(self.url)


class TestMariadb(TestPostgresql):
    @pytest.fixture
    def storage(self, mariadb):
        self.url = mariadb.new_url()
        return MariadbStorage(self.url)


class TestMysql(TestPostgresql):
    """MySQL's dialect, on MariaDB."""

    @pytest.fixture
    def storage(self, mariadb):
        self.url = mariadb.new_url().replace("mariadb+", "mysql+")
        return MysqlStorage(self.url)
