"""Stores organizations and spaces, and small values that the state remembers."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from keyplan.sandbox.database import Database, from_micros, to_micros
from keyplan.sandbox.formats import make_id
from keyplan.sandbox.records import SandboxOrganization, SandboxSpace


class Directory:
    """The organizations and spaces of the sandbox's account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_organization(self, organization: SandboxOrganization) -> None:
        """Store an organization."""
        self._database.run(
            "INSERT INTO organizations VALUES (:number, :id, :name, :folded_name, :description, :created_at)",
            {
                "number": organization.number,
                "id": organization.id,
                "name": organization.name,
                "folded_name": organization.name.casefold(),
                "description": organization.description,
                "created_at": to_micros(organization.created_at),
            },
        )

    def add_space(
        self, name: str, *, organization_id: str, description: str, created_at: datetime, suffix: str | None = None
    ) -> SandboxSpace:
        """Store a space under the next number and return it; `suffix` is the end of its id, else it is derived."""
        with self._database.transaction():
            # Numbers start at 2001 like the vendor's example of a space id.
            (row,) = self._database.run("SELECT coalesce(max(number), 2000) + 1 AS number FROM spaces")
            self._database.run(
                """INSERT INTO spaces VALUES (:number, :id, :organization_id, :name, :folded_name, :description,
                   :created_at)""",
                {
                    "number": row["number"],
                    "id": make_id("Space", row["number"], suffix),
                    "organization_id": organization_id,
                    "name": name,
                    "folded_name": name.casefold(),
                    "description": description,
                    "created_at": to_micros(created_at),
                },
            )
            (stored,) = self._database.run("SELECT * FROM spaces WHERE number = :number", {"number": row["number"]})
            return _space(stored)

    def find_organization(self, organization_id: str) -> SandboxOrganization | None:
        """Return the organization of that id; None if there is none."""
        rows = self._database.run("SELECT * FROM organizations WHERE id = :id", {"id": organization_id})
        return _organization(rows[0]) if rows else None

    def find_space(self, space_id: str) -> SandboxSpace | None:
        """Return the space of that id; None if there is none."""
        rows = self._database.run("SELECT * FROM spaces WHERE id = :id", {"id": space_id})
        return _space(rows[0]) if rows else None

    def organizations(self, *, name: str, after: int, limit: int) -> tuple[SandboxOrganization, ...]:
        """Return up to `limit` organizations with numbers above `after` whose name contains a text, in any case."""
        # `instr` instead of LIKE: a name may contain % and _.
        rows = self._database.run(
            """SELECT * FROM organizations WHERE number > :after AND instr(folded_name, :name) ORDER BY number
               LIMIT :limit""",
            {"after": after, "name": name.casefold(), "limit": limit},
        )
        return tuple(_organization(row) for row in rows)

    def spaces(self, *, organization_id: str | None, name: str, after: int, limit: int) -> tuple[SandboxSpace, ...]:
        """Return up to `limit` spaces with numbers above `after`, like `organizations`; None means of all of them."""
        # SQLite folds only ASCII, so folded names are stored (docs/arize-api.md, A36: any part, in any case).
        rows = self._database.run(
            """SELECT * FROM spaces WHERE number > :after AND instr(folded_name, :name)
               AND (:organization_id IS NULL OR organization_id = :organization_id) ORDER BY number LIMIT :limit""",
            {"after": after, "name": name.casefold(), "organization_id": organization_id, "limit": limit},
        )
        return tuple(_space(row) for row in rows)

    def recall(self, name: str) -> str | None:
        """Return the value that is stored under a name; None if there is none."""
        rows = self._database.run("SELECT value FROM meta WHERE name = :name", {"name": name})
        return str(rows[0]["value"]) if rows else None

    def remember(self, name: str, value: str) -> None:
        """Store a value under a name, in place of an earlier one."""
        self._database.run("REPLACE INTO meta VALUES (:name, :value)", {"name": name, "value": value})


def _organization(row: sqlite3.Row) -> SandboxOrganization:
    return SandboxOrganization(
        number=row["number"],
        id=row["id"],
        name=row["name"],
        description=row["description"],
        created_at=from_micros(row["created_at"]),
    )


def _space(row: sqlite3.Row) -> SandboxSpace:
    return SandboxSpace(
        number=row["number"],
        id=row["id"],
        organization_id=row["organization_id"],
        name=row["name"],
        description=row["description"],
        created_at=from_micros(row["created_at"]),
    )
