"""The ledger of a world in PostgreSQL, which is kept as its DDL, its rows, and where its sequences are.

The DDL is what pg_dump reports. A row is a line of JSON, with the document in it as JSON, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from ledgers.postgres.servers import ADMIN, ROLE, PostgresServer
from psycopg.types.json import Jsonb
from upgrades.texts import compact, nest, replace_all

_SCHEMA = "keyplan"
_COVERED = ("history", "spent")
"""Tables whose documents a digest covers."""
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r' ORDER BY relname"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s ORDER BY sequencename"
_numbers = count(1)


class PostgresWorldLedger:
    """Implements WorldLedger in a database of its own."""

    name = "postgres"
    declared = "{type: postgres}"
    placeholders: Mapping[str, str] = {}

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._database = f"world{next(_numbers)}"
        server.run(f"CREATE DATABASE {self._database} OWNER {ROLE}", database=ADMIN)
        # How rows show times; keyplan's own sessions are as they are.
        server.run(f"ALTER ROLE {ADMIN} IN DATABASE {self._database} SET timezone TO 'UTC'", database=ADMIN)

    @property
    def environment(self) -> dict[str, str]:
        """Return the URL of the database where runs look for it."""
        return {"KEYPLAN_LEDGER_DSN": self._server.url(self._database)}

    def save(self, folder: Path, target: Path, changed: Mapping[str, str]) -> None:
        """Write the DDL, a file of rows for each table, and the sequences."""
        rows = target / "ledger"
        rows.mkdir()
        (rows / "schema.sql").write_text(self.read_tables(folder))
        for (table,) in self._run(_TABLES, _SCHEMA):
            found = [row for (row,) in self._run(f"SELECT row_to_json(t) FROM {_SCHEMA}.{table} t")]  # noqa: S608 - a name of the ledger itself
            # By the first two columns, of which a key consists; the server orders texts as its locale does.
            found.sort(key=lambda row: list(row.values())[:2])
            lines = [f"{json.dumps(nest(row), ensure_ascii=False)}\n" for row in found]
            text = "".join(lines)
            (rows / f"{table}.jsonl").write_text(text if table in _COVERED else replace_all(text, changed))
        sequences = [{"sequence": name, "last_value": last} for name, last in self._run(_SEQUENCES, _SCHEMA)]
        (rows / "sequences.json").write_text(f"{json.dumps(sequences, indent=2)}\n")

    def load(self, world: Path, folder: Path, changed: Mapping[str, str]) -> None:
        """Create the tables by their DDL, and insert the rows with the numbers that they had."""
        rows = world / "ledger"
        with psycopg.connect(self._server.url(self._database)) as connection:
            connection.execute((rows / "schema.sql").read_bytes())
        with psycopg.connect(self._server.url(self._database, user=ADMIN)) as connection:
            # No order of the tables suits every foreign key that a later version may have.
            connection.execute("SET session_replication_role = replica")
            for table, row in _read_rows(rows, changed):
                insert = (
                    f"INSERT INTO {_SCHEMA}.{table} OVERRIDING SYSTEM VALUE"  # noqa: S608 - a name of the ledger itself
                    f" SELECT * FROM jsonb_populate_record(NULL::{_SCHEMA}.{table}, %s)"
                )
                connection.execute(insert.encode(), (Jsonb(row),))
            for one in json.loads((rows / "sequences.json").read_text()):
                connection.execute("SELECT setval(%s, %s)", (f"{_SCHEMA}.{one['sequence']}", one["last_value"]))

    def lose(self, folder: Path) -> None:
        """Remove the schema."""
        self._run(f"DROP SCHEMA {_SCHEMA} CASCADE")

    def read_tables(self, folder: Path) -> str:
        """Return the DDL as the database reports it."""
        return self._server.dump_schema(_SCHEMA, database=self._database)

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._server.run(statement, *values, database=self._database)


def _read_rows(rows: Path, changed: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for path in sorted(rows.glob("*.jsonl")):
        text = path.read_text()
        for line in (text if path.stem in _COVERED else replace_all(text, changed)).splitlines():
            yield path.stem, compact(json.loads(line))
