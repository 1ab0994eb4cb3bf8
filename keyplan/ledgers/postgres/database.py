"""Runs transactions on a ledger's database, one for each call, and translates what goes wrong.

No call may wait for ever, and none may leave anything behind in the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Lock
from typing import Final, LiteralString, TypeVar

from psycopg import Error, InterfaceError, OperationalError
from psycopg.sql import SQL, Identifier

from keyplan.context import PluginContext
from keyplan.errors import InputError, LedgerError
from keyplan.ledgers.postgres.failures import advise, find_kind
from keyplan.ledgers.postgres.pool import BoundedConnection, Row, find_pool
from keyplan.ledgers.postgres.target import Target, find_target
from keyplan.model.manifest import Json
from keyplan.net.faults import Fault

# SET LOCAL ends with its transaction: a plain SET would reach other users of PgBouncer's server connection. The last
# limit ends the transaction of a process that was paused in it, so that its row locks keep no other run out for long.
_LIMITS: Final = (
    "SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '8s';"
    " SET LOCAL idle_in_transaction_session_timeout = '5s';"
)
_BEGIN_READ: Final = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_LIMITS}"
# A server that answers a commit before it is on disk would forget an intent whose key was made.
_BEGIN_WRITE: Final = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_LIMITS}"
    " SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)
_PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (0.5, 1, 2, 4))
"""Before each further attempt: a server that restarts takes no connections for some seconds."""
_LONGEST_TRIAL: Final = timedelta(seconds=10)
"""No attempt begins later: a run must end before its lease does."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT: Final = frozenset(
    {
        "23505",  # unique_violation: another process has inserted the row since we looked
        "25P03",  # idle_in_transaction_session_timeout: this process was paused
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now: it starts or stops
    }
)
_CONNECTION_CLASS: Final = "08"
_ADVICE: Final[Mapping[str | None, str]] = {
    "25006": "name the primary server: this one can only be read",
    "3F000": "the ledger's tables were removed while they were in use: try again",
    "42501": "give the database's role the rights that docs/ledgers.md lists",
    "42P01": "the ledger's tables were removed while they were in use: try again",
    "53100": "make room on the database's disk, then try again",
    "53300": "raise the server's max_connections, or put PgBouncer in front of it",
    "55P03": "another transaction holds a row for long: see pg_stat_activity, then try again",
    "57014": "the database answers too slowly: see its load, then try again",
}

T = TypeVar("T")


class Transaction:
    """A transaction under way. In statements, `{schema}` stands for the schema with keyplan's tables."""

    def __init__(self, connection: BoundedConnection, schema: str) -> None:
        self._connection = connection
        self._schema = Identifier(schema)
        self.schema = schema

    def select(self, query: LiteralString, *values: object) -> list[Row]:
        """Return the rows that a statement answers."""
        return self._connection.execute(SQL(query).format(schema=self._schema), values or None).fetchall()

    def find(self, query: LiteralString, *values: object) -> Row | None:
        """Return the one row that a statement answers; None if there is none."""
        rows = self.select(query, *values)
        return rows[0] if rows else None

    def run(self, statement: LiteralString, *values: object) -> int:
        """Run a statement that answers no rows, or several without values; return how many rows the last changed."""
        return self._connection.execute(SQL(statement).format(schema=self._schema), values or None).rowcount


class LedgerDatabase:
    """The database of a ledger. Connects at the first call. Safe for threads."""

    def __init__(self, options: Mapping[str, Json], context: PluginContext) -> None:
        self._options = options
        self._context = context
        self._lock = Lock()
        self._target: Target | None = None
        self._former: Target | None = None
        """As it was fetched last."""

    @property
    def where(self) -> str:
        """The database as messages name it, without user and password."""
        return self._find_target().where

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` reads, all as of one instant. It may run several times.

        Raises:
            InputError: The database's URL cannot be fetched or used.
            LedgerError: The database cannot be reached, or refuses.
        """
        return self._run(_BEGIN_READ, work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returns, once what it changed is durable.

        If the connection breaks, `work` runs once more, possibly after a time that was committed: it must have no
        second effect then. Raises the errors of `read`, and what `work` raises, which undoes its changes.
        """
        return self._run(_BEGIN_WRITE, work)

    def _run(self, begin: LiteralString, work: Callable[[Transaction], T]) -> T:
        clock = self._context.clock
        deadline = clock.elapsed() + _LONGEST_TRIAL
        pauses = iter(_PAUSES)
        while True:
            target = self._find_target()
            try:
                with find_pool(target.parameters).lend() as connection, _transacting(connection, begin):
                    return work(Transaction(connection, target.schema))
            except Error as error:
                pause = next(pauses, None)
                if pause is None or not _is_transient(error) or clock.elapsed() > deadline:
                    # From None: psycopg's errors of connections carry the connection with its password.
                    raise _translate(error, target) from None
                if _was_denied(error):
                    # Once more, because a token may have been renewed. More could lock the role out.
                    pauses = iter(())
            self._start_anew(target)
            clock.sleep(pause)

    def _start_anew(self, target: Target) -> None:
        """Forget the connections, which have broken with the first of them, and the secret, which may have expired."""
        find_pool(target.parameters).close_idle()
        with self._lock:
            # Not if another thread has fetched it again meanwhile: a program may ask the user for it.
            if self._target is target:
                self._target = None

    def _find_target(self) -> Target:
        with self._lock:
            if self._target is None:
                try:
                    self._target = find_target(self._options, self._context)
                except InputError:
                    # Do not give up if the secret cannot be fetched again: a broken connection was the cause.
                    if self._former is None:
                        raise
                    self._target = self._former
                self._former = self._target
            return self._target


@contextmanager
def _transacting(connection: BoundedConnection, begin: LiteralString) -> Iterator[None]:
    """Commit what the block does; undo it if it raises."""
    connection.execute(begin)
    try:
        yield
    except BaseException:
        # If that fails, the pool closes the connection, which undoes it as well.
        with suppress(Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _translate(error: Error, target: Target) -> LedgerError:
    # Not the detail of a server's message: it quotes rows.
    text = " ".join((error.diag.message_primary or str(error)).split())
    usual = "check the address of the ledger's database, its role, and that this machine can reach it"
    kind = find_kind(text) if error.sqlstate is None else None
    if kind:
        # Not libpq's words: they name the address twice, and ask whether the server runs.
        fault = Fault(kind=kind, host=target.where)
        return LedgerError(f"the ledger in {fault.reason}", advice=advise(kind, usual))
    return LedgerError(f"the ledger in {target.where}: {target.hide(text)}", advice=_ADVICE.get(error.sqlstate, usual))


def _is_transient(error: Error) -> bool:
    """Whether the same transaction may succeed on a new connection."""
    if error.sqlstate is None:
        # No answer of a server: the connection broke, or there was none.
        return isinstance(error, OperationalError | InterfaceError)
    return error.sqlstate in _TRANSIENT or error.sqlstate.startswith(_CONNECTION_CLASS)


def _was_denied(error: Error) -> bool:
    """Whether the server ended a login after it had been given a password."""
    return error.pgconn is not None and error.pgconn.used_password
