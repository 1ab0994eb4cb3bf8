"""Connections to one database, shared by all ledgers of this process: few, bounded in time, replaced when they break.

No connection may keep state between two transactions: behind PgBouncer the next one may have another server process.
"""

from __future__ import annotations

import atexit
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import BoundedSemaphore, Lock
from typing import Any, Final, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from keyplan.errors import LedgerError

_MOST: Final = 4
"""Connections at a time. A transaction takes milliseconds, and a server has about a hundred for all its users."""
_LONGEST_WAIT: Final = timedelta(seconds=60)
"""For a free connection. Each that is in use ends sooner, whatever happens to the server."""
_LONGEST_ANSWER: Final = timedelta(seconds=15)
"""For one answer of the server: more than the limits that the server itself sets to a statement."""

T = TypeVar("T")
Row = tuple[Any, ...]


class BoundedConnection(Connection[Row]):
    """A connection that does not wait for ever.

    A load balancer may keep a connection alive whose server is gone: no limit of the server or of TCP ends that wait
    (github.com/psycopg/psycopg, pull request 1411).
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer. Raises OperationalError when it takes too long; the connection is of no use then."""
        longest = _LONGEST_ANSWER.total_seconds() if timeout is None else timeout
        try:
            return super().wait(gen, interval, longest)
        except OperationalError as error:
            if error.sqlstate is None and self.info.transaction_status is TransactionStatus.ACTIVE:
                # Neither an answer nor the end of the connection.
                raise OperationalError(f"the server has not answered for {longest:g} s") from None
            raise


class ConnectionPool:
    """Opens, lends and closes the connections to one database. Safe for threads."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self._free = BoundedSemaphore(_MOST)
        self._lock = Lock()
        self._idle: list[BoundedConnection] = []

    @contextmanager
    def lend(self) -> Iterator[BoundedConnection]:
        """Yield a connection that no other thread has. Closes it afterwards unless it is whole and idle.

        Raises:
            LedgerError: All connections are in use, for too long.
            psycopg.Error: The database cannot be reached, or refuses.
        """
        if not self._free.acquire(timeout=_LONGEST_WAIT.total_seconds()):
            raise LedgerError("all connections to the ledger's database are in use", advice="try again in a moment")
        try:
            connection = self._take() or self._open()
            try:
                yield connection
            finally:
                self._put_back(connection)
        finally:
            self._free.release()

    def close_idle(self) -> None:
        """Close what is not in use, because it has broken or is not needed any longer."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> BoundedConnection | None:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        return None

    def _open(self) -> BoundedConnection:
        # Nothing is prepared on the server: behind PgBouncer the statement would be sought in another process
        # (psycopg.org/psycopg3/docs/advanced/prepare.html, "Using prepared statements with PgBouncer").
        parameters: dict[str, Any] = dict(self._parameters)
        return BoundedConnection.connect(**parameters, autocommit=True, prepare_threshold=None)

    def _put_back(self, connection: BoundedConnection) -> None:
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            # In the middle of something: only the end of the connection certainly undoes that.
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


_pools: dict[str, ConnectionPool] = {}
_pools_lock = Lock()


def find_pool(parameters: Mapping[str, str]) -> ConnectionPool:
    """Return the pool of this process for one database and user."""
    # By digest, so that no password is the key of a dictionary which outlives its ledger.
    key = hashlib.sha256(json.dumps(dict(parameters), sort_keys=True).encode()).hexdigest()
    with _pools_lock:
        return _pools.setdefault(key, ConnectionPool(parameters))


@atexit.register
def close_pools() -> None:
    """Close all idle connections, so that the server sees a proper end."""
    with _pools_lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.close_idle()
