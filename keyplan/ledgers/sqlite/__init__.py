"""The ledger `sqlite`: intents, receipts, spent plans, lock and history in one SQLite file beside the manifest.

Loading this package must not import sqlite3: `keyplan validate` needs only the options.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from keyplan.context import PluginContext
    from keyplan.model.manifest import LedgerSettings
    from keyplan.ports import LedgerReader, RebuildableLedger

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
            "x-access": "file",
        },
    },
    "additionalProperties": False,
}


def build_reader(settings: LedgerSettings, context: PluginContext, *, account: str) -> LedgerReader:
    """Return a reader of the ledger, whose file need not exist; `account` is the provider's base URL."""
    from keyplan.ledgers.sqlite.ledger import open_reader  # noqa: PLC0415 - takes 5 ms, for sqlite3

    return open_reader(_find_path(settings, context), context, account=account)


def build(settings: LedgerSettings, context: PluginContext, *, account: str) -> RebuildableLedger:
    """Return the ledger; the first write creates its file. The context's clock measures the wait for the lock."""
    from keyplan.ledgers.sqlite.ledger import open_ledger  # noqa: PLC0415 - takes 5 ms, for sqlite3

    return open_ledger(_find_path(settings, context), context, account=account)


def _find_path(settings: LedgerSettings, context: PluginContext) -> str:
    return str(Path(context.folder, str(settings.options.get("path", DEFAULT_PATH))))
