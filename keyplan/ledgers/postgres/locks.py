"""The locks of a manifest: a row each, with a lease that ends by the database's clock and a number that only grows.

Only its row holds a lock: a session can end unnoticed, and behind PgBouncer it belongs to no process.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString

from keyplan.errors import LedgerDamagedError, LedgerLockedError
from keyplan.ledgers.documents import from_text, to_holder, to_text
from keyplan.ledgers.lease import make_lost_error
from keyplan.ledgers.postgres.database import LedgerDatabase, Transaction
from keyplan.ledgers.postgres.manifests import ManifestKey, ManifestRows
from keyplan.ledgers.postgres.migrations import Migrations
from keyplan.model.ledger import Holder, LockName

_IS_LIVE: Final[LiteralString] = """
SELECT 1 FROM {schema}.locks WHERE manifest = %s AND name = %s AND until > clock_timestamp()
"""
# `clock_timestamp()`: `now()` is when the transaction began, which may be long before it got the row.
_SEIZE: Final[LiteralString] = """
INSERT INTO {schema}.locks AS held (manifest, name, number, holder, document, until)
VALUES (%s, %s, 1, %s, %s, clock_timestamp() + %s)
ON CONFLICT (manifest, name) DO UPDATE
SET number = held.number + 1, holder = excluded.holder, document = excluded.document, until = clock_timestamp() + %s
WHERE held.holder IS NULL OR held.until <= clock_timestamp()
RETURNING number, until
"""
_RENEW: Final[LiteralString] = """
UPDATE {schema}.locks SET until = clock_timestamp() + %s
WHERE manifest = %s AND name = %s AND holder = %s AND number = %s
RETURNING until
"""
_RELEASE: Final[LiteralString] = """
UPDATE {schema}.locks SET holder = NULL, document = NULL, until = NULL
WHERE manifest = %s AND name = %s AND holder = %s AND number = %s
"""
# The row stays locked until the transaction ends: no other run takes the lock over between this and the commit.
_REQUIRE: Final[LiteralString] = """
SELECT 1 FROM {schema}.locks WHERE manifest = %s AND name = %s AND holder = %s AND number = %s FOR SHARE
"""
_DROP: Final[LiteralString] = """
UPDATE {schema}.locks SET holder = NULL, document = NULL, until = NULL WHERE manifest = %s AND holder = %s
"""


class PostgresLocks:
    """Implements LeaseStore on the rows of one manifest. Safe for threads."""

    def __init__(self, database: LedgerDatabase, rows: ManifestRows, migrations: Migrations) -> None:
        self._database = database
        self._rows = rows
        self._migrations = migrations
        self._keys: dict[LockName, ManifestKey] = {}
        """Of the rows that each lock was taken for."""
        self._applying: Holder | None = None
        """This process as it took the lock `APPLY`; also once it was lost."""

    def seize(self, holder: Holder, *, lease: timedelta, name: LockName) -> Holder | None:
        """Take a lock that is free, or whose lease is over by the database's clock."""
        self._migrations.ensure()
        numbers = set[int]()

        def work(transaction: Transaction) -> tuple[ManifestKey, Holder]:
            key = self._rows.claim(transaction)
            document = to_text({field: value for field, value in asdict(holder).items() if value is not None})
            # Looked at first: of the many runs that wait, none should write, or lock the row against the holder.
            is_live = transaction.find(_IS_LIVE, key, name.value)
            values = (key, name.value, holder.id, document, lease, lease)
            found = None if is_live else transaction.find(_SEIZE, *values)
            if found is not None:
                held = replace(holder, number=found[0], until=_to_utc(found[1]))
            else:
                # It may be this very call's, if the answer to its commit was lost.
                former = find_holder(transaction, key, name)
                if former is None or former.number not in numbers or former.id != holder.id:
                    # Raised, so that the rows of a former manifest are not taken over while it is at work.
                    raise LedgerLockedError("the lock is held")
                held = former
            numbers.add(held.number)
            return key, held

        try:
            self._keys[name], held = self._database.write(work)
        except LedgerLockedError:
            return None
        if name is LockName.APPLY:
            self._applying = held
        return held

    def renew(self, held: Holder, *, lease: timedelta, name: LockName) -> Holder:
        """Extend the lease. Raises LeaseLostError if the row is no longer this holder's."""
        key = self._keys[name]

        def work(transaction: Transaction) -> Holder:
            found = transaction.find(_RENEW, lease, key, name.value, held.id, held.number)
            if found is None:
                raise make_lost_error(self._database.where, find_holder(transaction, key, name))
            return replace(held, until=_to_utc(found[0]))

        return self._database.write(work)

    def release(self, held: Holder, *, name: LockName) -> None:
        """Free the lock; its number stays. If it was lost, this process stays unable to write."""
        key = self._keys[name]
        values = (key, name.value, held.id, held.number)
        if self._database.write(lambda transaction: transaction.run(_RELEASE, *values)) and name is LockName.APPLY:
            self._applying = None

    def drop(self, lock_id: str) -> None:
        """Free the lock of that id."""
        self._database.write(lambda transaction: transaction.run(_DROP, self._rows.claim(transaction), lock_id))

    def require_held(self, transaction: Transaction) -> ManifestKey:
        """Return the key of the rows that this process may write, in the transaction under way.

        Raises:
            LeaseLostError: It held the lock `APPLY`, and another took it over, or a user broke it.
        """
        held = self._applying
        if held is None:
            return self._rows.claim(transaction)
        key = self._keys[LockName.APPLY]
        if transaction.find(_REQUIRE, key, LockName.APPLY.value, held.id, held.number) is None:
            raise make_lost_error(self._database.where, find_holder(transaction, key, LockName.APPLY))
        return key


def find_holder(transaction: Transaction, key: ManifestKey, name: LockName) -> Holder | None:
    """Return who holds a lock, whether the lease is over or not; None if it is free.

    Raises:
        LedgerDamagedError: The row does not describe a holder.
    """
    found = transaction.find(
        "SELECT document, number, until FROM {schema}.locks WHERE manifest = %s AND name = %s AND holder IS NOT NULL",
        key,
        name.value,
    )
    if found is None:
        return None
    document, number, until = found
    try:
        return replace(to_holder(from_text(document)), number=number, until=_to_utc(until))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise make_damaged_error(transaction.schema, error) from error


def make_damaged_error(schema: str, error: Exception) -> LedgerDamagedError:
    """Return the error to raise if a row does not hold a document of keyplan."""
    return LedgerDamagedError(
        f"a row of the ledger's schema '{schema}' is not keyplan's: {error}",
        advice="restore the schema from a backup; or, if there is none, drop it: keyplan finds its keys without it",
    )


def _to_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)
