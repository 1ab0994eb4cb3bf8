"""One PostgreSQL server for the tests of a process, and a schema of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ledgers.postgres.servers import PostgresServer, Storage, find_pgbouncer, running_pgbouncer, running_postgres

from keyplan.ledgers.postgres.pool import close_pools


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="session")
def bouncer(server: PostgresServer) -> Iterator[int]:
    if not find_pgbouncer():
        pytest.skip("needs the program pgbouncer: apt-get install pgbouncer")
    with running_pgbouncer(server) as port:
        yield port


@pytest.fixture
def storage(server: PostgresServer) -> Iterator[Storage]:
    yield Storage(server)
    close_pools()
