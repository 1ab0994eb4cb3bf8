"""Changes one object by compare-and-set: reads, decides, writes under a condition, and decides again if that fails.

A write whose answer got lost must be found out about by reading, never taken for done or for not done.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import LedgerDamagedError, LedgerError
from keyplan.ledgers.s3.client import S3Client, StoredObject, Written
from keyplan.ledgers.s3.failures import S3UnavailableError
from keyplan.ledgers.s3.proof import require_proof
from keyplan.ledgers.s3.records import from_body, to_body

_MOST_ROUNDS = 12
_LONGEST_PAUSE_SECONDS = 2.0

Values = Mapping[str, Any]
Decide = Callable[[Values | None], Values | None]
"""Given what an object holds, return what it is to hold: the same mapping if nothing is to change, None for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What an object held when it was read or written."""

    values: Values
    etag: str
    age: timedelta = timedelta(0)
    """How long ago it was written when it was read, by the store's clock."""
    at: datetime
    """When it was read or written, by the store's clock."""

    @property
    def content(self) -> Values | None:
        """The values; None if the object was emptied, because its store can't delete under a condition."""
        return self.values if len(self.values) > 1 else None


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of an object without a read: it saves one, and a write fails if it is wrong."""

    version: Version | None
    """None if there is no such object."""


class S3Objects:
    """The objects of one ledger. Safe for threads."""

    def __init__(self, client: S3Client, context: PluginContext) -> None:
        self.client = client
        self._clock = context.clock
        self._jitter = context.jitter

    def read(self, key: str) -> Version | None:
        """Return what an object holds; None if there is none. Raises LedgerDamagedError if it is not keyplan's."""
        found = self.client.get(key)
        return self._parse(key, found) if found else None

    def change(self, key: str, decide: Decide, *, belief: Belief | None = None) -> Version | None:
        """Have an object hold what `decide` returns, and return it as it is then; None if it is gone.

        `decide` may be called several times, and must have no effect but to raise. The last call had what is true.

        Raises:
            LedgerError: The store failed, or others changed the object each time.
        """
        may_delete = require_proof(self.client)
        # One for all attempts: an earlier one may arrive late, after it was given up.
        token = secrets.token_hex(8)
        current = belief.version if belief else self.read(key)
        is_fresh = belief is None
        for number in range(1, _MOST_ROUNDS + 1):
            before = current.content if current else None
            after = decide(before)
            if after is before:
                if is_fresh:
                    return current
                current = self.read(key)
            else:
                if after is None and may_delete and current:
                    done, current = self._delete(key, current)
                else:
                    done, current = self._write(key, to_body(after or {}, token), token, current)
                if done:
                    return current
                self._pause(number)
            is_fresh = True
        raise LedgerError(f"{self.client.name(key)}: others keep changing it", advice="apply again later")

    def _write(self, key: str, body: bytes, token: str, current: Version | None) -> tuple[bool, Version | None]:
        """Return whether the write happened, and what the object is now."""
        try:
            written = self._put(key, body, current)
        except S3UnavailableError:
            # Found out below. If it is still on its way, it asks for an ETag that is gone once this run has written.
            written = None
        if written:
            return True, Version(values=from_body(body), etag=written.etag, at=written.at)
        # Also a refusal may be about our own write: the SDK repeats a request whose answer got lost.
        found = self.read(key)
        return bool(found and found.values.get("token") == token), found

    def _put(self, key: str, body: bytes, current: Version | None) -> Written | None:
        return self.client.replace(key, body, etag=current.etag) if current else self.client.create(key, body)

    def _delete(self, key: str, current: Version) -> tuple[bool, Version | None]:
        try:
            if self.client.delete(key, etag=current.etag):
                return True, None
        except S3UnavailableError:
            pass  # found out by reading, as in `_write`
        found = self.read(key)
        return found is None, found

    def _parse(self, key: str, found: StoredObject) -> Version:
        try:
            values = from_body(found.body)
        except (ValueError, TypeError) as error:
            raise self.damaged(key) from error
        return Version(values=values, etag=found.etag, age=found.age, at=found.read_at)

    def damaged(self, key: str) -> LedgerDamagedError:
        """Return the error for an object that is not what its name says."""
        return LedgerDamagedError(
            f"{self.client.name(key)} is not an object of a keyplan ledger, or is damaged",
            advice="restore an earlier version of it, or remove it: the sinks' receipts lead to the same plan",
        )

    def _pause(self, number: int) -> None:
        longest = min(_LONGEST_PAUSE_SECONDS, 0.05 * 2**number)
        self._clock.sleep(timedelta(seconds=self._jitter(longest)))
