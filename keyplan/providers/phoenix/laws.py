"""What a Phoenix server allows and shows, as planning needs it (`docs/providers/phoenix.md`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from keyplan.model.laws import KeyForm, Laws
from keyplan.model.manifest import KeyType

KEY_FORMS: Final[tuple[KeyForm, ...]] = (KeyForm(key_type=KeyType.SYSTEM),)
"""The types of keys that can be declared. Users' own keys are listed, but only their users can create them."""

PHOENIX_LAWS: Final = Laws(
    dialect="Phoenix",
    key_types=frozenset({KeyType.SYSTEM}),
    # A raw key stays with its id for life: a key is renewed by another one beside it.
    has_refresh=False,
    refresh_extends_life=False,
    refresh_needs_expiry=False,
    longest_grace=timedelta(0),
    # At create alone; the server takes any instant in the future.
    takes_expiry=True,
    # Neither name nor description can be changed, and two keys may have one name during an overlap.
    editable=frozenset(),
    has_unique_names=False,
    takes_organizations=False,
    takes_custom_roles=False,
    names_organizations=False,
    shows_scopes=False,
    shows_last_use=False,
    shows_redacted=False,
    # The admin secret and the sessions of administrators alone create system keys, and nothing edits them. Users
    # describe their own keys as they like, so the parser takes no marker from those.
    marks_prove_creator=True,
    # One answer lists all system keys, or is 403.
    listing_proves_absence=True,
    # The server deletes expired keys every 10 s.
    drops_expired=True,
)
"""The laws of Phoenix 20."""
