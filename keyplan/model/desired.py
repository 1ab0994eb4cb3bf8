"""A declaration made ready for comparison: spaces resolved to ids, marker attached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyplan.model.identity import ONLY_PROVIDER, Address, Identity, ProviderName, ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import Declaration, KeyType
from keyplan.model.observation import Access, Marker, Observation, split_marker
from keyplan.model.quick import quick
from keyplan.model.texts import compose, digest_texts


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """One key that should exist, as the provider would have to show it."""

    declaration: Declaration
    identity: Identity
    """Whose key it will be: that of its manifest."""
    marker: Marker | None
    """None if the manifest says `marker: false`."""
    access: Access | None
    """For a service key of Arize; None for any other key."""
    scope_id: ScopeId | None = None
    """The scope of a key that belongs to one without further access, such as a service account."""

    @property
    def owner(self) -> str:
        """The owner slug of its manifest."""
        return self.identity.owner

    @property
    def address(self) -> Address:
        """Address of the declaration."""
        return self.declaration.address

    @property
    def scope_ids(self) -> tuple[ScopeId, ...]:
        """Ids of its scopes, sorted; empty for a user key."""
        if self.scope_id is not None:
            return (self.scope_id,)
        return self.access.scope_ids() if self.access else ()

    @property
    def full_description(self) -> str:
        """What `description` is sent to the provider: the declared text and the marker."""
        text = self.declaration.description
        return self.marker.attach(text) if self.marker else text

    @property
    def shown_description(self) -> str:
        """The declared description as a listing would show it: read back like a remote one."""
        # A marker comes off as it went on. Without one, a declared text may itself end like a marker.
        text = self.declaration.description
        return text if self.marker else split_marker(text)[0]

    @property
    def texts_digest(self) -> str:
        """Digest of name and description, as a receipt remembers that they were asked for."""
        return digest_texts(self.declaration.name, self.shown_description)

    def expiry_from(self, now: datetime) -> datetime | None:
        """When a key that is issued at `now` should expire; None for never."""
        declared = self.declaration
        return now + declared.expires_in if declared.expires_in else declared.expires_at

    def refreshed_expiry(self, key: Observation, laws: Laws, now: datetime) -> datetime | None:
        """When a key that is refreshed at `now` should expire: as declared, but no later than the laws allow."""
        wanted = self.expiry_from(now)
        # docs/arize-api.md, A23 and A24: in alpha an omitted expiry means never, in beta a later one is refused.
        if key.expires_at is None or laws.refresh_extends_life:
            return wanted
        return min(wanted, key.expires_at) if wanted else key.expires_at


def address_of(key_type: KeyType, name: str, scope: str = "", *, provider: ProviderName = ONLY_PROVIDER) -> Address:
    """Return ``TYPE/NAME``, or ``service/SCOPE/NAME``, the scope as the manifest writes it; in normal form C."""
    # Service keys alone have a scope, with every provider.
    scoped = f"{_escape(scope)}/{_escape(name)}" if key_type is KeyType.SERVICE else _escape(name)
    return Address(f"{provider}:{key_type.value}/{scoped}" if provider else f"{key_type.value}/{scoped}")


def _escape(part: str) -> str:
    """Return a part without slashes; `%` is escaped too, so that no two names make one address."""
    # % first, or the % of %2F would be escaped again.
    return compose(part).replace("%", "%25").replace("/", "%2F")
