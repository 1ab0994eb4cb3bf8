"""Proves that a store honours conditions of writes, on an object of its own, before a ledger relies on that.

Some stores that are compatible with S3 accept If-None-Match and If-Match, and ignore them: then two runs would both
hold one lock. docs/decisions/0018-a-ledger-in-s3.md
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from keyplan.errors import LedgerError
from keyplan.ledgers.s3.client import S3Client

_STALE = '"00000000000000000000000000000000"'
"""An ETag that no object has."""
_PROVEN: dict[tuple[str | None, str, str], bool] = {}
"""By endpoint, bucket and prefix: whether conditional deletes work, too. For the life of the process."""
_TURN = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a store was found to do."""

    creates: bool
    """Whether it refuses to create an object a second time."""
    replaces: bool
    """Whether it refuses to replace an object that has another ETag."""
    deletes: bool
    """Whether it refuses to delete an object that has another ETag. Not every store that does the others does this."""

    @property
    def ignored(self) -> str:
        """The conditions that it ignores and that a ledger can't do without; empty if it can be relied on."""
        names = (("If-None-Match: *", self.creates), ("If-Match", self.replaces))
        return " and ".join(name for name, is_honoured in names if not is_honoured)


def require_proof(client: S3Client) -> bool:
    """Return whether the store's conditional deletes can be relied on; all else is proven when this returns.

    Raises:
        LedgerError: The store ignores conditions, or could not be asked.
    """
    options = client.options
    key = (options.endpoint_url, options.bucket, options.prefix)
    with _TURN:
        if key not in _PROVEN:
            proof = prove(client)
            if proof.ignored:
                raise make_refusal(client, proof)
            _PROVEN[key] = proof.deletes
        return _PROVEN[key]


def make_refusal(client: S3Client, proof: Proof) -> LedgerError:
    """Return the error for a store that ignores conditions."""
    return LedgerError(
        f"{client.options.address}: the store accepts {proof.ignored} and ignores it, so that two runs could write "
        "at the same time",
        advice="use a store that honours conditional writes, such as Amazon S3, or another ledger",
    )


def prove(client: S3Client) -> Proof:
    """Write an object of a name that nothing else has, try what must be refused, and remove it.

    Raises:
        LedgerError: The store could not be asked.
    """
    key = f"{client.options.prefix}probe-{secrets.token_hex(8)}.json"
    first = client.create(key, b'{"probe": 1}')
    # Refused although nothing is there: the answer to the first request got lost, and the SDK repeated it.
    etag = first.etag if first else _read_etag(client, key)
    try:
        creates = client.create(key, b'{"probe": 2}') is None
        replaces = client.replace(key, b'{"probe": 3}', etag=_STALE) is None
        if creates and replaces and client.replace(key, b'{"probe": 4}', etag=etag) is None:
            raise LedgerError(
                f"{client.options.address}: the store refuses If-Match with the ETag that it gave itself",
                advice="use a store that honours conditional writes, such as Amazon S3, or another ledger",
            )
        deletes = not client.delete(key, etag=_STALE)
    finally:
        with suppress(LedgerError):
            found = client.get(key)
            if found:
                client.delete(key, etag=found.etag)
    return Proof(creates=creates, replaces=replaces, deletes=deletes)


def _read_etag(client: S3Client, key: str) -> str:
    found = client.get(key)
    if found is None:
        raise LedgerError(
            f"{client.name(key)}: the store refuses to create an object that does not exist",
            advice="check that the bucket's policy lets keyplan write there",
        )
    return found.etag
