"""What one dialect of a provider allows and shows: planning chooses by these laws alone, never by a provider's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from keyplan.model.manifest import KeyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """The laws of one dialect. The defaults are Arize's."""

    dialect: str
    """How messages name the API: `alpha` or `beta` of Arize, `Phoenix`, `ZenML`."""
    key_types: frozenset[KeyType] = frozenset({KeyType.USER, KeyType.SERVICE})
    """Types of keys that can be created; a listing may show others."""
    scope_word: str = "space"
    """What the provider calls a scope."""

    # Renewing.
    has_refresh: bool = True
    """Whether a key can be given a new raw key; if not, it is renewed by a new key beside it."""
    refresh_extends_life: bool
    """Whether a refresh may set an expiry later than the old one's."""
    refresh_needs_expiry: bool
    """Whether a refresh of a key with an expiry must name one."""
    longest_grace: timedelta
    """How long a refresh can keep the old raw key alive; zero: not at all."""
    grace_step: timedelta = timedelta(seconds=1)
    """A grace is rounded up to a multiple of this."""
    keeps_one_previous: bool = False
    """Whether a key has one earlier raw key at most: another refresh ends it, whatever its grace was."""

    # Creating and changing.
    takes_expiry: bool = True
    """Whether a key can have an expiry."""
    takes_organizations: bool = True
    """Whether a key may have several spaces, declared under `organizations`."""
    takes_custom_roles: bool = True
    takes_marker: bool = True
    """Whether a key has a text that can carry a marker; if not, ledger and `import` alone identify keys."""
    names_organizations: bool
    """Whether a create must name the organization of each space."""
    has_unique_names: bool = False
    """Whether no two live keys of one type and scope can have one name."""
    editable: frozenset[str] = frozenset()
    """Which of `name` and `description` can be changed while the raw key stays; then the writer is an `Editor`."""

    # Observing.
    shows_scopes: bool
    """Whether the scopes of a key can be observed."""
    shows_last_use: bool
    shows_redacted: bool = True
    """Whether a redacted form of each raw key is shown."""
    marks_prove_creator: bool = False
    """Whether only administrators can create or describe keys, so that a marker alone proves who made a key."""
    listing_proves_absence: bool = False
    """Whether a key that a complete listing does not show is certainly gone."""
    drops_expired: bool = False
    """Whether an expired key leaves the listing: one that is absent past its date is then expired, not deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyForm:
    """One type of keys that a provider can create, as manifests declare it.

    A provider's module lists them as `KEY_FORMS`. Keys of the provider `arize` have fields of their own instead:
    spaces, organizations and roles.
    """

    key_type: KeyType
    scope_field: str = ""
    """The field that names the key's scope: its name stands in the address. Empty for a key without a scope."""

    @property
    def address_pattern(self) -> str:
        """What addresses look like, for messages: ``system/NAME``, ``service/SERVICE_ACCOUNT/NAME``."""
        scope = f"{self.scope_field.upper()}/" if self.scope_field else ""
        return f"{self.key_type.value}/{scope}NAME"
