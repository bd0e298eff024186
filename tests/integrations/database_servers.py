"""Servers of databases that tests start: sockets only, in a folder of their own."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pymysql

#: With characters that URLs quote.
PASSWORD = "s3cr@t/P%ss:w rd"
QUOTED = "s3cr%40t%2FP%25ss%3Aw%20rd"
TIMEOUT = 60.0


def _as_user(user):
    """Return the start of a command: it ends with the thread that runs it, if this can be had.

    Servers refuse to run as root, so that another user runs the command then.
    """
    if shutil.which("setpriv") is None:
        assert os.getuid() != 0, "setpriv of util-linux must be installed to run servers as root"
        return []
    ends = ["setpriv", "--pdeathsig=KILL"]
    if os.getuid() != 0:
        return ends
    return [*ends, f"--reuid={user}", f"--regid={user}", "--clear-groups"]


class _Server:
    """A server in a new folder, until ``close``."""

    user: str
    socket: str

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tuneplug-", dir="/tmp"))  # all may enter it
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        if os.getuid() == 0:
            known = pwd.getpwnam(self.user)
            os.chown(self.folder, known.pw_uid, known.pw_gid)
            os.chown(self.data, known.pw_uid, known.pw_gid)
        self._numbers = itertools.count()
        try:
            self._initialize()
            self.start()
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _run(self, *command, **options):
        full = [*_as_user(self.user), *map(str, command)]
        done = subprocess.run(full, capture_output=True, text=True, cwd="/", check=False, **options)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        socket = self.folder / self.socket
        socket.unlink(missing_ok=True)
        with (self.folder / "log").open("a") as log:
            command = [*_as_user(self.user), *map(str, self._command())]
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        end = time.monotonic() + TIMEOUT
        while not (socket.exists() and self._answers()):
            log = (self.folder / "log").read_text()
            assert self.process.poll() is None, log
            assert time.monotonic() < end, log
            time.sleep(0.02)

    def _answers(self):
        try:
            self.execute("select 1")
        except (psycopg.OperationalError, pymysql.err.OperationalError):
            return False
        return True

    def stop(self):
        """End the server as an administrator does who does not wait for its clients."""
        self.process.send_signal(self.stop_signal)
        self.process.wait(TIMEOUT)

    def kill(self):
        """End the server as a crash does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT)

    def close(self):
        process = getattr(self, "process", None)
        if process is not None and process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_url(self):
        """Return the URL of a new database."""
        name = f"study{next(self._numbers)}"
        self._create_database(name)
        return self.url(name)


class PostgreSQL(_Server):
    user = "postgres"
    socket = ".s.PGSQL.5432"
    stop_signal = signal.SIGINT

    @staticmethod
    def programs():
        """Return the folder of the programs; None if they are not installed."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))  # Debian's
        in_path = shutil.which("initdb")
        if not found and in_path is None:
            return None
        return (found[-1] if found else Path(in_path)).parent

    def _initialize(self):
        password = self.folder / "password"
        password.write_text(PASSWORD)
        self._run(
            self.programs() / "initdb",
            *("-D", self.data, "-U", "owner", "--pwfile", password, "--no-sync"),
            *("--auth=scram-sha-256", "-E", "UTF8", "--locale=C"),
        )

    def _command(self):
        sockets = ("-c", f"unix_socket_directories={self.folder}", "-c", "listen_addresses=")
        return self.programs() / "postgres", "-D", self.data, *sockets, "-c", "fsync=off"

    def execute(self, statement, database="postgres"):
        with psycopg.connect(
            host=str(self.folder), user="owner", password=PASSWORD, dbname=database, autocommit=True
        ) as db:
            cursor = db.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _prepare(self):
        pass

    def _create_database(self, name):
        self.execute(f"create database {name}")

    def url(self, name):
        return f"postgresql+psycopg://owner:{QUOTED}@/{name}?host={self.folder}"


class MariaDB(_Server):
    user = "mysql"
    socket = "socket"
    stop_signal = signal.SIGTERM

    @staticmethod
    def programs():
        """Return the program of the server; None if it is not installed."""
        found = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin")
        return None if found is None or shutil.which("mariadb-install-db") is None else Path(found)

    def _initialize(self):
        self._run(
            "mariadb-install-db",
            *("--no-defaults", f"--datadir={self.data}", "--skip-test-db"),
            "--auth-root-authentication-method=normal",
        )

    def _command(self):
        return (
            *(self.programs(), "--no-defaults", f"--datadir={self.data}", "--skip-networking"),
            *(f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"),
            "--innodb-flush-log-at-trx-commit=2",
        )

    def execute(self, statement, database=None):
        db = pymysql.connect(
            unix_socket=f"{self.folder}/socket", user="root", database=database, autocommit=True
        )
        with db, db.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def _prepare(self):
        self.execute(f"create user owner@localhost identified by '{PASSWORD}'")
        self.execute("grant all on *.* to owner@localhost")

    def _create_database(self, name):
        # As many servers have it, and not as the names of studies need it.
        self.execute(f"create database {name} character set latin1 collate latin1_swedish_ci")

    def url(self, name):
        socket = f"unix_socket={self.folder}/socket"
        return f"mariadb+pymysql://owner:{QUOTED}@localhost/{name}?{socket}"
