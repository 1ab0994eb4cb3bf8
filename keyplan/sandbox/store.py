"""Stores keys, finds them, lists them by the page and ends them. Of a raw key only its SHA-256 digest is stored.

The rules of the API are in `account` and the generations, not here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from keyplan.sandbox.database import Database, from_micros, to_micros
from keyplan.sandbox.formats import make_id
from keyplan.sandbox.records import Bot, Key, KeyKind, NewKey, grants_from_json, grants_json

_FIRST_NUMBER = 1001
_BOT_NUMBERS_FROM = 100_000
"""Bot users are users too; their numbers start above those of the seeded users."""

# A query for each index, so that a page of 100 out of 100,000 keys reads 100 rows.
_PAGES: Mapping[str, str] = MappingProxyType(
    {
        "user": """
            SELECT * FROM keys
            WHERE created_by = :creator AND is_dead = :is_dead AND number > :after AND visible_at <= :now
            ORDER BY number LIMIT :limit""",
        "user and kind": """
            SELECT * FROM keys
            WHERE created_by = :creator AND is_dead = :is_dead AND kind = :kind AND number > :after
              AND visible_at <= :now
            ORDER BY number LIMIT :limit""",
        "space": """
            SELECT keys.* FROM bindings JOIN keys ON keys.number = bindings.number
            WHERE bindings.space_id = :space_id AND bindings.is_dead = :is_dead AND bindings.number > :after
              AND (:creator IS NULL OR keys.created_by = :creator) AND keys.visible_at <= :now
            ORDER BY bindings.number LIMIT :limit""",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The keys of a listing. Without a space, `creator` must be set."""

    is_dead: bool
    kind: KeyKind | None
    creator: str | None
    space_id: str | None


class KeyStore:
    """All keys that were ever created, including dead ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def transaction(self) -> AbstractContextManager[None]:
        """Make the calls in the block one transaction."""
        return self._database.transaction()

    def add(self, new_key: NewKey) -> Key:
        """Store a key under a new number and id, and return it."""
        with self.transaction():
            # The number is the order of listings and the position of cursors, so it is never used again.
            number = self._next_number()
            bot_id = new_key.bot_id or (make_id("User", _BOT_NUMBERS_FROM + number) if new_key.grants else None)
            self._database.run(
                """INSERT INTO keys VALUES (:number, :id, :name, :description, :kind, 0, :redacted, :created_at,
                   :visible_at, :expires_at, :created_by, NULL, :bot_id, :grants)""",
                {
                    "number": number,
                    "id": make_id("ApiKey", number),
                    "name": new_key.name,
                    "description": new_key.description,
                    "kind": new_key.kind,
                    "redacted": new_key.redacted,
                    "created_at": to_micros(new_key.created_at),
                    "visible_at": to_micros(new_key.visible_at),
                    "expires_at": _optional_micros(new_key.expires_at),
                    "created_by": new_key.created_by,
                    "bot_id": bot_id,
                    "grants": json.dumps(grants_json(new_key.grants)) if new_key.grants else None,
                },
            )
            self._add_digest(new_key.digest, number)
            # A table of its own, because a listing of a space must find its keys by index.
            for space_id in new_key.grants.space_ids if new_key.grants else ():
                self._database.run(
                    "INSERT INTO bindings VALUES (:space_id, 0, :number)", {"space_id": space_id, "number": number}
                )
            return self._one("SELECT * FROM keys WHERE number = :value", number)

    def find(self, key_id: str) -> Key | None:
        """Return the key of that id, dead or alive; None if there is none."""
        return self._maybe("SELECT * FROM keys WHERE id = :value", key_id)

    def find_by_digest(self, digest: str) -> Key | None:
        """Return the key that a raw key belongs to or once belonged to, dead or alive; None if it is unknown."""
        return self._maybe("SELECT keys.* FROM digests JOIN keys USING (number) WHERE digest = :value", digest)

    def accepts(self, digest: str, now: datetime) -> bool:
        """Whether the raw key of that digest is accepted at that instant."""
        # `lives_until` is set for old raw keys under grace, and then counts instead of the key's own expiry.
        rows = self._database.run(
            """SELECT 1 FROM digests JOIN keys USING (number) WHERE digest = :digest AND NOT is_dead
               AND (coalesce(lives_until, expires_at) IS NULL OR coalesce(lives_until, expires_at) > :now)""",
            {"digest": digest, "now": to_micros(now)},
        )
        return bool(rows)

    def page(self, selection: Selection, *, after: int, limit: int, now: datetime) -> tuple[Key, ...]:
        """Return up to `limit` visible keys of a selection with numbers above `after`, in order of creation."""
        # Pages start after a number, not at an offset: a key that is created or ended meanwhile moves no other one.
        if selection.space_id is not None:
            query = _PAGES["space"]
        else:
            query = _PAGES["user and kind" if selection.kind else "user"]
        values: dict[str, object] = {
            "creator": selection.creator,
            "is_dead": selection.is_dead,
            "kind": selection.kind,
            "space_id": selection.space_id,
            "after": after,
            "limit": limit,
            "now": to_micros(now),
        }
        return tuple(_key(row) for row in self._database.run(query, values))

    def all(self) -> tuple[Key, ...]:
        """Return all keys, including dead and not yet listed ones, in order of creation."""
        return tuple(_key(row) for row in self._database.run("SELECT * FROM keys ORDER BY number"))

    def end(self, number: int) -> None:
        """Make a key dead, so that none of its raw keys works."""
        self._database.run("UPDATE keys SET is_dead = 1 WHERE number = :number", {"number": number})

    def end_expired(self, now: datetime) -> None:
        """Make all expired keys dead."""
        self._database.run(
            "UPDATE keys SET is_dead = 1 WHERE is_dead = 0 AND expires_at <= :now", {"now": to_micros(now)}
        )

    def shorten(self, number: int, expires_at: datetime) -> None:
        """Set a key's expiry."""
        self._database.run(
            "UPDATE keys SET expires_at = :at WHERE number = :number", {"number": number, "at": to_micros(expires_at)}
        )

    def note_use(self, number: int, at: datetime) -> None:
        """Record when a key was last used."""
        self._database.run(
            "UPDATE keys SET last_used_at = :at WHERE number = :number", {"number": number, "at": to_micros(at)}
        )

    def exchange(
        self, key: Key, *, digest: str, redacted: str, expires_at: datetime | None, old_until: datetime | None
    ) -> Key:
        """Give a key a new raw key under its old id; older ones work until `old_until`, or stop at once."""
        with self.transaction():
            self._bound_digests(key, old_until)
            self._add_digest(digest, key.number)
            self._database.run(
                """UPDATE keys SET redacted = :redacted, expires_at = :expires_at, last_used_at = NULL
                   WHERE number = :number""",
                {"redacted": redacted, "expires_at": _optional_micros(expires_at), "number": key.number},
            )
            return self._one("SELECT * FROM keys WHERE number = :value", key.number)

    def _bound_digests(self, key: Key, until: datetime | None) -> None:
        if until is None:
            # Without a digest a raw key is unknown, and gets 401 like any other unknown one.
            self._database.run("DELETE FROM digests WHERE number = :number", {"number": key.number})
            return
        self._database.run(
            # An earlier raw key whose grace ends sooner keeps its own end.
            "UPDATE digests SET lives_until = min(coalesce(lives_until, :until), :until) WHERE number = :number",
            {"number": key.number, "until": to_micros(until)},
        )

    def _add_digest(self, digest: str, number: int) -> None:
        self._database.run("INSERT INTO digests VALUES (:digest, :number, NULL)", {"digest": digest, "number": number})

    def _next_number(self) -> int:
        (row,) = self._database.run("SELECT max(number) AS highest FROM keys")
        return _FIRST_NUMBER if row["highest"] is None else int(row["highest"]) + 1

    def _maybe(self, query: str, value: object) -> Key | None:
        rows = self._database.run(query, {"value": value})
        return _key(rows[0]) if rows else None

    def _one(self, query: str, value: object) -> Key:
        (row,) = self._database.run(query, {"value": value})
        return _key(row)


def _optional_micros(instant: datetime | None) -> int | None:
    return None if instant is None else to_micros(instant)


def _optional_instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _key(row: sqlite3.Row) -> Key:
    return Key(
        number=row["number"],
        id=row["id"],
        name=row["name"],
        description=row["description"],
        kind=KeyKind(row["kind"]),
        is_dead=bool(row["is_dead"]),
        redacted=row["redacted"],
        created_at=from_micros(row["created_at"]),
        expires_at=_optional_instant(row["expires_at"]),
        created_by=row["created_by"],
        last_used_at=_optional_instant(row["last_used_at"]),
        bot=Bot(id=row["bot_id"], grants=grants_from_json(json.loads(row["grants"]))) if row["grants"] else None,
    )
