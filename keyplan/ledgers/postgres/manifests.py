"""Finds the rows of one manifest among those of many: whose they are, and what may be taken over.

No row of another manifest or account may ever be read as ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from keyplan.errors import LedgerError, LedgerForeignError
from keyplan.ledgers.postgres.database import Transaction
from keyplan.model.identity import Identity, Lineage, ManifestId

ManifestKey = NewType("ManifestKey", int)
"""What the rows of one manifest and account have in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRows:
    """The rows of one manifest at one account of the provider."""

    lineage: Lineage
    account: str

    def find(self, transaction: Transaction) -> ManifestKey | None:
        """Return the key of the manifest's rows, or of a manifest that it was before; None if there are none.

        Raises:
            LedgerForeignError: The manifest has no id, and the rows of its owner have one.
        """
        found = self._find(transaction)
        return found[0] if found else None

    def claim(self, transaction: Transaction) -> ManifestKey:
        """Return the key, with the rows bearing the manifest's present owner and id from now on.

        Raises the error of `find`.
        """
        own = self.lineage.identity
        found = self._find(transaction)
        if found is None:
            new = transaction.find(
                "INSERT INTO {schema}.manifests (account, owner, manifest_id) VALUES (%s, %s, %s) RETURNING key",
                self.account,
                own.owner,
                own.id,
            )
            if new is None:
                raise LedgerError("the database did not number a new manifest", advice="check its triggers and rules")
            return ManifestKey(new[0])
        key, former = found
        if former == own:
            return key
        renamed = transaction.run(
            "UPDATE {schema}.manifests SET owner = %s, manifest_id = %s"
            " WHERE key = %s AND owner = %s AND manifest_id = %s",
            own.owner,
            own.id,
            key,
            former.owner,
            former.id,
        )
        # Another process may have taken them over since they were found, for this manifest or for another.
        return key if renamed else self.claim(transaction)

    def _find(self, transaction: Transaction) -> tuple[ManifestKey, Identity] | None:
        own, owners = self.lineage.identity, {identity.owner for identity in self.lineage.identities}
        rows = transaction.select(
            "SELECT key, owner, manifest_id FROM {schema}.manifests WHERE account = %s AND owner = ANY(%s)"
            " ORDER BY key",
            self.account,
            sorted(owners),
        )
        known = {Identity(owner, ManifestId(manifest_id)): ManifestKey(key) for key, owner, manifest_id in rows}
        # The present identity comes first. What is remembered without an id is of before the manifest had one.
        for identity in self.lineage.identities:
            if identity in known:
                return known[identity], identity
        if known and not own.id:
            whose = next(iter(known))
            raise LedgerForeignError(
                f"the ledger remembers another manifest of owner '{whose.owner}', with 'id: {whose.id}'",
                advice="give this manifest an 'id' of its own; or, if it is this one's own ledger, add the line: "
                f"id: {whose.id}",
            )
        return None
