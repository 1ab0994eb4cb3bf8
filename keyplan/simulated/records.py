"""What the simulated provider keeps: one record per key, its spaces, and the laws of its dialects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keyplan.model.identity import KeyId, OrganizationId, ScopeId, UserId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Access, Scope

ME = UserId("VXNlcjox")
"""Who the credential belongs to; keys of others are seen through their space alone, in beta."""
DAY = timedelta(days=1)
LAWS = {
    "alpha": Laws(
        dialect="alpha",
        refresh_extends_life=True,
        refresh_needs_expiry=False,
        longest_grace=timedelta(0),
        names_organizations=False,
        shows_scopes=False,
        shows_last_use=False,
    ),
    "beta": Laws(
        dialect="beta",
        refresh_extends_life=False,
        refresh_needs_expiry=True,
        longest_grace=DAY,
        names_organizations=True,
        shows_scopes=True,
        shows_last_use=True,
    ),
    # No refresh, and nothing is shown of a dead key.
    "phoenix": Laws(
        dialect="Phoenix",
        has_refresh=False,
        refresh_extends_life=False,
        refresh_needs_expiry=False,
        longest_grace=timedelta(0),
        names_organizations=False,
        shows_scopes=False,
        shows_last_use=False,
        shows_redacted=False,
        marks_prove_creator=True,
        listing_proves_absence=True,
        drops_expired=True,
    ),
    # Refresh alone: the id and one earlier raw key stay, names are unique, texts can be edited, nothing expires.
    "zenml": Laws(
        dialect="ZenML",
        scope_word="service account",
        refresh_extends_life=False,
        refresh_needs_expiry=False,
        longest_grace=30 * DAY,
        grace_step=timedelta(minutes=1),
        keeps_one_previous=True,
        takes_expiry=False,
        takes_organizations=False,
        takes_custom_roles=False,
        names_organizations=False,
        has_unique_names=True,
        editable=frozenset({"name", "description"}),
        shows_scopes=True,
        shows_last_use=False,
        shows_redacted=False,
        marks_prove_creator=True,
        listing_proves_absence=True,
    ),
}
"""By dialect: both of Arize, and those of the providers `phoenix` and `zenml`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One key as the provider knows it."""

    id: KeyId
    name: str
    key_type: KeyType
    description: str
    """With the marker."""
    access: Access | None
    scope_id: ScopeId | None = None
    """The scope of a key that has no further access."""
    raw: str = field(repr=False)
    active: bool = True
    created_at: datetime
    expires_at: datetime | None
    created_by: UserId = ME
    last_used_at: datetime | None = None
    rotated_at: datetime | None = None
    """When it was last refreshed; only where a refresh keeps the id."""
    graced: tuple[tuple[str, datetime], ...] = field(default=(), repr=False)
    """Former raw keys that work until an instant; only where a refresh keeps the id."""

    @property
    def redacted(self) -> str:
        """As the vendor shows it: head of six, three dots, tail of three."""
        return f"{self.raw[:6]}...{self.raw[-3:]}"

    @property
    def scope_ids(self) -> frozenset[ScopeId]:
        """Scopes that it can use; empty for a user key."""
        if self.scope_id is not None:
            return frozenset((self.scope_id,))
        return frozenset(self.access.scope_ids() if self.access else ())

    def is_live(self, now: datetime) -> bool:
        """Whether it works."""
        return self.active and (self.expires_at is None or self.expires_at > now)

    def accepts(self, raw: str, now: datetime) -> bool:
        """Whether that raw key works through this record."""
        graced = any(raw == old and now < until for old, until in self.graced)
        return self.active and (graced or (raw == self.raw and self.is_live(now)))


def make_space(name: str) -> Scope:
    """Return a space with ids that follow from its name."""
    return Scope(id=ScopeId(f"space-{name}"), name=name, organization_id=OrganizationId(f"org-of-{name}"))
