"""The ledger of a world in an SQLite file, which is kept as a file."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

_USED = ".keyplan/ledger.db"
_KEPT = "ledger.db"


class SqliteWorldLedger:
    """Implements WorldLedger."""

    name = "sqlite"
    declared = f"{{type: sqlite, path: {_USED}}}"
    environment: Mapping[str, str] = {}
    placeholders: Mapping[str, str] = {}

    def save(self, folder: Path, target: Path, changed: Mapping[str, str]) -> None:
        """Copy the file."""
        copy_database(folder / _USED, target / _KEPT)
        _change_addresses(target / _KEPT, changed)

    def load(self, world: Path, folder: Path, changed: Mapping[str, str]) -> None:
        """Copy it back, closed to others: a repository does not keep modes."""
        used = folder / _USED
        used.parent.mkdir(mode=0o700)
        shutil.copyfile(world / _KEPT, used)
        used.chmod(0o600)
        _change_addresses(used, changed)

    def lose(self, folder: Path) -> None:
        """Remove the file."""
        (folder / _USED).unlink()

    def read_tables(self, folder: Path) -> str:
        """Return each column of each table: not the statements, which a step may have changed piece by piece."""
        columns = (
            "SELECT m.name, c.* FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1, 2"
        )
        with closing(sqlite3.connect(folder / _USED)) as ledger:
            return "".join(f"{column}\n" for column in ledger.execute(columns))


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that may be open, as SQLite does it, and without unused pages, whose bytes say nothing."""
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)
        copy.execute("VACUUM")


def _change_addresses(ledger_file: Path, changed: Mapping[str, str]) -> None:
    with closing(sqlite3.connect(ledger_file)) as ledger, ledger:
        for old, new in changed.items():
            ledger.execute("UPDATE meta SET value = replace(value, ?, ?)", (old, new))
            for table in ("receipts", "intents"):
                ledger.execute(f"UPDATE {table} SET document = replace(document, ?, ?)", (old, new))  # noqa: S608 - two fixed names
