"""The tables of a ledger's schema, as numbered steps, each applied once and by one process.

A reader never creates a table. A step that was released is never edited: what changes is a new step, and it must leave
the tables readable for a keyplan that knows the steps before it and is at work right now.
"""

from __future__ import annotations

from threading import Lock
from typing import Final, LiteralString

from keyplan.errors import LedgerError, LedgerUntrustedError
from keyplan.ledgers.postgres.database import LedgerDatabase, Transaction

# Documents are JSON as text, so new fields need no step; the columns beside them are those that are looked up.
_TABLES: Final[LiteralString] = """
-- Whose rows the others are: the manifest's owner and id (empty without one), and the provider's base URL.
CREATE TABLE {schema}.manifests (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    owner text NOT NULL,
    manifest_id text NOT NULL,
    UNIQUE (account, owner, manifest_id)
);
-- One receipt for each address.
CREATE TABLE {schema}.receipts (
    manifest bigint NOT NULL REFERENCES {schema}.manifests,
    address text NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (manifest, address)
);
-- Intents that are still open.
CREATE TABLE {schema}.intents (
    manifest bigint NOT NULL REFERENCES {schema}.manifests,
    id text NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (manifest, id)
);
-- Plans that were applied. The token identifies the call that inserted the row.
CREATE TABLE {schema}.spent (
    manifest bigint NOT NULL REFERENCES {schema}.manifests,
    digest text NOT NULL,
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    document text NOT NULL,
    PRIMARY KEY (manifest, digest)
);
-- Past applies, in order.
CREATE TABLE {schema}.history (
    manifest bigint NOT NULL REFERENCES {schema}.manifests,
    number bigint GENERATED ALWAYS AS IDENTITY,
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    document text NOT NULL,
    PRIMARY KEY (manifest, number)
);
-- A row for each lock that was ever taken, so that its number only grows; without a holder it is free.
CREATE TABLE {schema}.locks (
    manifest bigint NOT NULL REFERENCES {schema}.manifests,
    name text NOT NULL,
    number bigint NOT NULL,
    holder text,
    until timestamptz,
    document text,
    PRIMARY KEY (manifest, name)
);
"""
STEPS: Final[tuple[LiteralString, ...]] = (_TABLES,)
"""The first has number 1."""

# Grantee 0 is PUBLIC (postgresql.org, "System Information Functions": aclexplode). As a file that others may write.
_EXAMINE: Final[LiteralString] = """
SELECT max(step), EXISTS (
    SELECT FROM pg_class, aclexplode(relacl)
    WHERE relnamespace = to_regnamespace(%s) AND grantee = 0 AND privilege_type <> 'SELECT'
) FROM {schema}.migrations
"""


def read_step(transaction: Transaction) -> int:
    """Return the number of the last step that was applied; 0 if there are no tables.

    Raises:
        LedgerUntrustedError: Every role of the database may write them.
        LedgerError: A newer keyplan has applied a step that this one does not know.
    """
    schema = transaction.schema
    if transaction.find("SELECT to_regclass(%s)", f"{schema}.migrations") == (None,):
        return 0
    found = transaction.find(_EXAMINE, schema)
    step, is_public = found or (None, False)
    if is_public:
        raise LedgerUntrustedError(
            f"the ledger's schema '{schema}' cannot be trusted: every role of the database may write its tables",
            advice=f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC; and grant them to keyplan's role alone",
        )
    if (step or 0) > len(STEPS):
        raise LedgerError(f"the ledger's schema '{schema}' was written by a newer keyplan", advice="upgrade keyplan")
    return step or 0


class Migrations:
    """Brings the tables of one database up to date, at the first write of this process. Safe for threads."""

    def __init__(self, database: LedgerDatabase) -> None:
        self._database = database
        self._turn = Lock()
        self._is_done = False

    def ensure(self) -> None:
        """Apply the steps that are missing; nothing is written if there are none.

        Raises:
            LedgerUntrustedError: Every role of the database may write the tables.
            LedgerError: The tables are of a newer keyplan, or the role may not create them.
        """
        with self._turn:
            # Once: a run that waits for a lock asks twice a second.
            if not self._is_done:
                if self._database.read(read_step) < len(STEPS):
                    self._database.write(_apply_missing)
                self._is_done = True


def _apply_missing(transaction: Transaction) -> None:
    # Held until the transaction ends: of several processes that start together, one creates the tables.
    transaction.select("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", f"keyplan {transaction.schema}")
    # A schema that an administrator created needs no right to create schemas.
    if transaction.find("SELECT to_regnamespace(%s)", transaction.schema) == (None,):
        transaction.run("CREATE SCHEMA {schema}")
    transaction.run(
        "CREATE TABLE IF NOT EXISTS {schema}.migrations"
        " (step integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    applied = read_step(transaction)
    for number, step in enumerate(STEPS[applied:], start=applied + 1):
        transaction.run(step)
        transaction.run("INSERT INTO {schema}.migrations (step) VALUES (%s)", number)
