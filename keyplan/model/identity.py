"""Ids, each a type of its own, and who a manifest is: whose marks, receipts and intents it may take for its own.

Nothing here decides whose a key is: a mark proves that only beside the key's creator (`planner.authority`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from keyplan.model.quick import quick

Address = NewType("Address", str)
"""``TYPE/NAME`` or ``TYPE/SCOPE/NAME``, such as ``user/NAME`` and ``service/SPACE/NAME``; unique in a manifest.

``/`` inside a part is ``%2F``. Keys of a provider that is not the default one begin with ``PROVIDER:``.
"""
KeyId = NewType("KeyId", str)
ScopeId = NewType("ScopeId", str)
OrganizationId = NewType("OrganizationId", str)
SinkName = NewType("SinkName", str)
UserId = NewType("UserId", str)
"""A user of the provider's account, as the provider names the creator of a key."""
ProviderName = NewType("ProviderName", str)
"""A provider of a manifest with several, under `providers`; empty for the only or default one."""
ManifestId = NewType("ManifestId", str)
"""What distinguishes two manifests of one owner: random, at the top of a manifest as `id`."""
NO_USER = UserId("")
"""A user that the provider does not show."""
ONLY_PROVIDER = ProviderName("")
"""The one that addresses do not name."""
NO_MANIFEST_ID = ManifestId("")
"""Of a manifest without `id`."""


def read_scope(address: Address) -> str:
    """Return SCOPE of ``TYPE/SCOPE/NAME``, as the manifest wrote it; empty for any other address."""
    _, *parts = address.split("/")
    # As `model.desired.address_of` escapes it: % last, or an escaped %2F would become a slash.
    return parts[0].replace("%2F", "/").replace("%25", "%") if len(parts) > 1 else ""


def read_provider(address: Address) -> ProviderName:
    """Return PROVIDER of ``PROVIDER:TYPE/...``; `ONLY_PROVIDER` for an address without one."""
    start, _, _ = address.partition("/")
    name, colon, _ = start.partition(":")
    return ProviderName(name) if colon else ONLY_PROVIDER


def qualify(provider: ProviderName, own_id: str) -> str:
    """Return an id of a key or scope as keyplan knows it: ``PROVIDER:ID`` for one of a further provider."""
    return f"{provider}:{own_id}" if provider else own_id


def unqualify(provider: ProviderName, known_id: str) -> str:
    """Return the id as its provider knows it."""
    return known_id.removeprefix(f"{provider}:") if provider else known_id


@quick
@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """Who a manifest is, on its keys, in its ledger and beside its secrets."""

    owner: str
    id: ManifestId = NO_MANIFEST_ID
    """Empty for a manifest without `id`."""

    def __str__(self) -> str:
        return f"{self.owner}:{self.id}" if self.id else self.owner


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Origin:
    """An address of another manifest, from which a declaration takes its key over."""

    identity: Identity
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Whose marks, receipts and intents a manifest may take for its own."""

    identity: Identity
    """Who the manifest is now."""
    formerly: tuple[Identity, ...] = ()
    """Whom it was before: everything of theirs is its own."""
    origins: tuple[Origin, ...] = ()
    """Addresses of other manifests: only what is theirs at that address is its own. Sorted."""

    @property
    def identities(self) -> tuple[Identity, ...]:
        """All identities whose marks count at every address: the present one first.

        What was written before the manifest had an id is its own. A former owner that is named without an id also
        stands for that owner with the present id, because the id stays when an owner is renamed.
        """
        own = self.identity
        known = dict.fromkeys([own, Identity(own.owner)])
        for former in self.formerly:
            known |= dict.fromkeys([former, *([] if former.id else [Identity(former.owner, own.id)])])
        return tuple(known)

    def covers(self, identity: Identity, address: Address) -> bool:
        """Whether what bears this identity, at this address of its own, is the manifest's."""
        # Without `formerly`, only the manifest itself and what it wrote before it had an id count.
        own = self.identity
        if identity == own or (identity.owner == own.owner and not identity.id):
            return True
        if not self.formerly and not self.origins:
            return False
        return identity in self.identities or Origin(identity=identity, address=address) in self.origins


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Departure:
    """An address whose key this manifest lets go without ending it: an entry of `removed`."""

    address: Address
    to: str
    """The owner that takes the key over."""
