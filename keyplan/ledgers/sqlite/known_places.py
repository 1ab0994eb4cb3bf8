"""The table of known places: files that an apply found as their receipts say, so that a plan need not read them.

It is an index, as git keeps one of a work tree: without it, or with a row that fits no longer, the file is read. What a
row says counts only as long as the receipt is stored as it was then, and for the manifest as it was then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from sqlite3 import Connection, OperationalError

from keyplan.model.identity import Address, Lineage, SinkName
from keyplan.model.ledger import KnownPlace
from keyplan.model.observation import Revision

TABLE = """CREATE TABLE IF NOT EXISTS places (
    sink TEXT, location TEXT, address TEXT NOT NULL, edition TEXT NOT NULL, trace TEXT NOT NULL, revision TEXT NOT NULL,
    PRIMARY KEY (sink, location)
)"""
"""Each known place. An older keyplan ignores the table."""
_DIGEST_BYTES = 16


class Editions:
    """Digests of receipts as they are stored, which differ from those for any other lineage."""

    def __init__(self, lineage: Lineage) -> None:
        # Whose a place is follows from the lineage, so that with another one every place is read again.
        self._model = hashlib.blake2b(repr(lineage).encode(), digest_size=_DIGEST_BYTES)

    def of(self, document: str) -> str:
        """Return the edition of a receipt."""
        digest = self._model.copy()
        digest.update(document.encode())
        return digest.hexdigest()


def read_places(connection: Connection, editions: Mapping[Address, str]) -> Mapping[tuple[SinkName, str], KnownPlace]:
    """Return the places whose receipts are the same since they were noted."""
    rows: Iterable[tuple[str, ...]] = ()
    with suppress(OperationalError):  # no such table: the ledger was made before there was one
        rows = connection.execute("SELECT sink, location, address, edition, trace, revision FROM places").fetchall()
    return {
        (SinkName(sink), location): KnownPlace(
            sink=SinkName(sink),
            location=location,
            address=Address(address),
            edition=edition,
            trace=trace,
            revision=Revision(revision),
        )
        for sink, location, address, edition, trace, revision in rows
        if editions.get(Address(address)) == edition
    }


def write_places(connection: Connection, places: Collection[KnownPlace]) -> None:
    """Store places in place of all others, in the transaction under way."""
    connection.execute(TABLE)
    connection.execute("DELETE FROM places")
    rows = [(one.sink, one.location, one.address, one.edition, one.trace, one.revision) for one in places]
    connection.executemany("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?)", rows)
