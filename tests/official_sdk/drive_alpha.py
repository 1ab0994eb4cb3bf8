"""Drives the sandbox's alpha generation through the official SDK `arize==8.10.0`, which breaks on any surplus field.

Started by run.py as `python drive_alpha.py HOST:PORT`, with the first credential in ARIZE_API_KEY.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from arize import ArizeClient
from proving import Proof

PRODUCTION = "U3BhY2U6MjAwMTphQmNE"
UNKNOWN_KEY = "QXBpS2V5Ojk6YUFhQQ=="
IN_A_MONTH = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


class Driver:
    """The calls that SDK 8.10.0 has for API keys, and its look-up of spaces."""

    def __init__(self, address: str, credential: str, proof: Proof) -> None:
        self.address = address
        self.client = self.connect(credential)
        self.keys = self.client.api_keys
        self.proof = proof

    def connect(self, raw_key: str) -> ArizeClient:
        """Return a client that presents a raw key."""
        return ArizeClient(api_key=raw_key, api_host=self.address, api_scheme="http")

    def works(self, raw_key: str) -> bool:
        """Whether a raw key authenticates; raises where it doesn't."""
        return self.connect(raw_key).api_keys.list() is not None

    def pages(self, **filters: object) -> list[Any]:
        """Return every key of a listing, two a page."""
        page = self.keys.list(limit=2, **filters)
        found = list(page.api_keys)
        while page.pagination.has_more:
            page = self.keys.list(limit=2, cursor=page.pagination.next_cursor, **filters)
            found += page.api_keys
        return found

    def create(self) -> None:
        """Create user and service keys."""
        check = self.proof.check
        made = self.keys.create(name="ci", description="for the build", expires_at=IN_A_MONTH)
        check("create user key", (made.key[:3], made.key_type, made.status) == ("ak-", "user", "active"))
        check("create: name and description", (made.name, made.description) == ("ci", "for the build"))
        check("create: expiry", made.expires_at == IN_A_MONTH)
        check("create: the raw key authenticates", self.works(made.key))
        bare = self.keys.create(name="bare")
        check("create user key without options", (bare.description, bare.expires_at) == (None, None))
        service = self.keys.create(name="svc", key_type="service", space_id=PRODUCTION)
        check("create service key", service.key_type == "service")
        check("create service key: the raw key authenticates", self.works(service.key))
        refused = self.proof.refused
        refused("create service key without a space", 400, lambda: self.keys.create(name="x", key_type="service"))

    def list(self) -> None:
        """List by page, type and status."""
        check = self.proof.check
        names = [key.name for key in self.pages()]
        check("list, several pages", names == ["keyplan sandbox", "ci", "bare", "svc"])
        check("list user keys", [key.name for key in self.pages(key_type="user")] == names[:3])
        check("list service keys", [key.name for key in self.pages(key_type="service")] == ["svc"])
        check("list active keys", [key.name for key in self.pages(status="active")] == names)
        check("list deleted keys", self.pages(status="deleted") == [])

    def refresh(self) -> None:
        """Refresh without and with an expiry."""
        check = self.proof.check
        made = self.keys.create(name="rotated", description="kept", expires_at=IN_A_MONTH)
        again = self.keys.refresh(api_key_id=made.id)
        check("refresh without options: another raw key", again.key != made.key)
        check("refresh without options: no expiry", again.expires_at is None)
        check("refresh: name and description stay", (again.name, again.description) == ("rotated", "kept"))
        check("refresh: the new raw key authenticates", self.works(again.key))
        self.proof.refused("refresh: the old raw key", 401, lambda: self.works(made.key))
        bounded = self.keys.refresh(api_key_id=again.id, expires_at=IN_A_MONTH)
        check("refresh with expiry", bounded.expires_at == IN_A_MONTH)
        later = IN_A_MONTH + timedelta(days=1)
        check("refresh extends a life", self.keys.refresh(api_key_id=bounded.id, expires_at=later).expires_at == later)

    def delete(self) -> None:
        """Delete, twice, and what does not exist."""
        check = self.proof.check
        made = self.keys.create(name="doomed")
        check("delete", self.keys.delete(api_key_id=made.id) is None)
        check("delete: gone from the list", made.id not in [key.id for key in self.pages()])
        check("delete: listed as deleted", made.id in [key.id for key in self.pages(status="deleted")])
        self.proof.refused("delete: the raw key", 401, lambda: self.works(made.key))
        check("delete again", self.keys.delete(api_key_id=made.id) is None)
        self.proof.refused("delete of an unknown id", 404, lambda: self.keys.delete(api_key_id=UNKNOWN_KEY))
        self.proof.refused("refresh of a deleted key", 404, lambda: self.keys.refresh(api_key_id=made.id))
        self.proof.refused("an unknown credential", 401, lambda: self.works("ak-nobody"))

    def spaces(self) -> None:
        """List spaces by page."""
        first = self.client.spaces.list(limit=2)
        self.proof.check("list spaces", [space.name for space in first.spaces] == ["production", "staging"])
        last = self.client.spaces.list(limit=2, cursor=first.pagination.next_cursor)
        self.proof.check("list spaces, last page", [space.name for space in last.spaces] == ["research"])


def main() -> None:
    """Drive every topic and leave with the count."""
    proof = Proof()
    driver = Driver(sys.argv[1], os.environ["ARIZE_API_KEY"], proof)
    for topic in (driver.create, driver.list, driver.refresh, driver.delete, driver.spaces):
        with proof.topic(topic.__name__):
            topic()
    proof.finish()


if __name__ == "__main__":
    main()
