"""The ledger `sqlite`: intents, receipts, spent plans, lock and history in one SQLite file beside the manifest.

Loading this package must not import sqlite3: `keyplan validate` needs nothing but the options.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from keyplan.ports import Clock, LedgerReader, RebuildableLedger

DEFAULT_PATH: Final = ".keyplan/ledger.db"
OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Keeps the ledger in one SQLite file.",
    "properties": {
        "path": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_PATH,
            "description": "The file, relative to the manifest; --ledger names another.",
        },
    },
    "additionalProperties": False,
}


def build_reader(path: str, *, owner: str, account: str) -> LedgerReader:
    """Return a reader of the ledger at a path; `account` is the provider's base URL."""
    from keyplan.ledgers.sqlite.ledger import open_reader  # noqa: PLC0415 - takes 5 ms, for sqlite3

    return open_reader(path, owner=owner, account=account)


def build(path: str, *, owner: str, account: str, clock: Clock) -> RebuildableLedger:
    """Return the ledger at a path; the first write creates its file. `clock` measures the wait for the lock."""
    from keyplan.ledgers.sqlite.ledger import open_ledger  # noqa: PLC0415 - takes 5 ms, for sqlite3

    return open_ledger(path, owner=owner, account=account, clock=clock)
